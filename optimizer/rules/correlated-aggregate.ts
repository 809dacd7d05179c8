/** A correlated aggregate as one aggregate of all groups, to be joined by what it was correlated by. */
import type { AggregateCall, Column, ColumnId, Expression } from '../../src/plan/expressions.ts';
import { type Aggregate, node, type RelationalNode } from '../../src/plan/nodes.ts';
import { columnsOf, hasSubquery, outerColumns, substitute } from '../../src/plan/traverse.ts';
import { scalar } from '../../src/plan/types.ts';
import { isAverage, quotient, sumAndCount } from './averages.ts';
import { COUNTS } from './properties.ts';
import { pullUp } from './pull-up.ts';

export interface GroupedAggregate {
  readonly plan: RelationalNode;
  /** Equalities of the surroundings' expressions and the groups. */
  readonly on: readonly Expression[];
  /** The subquery's value, over the columns of `plan`, NULL or not. */
  readonly value: Expression;
}

/** Undefined unless the plan is one aggregate of all rows that is correlated by equalities alone. */
export function groupedByCorrelation(plan: RelationalNode, nextId: () => ColumnId): GroupedAggregate | undefined {
  if (outerColumns(plan).size === 0) return undefined;
  const found = aggregateBelow(plan);
  const input = found === undefined ? undefined : pullUp(found.aggregate.input);
  if (found === undefined || input === undefined || input.on.length === 0) return undefined;

  const { aggregate } = found;
  const inside = new Set(input.plan.columns.map(({ id }) => id));
  const pairs = input.on.map((part) => sides(part, inside));
  if (!pairs.every((pair) => pair !== undefined)) return undefined;

  const keys = pairs.map(({ inner }) => ({ id: nextId(), name: 'key', type: inner.type }));
  const { calls, columns, values } = divided(aggregate, nextId);
  const grouped = node({
    ...aggregate,
    input: input.plan,
    groups: pairs.map(({ inner }) => inner),
    aggregates: calls,
    columns: [...keys, ...columns],
  });
  const on = pairs.map(({ outer }, i): Expression => {
    const { id, type } = keys[i]!;
    return { kind: 'call', name: '=', args: [outer, { kind: 'column', id, type }], type: scalar('boolean') };
  });
  return { plan: grouped, on, value: substitute(found.value, (id) => values.get(id)) };
}

/** The aggregate under the select list of a scalar subquery, and the list's one expression over its columns. */
function aggregateBelow(plan: RelationalNode): { aggregate: Aggregate; value: Expression } | undefined {
  if (plan.kind === 'project') {
    const below = aggregateBelow(plan.input);
    const [expression] = plan.expressions;
    if (below === undefined || expression === undefined || hasSubquery(expression)) return undefined;
    const [column] = plan.input.columns;
    // A select list over a select list: the inner value is known by its column.
    const value =
      plan.input.kind === 'project'
        ? substitute(expression, (id) => (id === column?.id ? below.value : undefined))
        : expression;
    const made = new Set(below.aggregate.columns.map(({ id }) => id));
    return [...columnsOf(value)].every((id) => made.has(id)) ? { ...below, value } : undefined;
  }
  if (plan.kind !== 'aggregate' || plan.groups.length > 0 || plan.groupingSets !== undefined) return undefined;
  const [column] = plan.columns;
  if (column === undefined) return undefined;
  return { aggregate: plan, value: { kind: 'column', id: column.id, type: column.type } };
}

interface Divided {
  readonly calls: readonly AggregateCall[];
  readonly columns: readonly Column[];
  /** What stands for the aggregate's own columns above the join, where that is more than the column. */
  readonly values: ReadonlyMap<ColumnId, Expression>;
}

/**
 * The calls as the groups compute them. An average is divided above the join, for the groups that found a partner only;
 * a group without rows has no row in the join, and its counts are 0.
 */
function divided(aggregate: Aggregate, nextId: () => ColumnId): Divided {
  const calls: AggregateCall[] = [];
  const columns: Column[] = [];
  const values = new Map<ColumnId, Expression>();
  aggregate.aggregates.forEach((call, i) => {
    const column = aggregate.columns[i]!;
    const parts = isAverage(call) ? sumAndCount(call) : [call];
    const own = parts.map(({ name, type }) => (parts.length === 1 ? column : { id: nextId(), name, type }));
    calls.push(...parts);
    columns.push(...own);
    const [first, second] = own.map(({ id, type }): Expression => ({ kind: 'column', id, type }));
    if (second !== undefined) values.set(column.id, quotient(first!, second, call.type));
    else if (COUNTS.has(call.name)) values.set(column.id, orZero(first!));
  });
  return { calls, columns, values };
}

const orZero = (count: Expression): Expression => ({
  kind: 'call',
  name: 'coalesce',
  args: [count, { kind: 'literal', value: 0, type: count.type }],
  type: count.type,
});

/** `inner = outer`, each side with columns of one side only. */
function sides(part: Expression, inside: ReadonlySet<ColumnId>): { inner: Expression; outer: Expression } | undefined {
  if (part.kind !== 'call' || part.name !== '=') return undefined;
  const [a, b] = part.args as readonly [Expression, Expression];
  const within = (expression: Expression): boolean => [...columnsOf(expression)].every((id) => inside.has(id));
  const without = (expression: Expression): boolean => ![...columnsOf(expression)].some((id) => inside.has(id));
  if (within(a) && without(b) && columnsOf(a).size > 0) return { inner: a, outer: b };
  return within(b) && without(a) && columnsOf(b).size > 0 ? { inner: b, outer: a } : undefined;
}
