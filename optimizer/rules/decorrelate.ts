/**
 * Subqueries of WHERE and of the select list become joins: EXISTS and IN semi joins, NOT EXISTS and a NOT IN without NULLs anti joins, and a
 * correlated aggregate a left join with the aggregate grouped by the columns it was correlated by (Kim's method, with the
 * left join that keeps the rows of empty groups). What cannot be rewritten stays as it is.
 */
import type { ColumnId, Expression, Subquery } from '../../src/plan/expressions.ts';
import { type JoinType, node, type RelationalNode } from '../../src/plan/nodes.ts';
import {
  conjunction,
  conjuncts,
  hasSubquery,
  mapExpression,
  outerColumns,
  transformPlan,
} from '../../src/plan/traverse.ts';
import { scalar } from '../../src/plan/types.ts';
import { groupedByCorrelation } from './correlated-aggregate.ts';
import { freshIds } from './fresh-ids.ts';
import { isNeverNull } from './properties.ts';
import { pullUp } from './pull-up.ts';
import { referenceTo } from './union-branches.ts';

export function decorrelate(plan: RelationalNode): RelationalNode {
  const nextId = freshIds(plan);
  return transformPlan(plan, (each) => {
    if (each.kind === 'filter' && hasSubquery(each.predicate)) {
      let input = each.input;
      const kept: Expression[] = [];
      for (const part of conjuncts(each.predicate)) {
        const joined = semiJoin(part, input, each);
        if (joined !== undefined) {
          input = joined;
          continue;
        }
        const [expression, over] = withAggregates(part, input, nextId);
        input = over;
        kept.push(expression);
      }
      if (input === each.input) return each;
      const predicate = conjunction(kept) ?? truth;
      return node({ kind: 'filter', input, predicate, columns: each.columns });
    }
    if (each.kind === 'project' && each.expressions.some(hasSubquery)) {
      let { input } = each;
      const expressions = each.expressions.map((expression) => {
        const [rewritten, over] = withAggregates(expression, input, nextId);
        input = over;
        return rewritten;
      });
      return input === each.input ? each : node({ ...each, input, expressions });
    }
    return each;
  });
}

const truth: Expression = { kind: 'literal', value: true, type: scalar('boolean') };

const correlatedWithin = (subquery: Subquery, input: RelationalNode): boolean => {
  const available = new Set(input.columns.map(({ id }) => id));
  return [...outerColumns(subquery.plan)].every((id) => available.has(id));
};

/**
 * The input joined with the subquery of an EXISTS, IN or their negation that must hold; undefined for anything else.
 * @param filter the filter that it is part of, all of which must hold
 */
function semiJoin(part: Expression, input: RelationalNode, filter: RelationalNode): RelationalNode | undefined {
  const negated = part.kind === 'call' && part.name === 'not';
  const subquery = negated ? part.args[0] : part;
  if (subquery?.kind !== 'subquery' || !correlatedWithin(subquery, input)) return undefined;
  if (subquery.form === 'exists') {
    const pulled = pullUp(anyRow(subquery.plan));
    return pulled && joined(negated ? 'anti' : 'semi', input, pulled.plan, pulled.on);
  }
  if (subquery.form !== 'in' || (subquery.operator ?? '=') !== '=') return undefined;
  // A NULL on either side makes NOT IN unknown: it is an anti join only where there are none.
  if (negated && !comparesNoNulls(subquery, filter)) return undefined;
  const pulled = pullUp(subquery.plan);
  if (pulled === undefined) return undefined;
  const equalities = subquery.operands.map((operand, i): Expression => {
    const { id, type } = subquery.plan.columns[i]!;
    return { kind: 'call', name: '=', args: [operand, { kind: 'column', id, type }], type: scalar('boolean') };
  });
  return joined(negated ? 'anti' : 'semi', input, pulled.plan, [...equalities, ...pulled.on]);
}

const comparesNoNulls = ({ operands, plan }: Subquery, filter: RelationalNode): boolean =>
  operands.every((operand, i) => isNeverNull(operand, filter) && isNeverNull(referenceTo(plan.columns[i]!), plan));

function joined(
  type: JoinType,
  left: RelationalNode,
  right: RelationalNode,
  on: readonly Expression[],
): RelationalNode {
  const predicate = conjunction(on);
  const columns = type === 'left' ? [...left.columns, ...right.columns] : left.columns;
  return node({ kind: 'join', type, left, right, columns, ...(predicate === undefined ? {} : { on: predicate }) });
}

/** What EXISTS does not look at goes: the select list, order, DISTINCT, a limit that leaves a row. */
function anyRow(plan: RelationalNode): RelationalNode {
  switch (plan.kind) {
    case 'project':
    case 'sort':
    case 'distinct':
      return anyRow(plan.input);
    case 'limit': {
      const leavesRows =
        plan.offset === undefined && plan.count?.kind === 'literal' && Number(plan.count.value ?? 1) > 0;
      return leavesRows ? anyRow(plan.input) : plan;
    }
    default:
      return plan;
  }
}

/** The expression with its correlated aggregates read from joins that are put over the input. */
function withAggregates(
  expression: Expression,
  input: RelationalNode,
  nextId: () => ColumnId,
): readonly [Expression, RelationalNode] {
  let over = input;
  const rewritten = mapExpression(expression, (part) => {
    if (part.kind !== 'subquery' || part.form !== 'scalar' || !correlatedWithin(part, input)) return part;
    const grouped = groupedByCorrelation(part.plan, nextId);
    if (grouped === undefined) return part;
    over = joined('left', over, grouped.plan, grouped.on);
    return grouped.value;
  });
  return [rewritten, over];
}
