/**
 * LIMIT and top-N below what spans several silos: each branch of a UNION ALL, and the kept side of a left join, need no
 * more rows than the statement. The limit above stays. It is never put below a filter, a group or an inner join.
 */
import type { Expression, SortKey } from '../../src/plan/expressions.ts';
import { node, type RelationalNode } from '../../src/plan/nodes.ts';
import { columnsOf, mapExpression, transformPlan } from '../../src/plan/traverse.ts';
import { scalar } from '../../src/plan/types.ts';
import { isStable } from './properties.ts';
import { intoBranch, isUnionAll, silosOf } from './union-branches.ts';

export const pushLimits = (plan: RelationalNode): RelationalNode =>
  transformPlan(plan, (each) => {
    if (each.kind !== 'limit' || each.withTies === true || silosOf(each).size < 2) return each;
    const count = constant(each.count);
    const offset = each.offset === undefined ? 0 : constant(each.offset);
    if (count === undefined || offset === undefined) return each;
    const sorted = each.input.kind === 'sort' ? each.input : undefined;
    const below = limited(sorted?.input ?? each.input, count + offset, sorted?.keys ?? []);
    if (below === undefined) return each;
    return node({ ...each, input: sorted === undefined ? below : node({ ...sorted, input: below }) });
  });

const constant = (expression: Expression | undefined): number | undefined =>
  expression?.kind === 'literal' && expression.value !== null ? Number(expression.value) : undefined;

/** The plan with its sources limited to the first `count` rows by `keys`; undefined when that is not possible. */
function limited(plan: RelationalNode, count: number, keys: readonly SortKey[]): RelationalNode | undefined {
  if (plan.kind === 'project') {
    const values = new Map(plan.columns.map(({ id }, i) => [id, plan.expressions[i]!]));
    if (!plan.expressions.every(isStable)) return undefined;
    const below = keys.map((key) => ({
      ...key,
      expression: mapExpression(key.expression, (part) =>
        part.kind === 'column' ? (values.get(part.id) ?? part) : part,
      ),
    }));
    const input = limited(plan.input, count, below);
    return input && node({ ...plan, input });
  }
  if (isUnionAll(plan)) {
    const inputs = plan.inputs.map((input, branch) => {
      const translate = intoBranch(plan, branch);
      return first(
        input,
        count,
        keys.map((key) => ({ ...key, expression: translate(key.expression) })),
      );
    });
    return node({ ...plan, inputs });
  }
  if (plan.kind !== 'join' || plan.type !== 'left') return undefined;
  const left = new Set(plan.left.columns.map(({ id }) => id));
  const own = keys.every(({ expression }) => [...columnsOf(expression)].every((id) => left.has(id)));
  return own ? node({ ...plan, left: first(plan.left, count, keys) }) : undefined;
}

function first(input: RelationalNode, count: number, keys: readonly SortKey[]): RelationalNode {
  const { columns } = input;
  const sorted = keys.length === 0 ? input : node({ kind: 'sort', input, keys, columns });
  return node({
    kind: 'limit',
    input: sorted,
    count: { kind: 'literal', value: count, type: scalar('bigint') },
    columns,
  });
}
