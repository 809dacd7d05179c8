/**
 * A common table expression that is read more than once is computed for what any reader wants: a condition that all
 * readers share, else the conditions of all joined by OR, stands in its definition as well. MATERIALIZED is a fence.
 */
import type { ColumnId, Expression } from '../../src/plan/expressions.ts';
import { type CteReference, node, type RelationalNode, type With } from '../../src/plan/nodes.ts';
import {
  columnsOf,
  conjunction,
  conjuncts,
  nodesOf,
  sameExpression,
  substitute,
  transformPlan,
} from '../../src/plan/traverse.ts';
import { scalar } from '../../src/plan/types.ts';
import { isStable } from './properties.ts';

export const shareCtePredicates = (plan: RelationalNode): RelationalNode =>
  transformPlan(plan, (each) => (each.kind === 'with' ? narrowed(each) : each));

function narrowed(plan: With): RelationalNode {
  if (plan.recursive || plan.materialized === true) return plan;
  const wanted = wantedBy(plan);
  const predicate = wanted === undefined ? undefined : conjunction(shared(wanted));
  if (predicate === undefined) return plan;
  const { definition } = plan;
  const columns = definition.columns;
  return node({ ...plan, definition: node({ kind: 'filter', input: definition, predicate, columns }) });
}

/** Per reader its conditions over the definition's columns; undefined when one wants all rows. */
function wantedBy(plan: With): readonly (readonly Expression[])[] | undefined {
  const isReader = (each: RelationalNode): each is CteReference =>
    each.kind === 'cte-reference' && each.name === plan.name;
  const wanted: (readonly Expression[])[] = [];
  let readers = 0;
  for (const each of nodesOf(plan.body)) {
    if (isReader(each)) readers++;
    if (each.kind !== 'filter' || !isReader(each.input)) continue;
    const source = new Map(each.input.columns.map(({ id }, i) => [id, plan.definition.columns[i]!]));
    const conditions = conjuncts(each.predicate).filter(
      (part) => isStable(part) && [...columnsOf(part)].every((id) => source.has(id)),
    );
    if (conditions.length === 0) return undefined;
    wanted.push(conditions.map((part) => substitute(part, (id) => columnReference(source, id))));
  }
  return wanted.length === readers && readers > 0 ? wanted : undefined;
}

function columnReference(
  source: ReadonlyMap<ColumnId, { readonly id: ColumnId; readonly type: Expression['type'] }>,
  id: ColumnId,
): Expression | undefined {
  const column = source.get(id);
  return column === undefined ? undefined : { kind: 'column', id: column.id, type: column.type };
}

/** `a AND x`, `a AND y` → `a`, `x OR y`. */
function shared(wanted: readonly (readonly Expression[])[]): readonly Expression[] {
  const [first = [], ...others] = wanted;
  const common = first.filter((part) => others.every((other) => other.some((each) => sameExpression(each, part))));
  const rest = wanted.map((parts) => parts.filter((part) => !common.some((each) => sameExpression(each, part))));
  // Who wants no more than what is common wants all of it.
  if (rest.some((parts) => parts.length === 0)) return common;
  const args = rest.map((parts) => conjunction(parts)!);
  return [...common, Object.freeze({ kind: 'call', name: 'or', args, type: scalar('boolean') })];
}
