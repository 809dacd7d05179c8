/**
 * Features beyond the last row: those that the feature query computes from the time column alone (day of the week,
 * season) are computed for the coming times; all others keep their last value.
 */
import type { ColumnId, Expression } from '../../plan/expressions.ts';
import { node, type RelationalNode } from '../../plan/nodes.ts';
import { columnsOf, hasSubquery } from '../../plan/traverse.ts';
import type { SqlType } from '../../plan/types.ts';

export interface FutureFeatures {
  /** Evaluates the features over the given times: one row per time, one column per feature of `features`: double, or as it is. */
  readonly plan: RelationalNode;
  /** Positions among the feature list. */
  readonly features: readonly number[];
}

const DOUBLE: SqlType = { kind: 'double' };

/**
 * @param plan the feature query of one silo
 * @param coded which of the features hold categories: they keep their own type
 * @param times in text form, of type `time`
 * @returns undefined when no feature is a function of time
 */
export function futureFeatures(
  plan: RelationalNode,
  order: ColumnId,
  features: readonly ColumnId[],
  coded: readonly boolean[],
  times: readonly string[],
  time: SqlType,
): FutureFeatures | undefined {
  if (plan.kind !== 'project') return undefined;
  const expressionOf = (id: ColumnId): Expression | undefined =>
    plan.expressions[plan.columns.findIndex((column) => column.id === id)];
  const base = expressionOf(order);
  if (base?.kind !== 'column') return undefined;
  const computed = features.flatMap((id, position) => {
    const expression = expressionOf(id);
    if (expression === undefined || expression.kind === 'column' || hasSubquery(expression)) return [];
    const reads = columnsOf(expression);
    return [...reads].every((column) => column === base.id) ? [{ position, expression }] : [];
  });
  if (computed.length === 0 || times.length === 0) return undefined;
  const values = node({
    kind: 'values',
    rows: times.map((value) => [{ kind: 'literal' as const, value, type: time }]),
    columns: [{ id: base.id, name: 'time', type: time }],
  });
  return {
    features: computed.map(({ position }) => position),
    plan: node({
      kind: 'project',
      input: values,
      expressions: computed.map(({ expression, position }) =>
        coded[position] === true ? expression : { kind: 'cast' as const, operand: expression, type: DOUBLE },
      ),
      columns: computed.map(({ expression, position }, i) => ({
        id: -1 - i,
        name: `f${i}`,
        type: coded[position] === true ? expression.type : DOUBLE,
      })),
    }),
  };
}
