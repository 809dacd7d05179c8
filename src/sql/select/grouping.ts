/** GROUP BY and aggregates: the groups, their sets, and expressions rewritten to read the aggregate's columns. */
import type { Node } from '@pgsql/types';
import { SQLSTATE } from '../../plan/errors.ts';
import type { AggregateCall, Column, ColumnId, Expression } from '../../plan/expressions.ts';
import { node, type RelationalNode } from '../../plan/nodes.ts';
import { mapExpressions, mapParts, sameExpression, transformPlan } from '../../plan/traverse.ts';
import { scalar } from '../../plan/types.ts';
import { settle } from './coerce.ts';
import { type Collected, errorAt, type Level, newColumn, reference } from './context.ts';
import { bindExpression, locationOf } from './expression.ts';
import { idsOf } from './names.ts';

export interface Groups {
  readonly expressions: readonly Expression[];
  /** Indexes into `expressions`; undefined for one plain set of all. */
  readonly sets?: readonly (readonly number[])[];
}

/** Binds the GROUP BY list; `outputs` finds an output column by position or name. */
export function bindGroups(
  items: readonly Node[],
  distinctSets: boolean,
  level: Level,
  output: (item: Node) => Expression | undefined,
): Groups {
  const expressions: Expression[] = [];
  const indexOf = (item: Node): number => {
    const expression = settle(level.statement, output(item) ?? bindExpression(item, level));
    const known = expressions.findIndex((other) => sameExpression(other, expression));
    return known >= 0 ? known : expressions.push(expression) - 1;
  };
  const sets = items.map((item) => setsOf(item, indexOf)).reduce(crossed, [[]]);
  const plain = !items.some((item) => 'GroupingSet' in item);
  if (plain) return { expressions };
  const kept = sets.map((set) => [...new Set(set)]);
  const key = (set: readonly number[]) => [...set].sort((a, b) => a - b).join();
  const distinct = distinctSets
    ? kept.filter((set, i) => kept.findIndex((other) => key(other) === key(set)) === i)
    : kept;
  return { expressions, sets: distinct };
}

type Sets = readonly (readonly number[])[];

const crossed = (a: Sets, b: Sets): Sets => a.flatMap((left) => b.map((right) => [...left, ...right]));

/** The grouping sets one GROUP BY item stands for (PostgreSQL's manual, §7.2.4). */
function setsOf(item: Node, indexOf: (item: Node) => number): Sets {
  if (!('GroupingSet' in item)) return [columnsOf(item, indexOf)];
  const { kind, content = [] } = item.GroupingSet;
  switch (kind) {
    case 'GROUPING_SET_EMPTY':
      return [[]];
    case 'GROUPING_SET_SETS':
      return content.flatMap((part) => setsOf(part, indexOf));
    case 'GROUPING_SET_ROLLUP': {
      const parts = content.map((part) => columnsOf(part, indexOf));
      return Array.from({ length: parts.length + 1 }, (_, i) => parts.slice(0, parts.length - i).flat());
    }
    case 'GROUPING_SET_CUBE': {
      const parts = content.map((part) => columnsOf(part, indexOf));
      const masks = Array.from({ length: 2 ** parts.length }, (_, i) => 2 ** parts.length - 1 - i);
      return masks.map((mask) => parts.filter((_, i) => (mask >> (parts.length - 1 - i)) & 1).flat());
    }
    default:
      return [content.flatMap((part) => columnsOf(part, indexOf))];
  }
}

/** `(a, b)` groups by both. */
const columnsOf = (item: Node, indexOf: (item: Node) => number): readonly number[] =>
  'RowExpr' in item ? (item.RowExpr.args ?? []).map(indexOf) : [indexOf(item)];

/** An aggregation in progress: the node is made when every expression above it has been rewritten. */
export interface Aggregation {
  /** Rewrites an expression over the input to one over the groups and aggregates. */
  rewrite(expression: Expression, location?: number): Expression;
  node(): RelationalNode;
}

/** Starts the aggregation of `input` by `groups`, with the aggregates collected so far. */
export function aggregation(input: RelationalNode, groups: Groups, collected: Collected, level: Level): Aggregation {
  const expressions = [...groups.expressions];
  const columns = expressions.map((expression) => groupColumn(expression, level));
  const local = idsOf(level.namespace);
  const calls: { readonly call: AggregateCall; readonly column: Column }[] = [];
  const made = new Set<ColumnId>();
  /** The same aggregate written twice is computed once. */
  const alias = new Map<ColumnId, Column>();
  const add = (call: AggregateCall, column: Column): void => {
    const same = calls.find((other) => sameAggregate(other.call, call));
    if (same === undefined) calls.push({ call, column });
    alias.set(column.id, same?.column ?? column);
    made.add(column.id);
  };
  for (const { call, column } of collected.aggregates) add(call, column);
  for (const { args, column } of collected.groupings) {
    const unknown = args.find((arg) => !expressions.some((group) => sameExpression(group, arg)));
    if (unknown !== undefined) {
      const message = 'arguments to GROUPING must be grouping expressions of the associated query level';
      throw errorAt(level, '42803', message, undefined);
    }
    add(Object.freeze({ name: 'grouping', args, distinct: false, orderBy: [], type: scalar('integer') }), column);
  }

  /** A column that follows from a grouped primary key may be read: it becomes a group of its own. */
  const dependent = (id: ColumnId): boolean => {
    if (groups.sets !== undefined) return false;
    const grouped = new Set(expressions.flatMap((group) => (group.kind === 'column' ? [group.id] : [])));
    return level.namespace.relations.some(
      ({ key, columns: offered }) =>
        key?.every((part) => grouped.has(part)) === true &&
        offered.some(({ expression }) => expression.kind === 'column' && expression.id === id),
    );
  };

  const rewrite = (expression: Expression, location: number | undefined): Expression => {
    const at = expressions.findIndex((group) => sameExpression(group, expression));
    if (at >= 0) return reference(columns[at]!);
    if (expression.kind === 'column') {
      if (made.has(expression.id)) return reference(alias.get(expression.id)!);
      if (!local.has(expression.id)) return expression;
      if (dependent(expression.id)) {
        expressions.push(expression);
        columns.push(groupColumn(expression, level));
        return reference(columns.at(-1)!);
      }
      throw ungrouped(expression.id, level, location);
    }
    const mapped = mapParts(expression, (part) => rewrite(part, location));
    if (mapped.kind !== 'subquery') return mapped;
    const plan = transformPlan(mapped.plan, (inner) => mapExpressions(inner, (own) => rewrite(own, location)));
    return { ...mapped, plan };
  };

  return {
    rewrite,
    node: () => {
      // HAVING alone makes one row of everything; a row needs a column.
      if (expressions.length === 0 && calls.length === 0) calls.push(countStar(level));
      return node({
        kind: 'aggregate',
        input,
        groups: expressions,
        ...(groups.sets === undefined ? {} : { groupingSets: groups.sets }),
        aggregates: calls.map(({ call }) => call),
        columns: [...columns, ...calls.map(({ column }) => column)],
      });
    },
  };
}

const countStar = (level: Level): { readonly call: AggregateCall; readonly column: Column } => {
  const type = scalar('bigint');
  return {
    call: Object.freeze({ name: 'count', args: [], distinct: false, orderBy: [], type }),
    column: newColumn(level, 'count', type),
  };
};

/** A group's column is named after the column it groups by. */
function groupColumn(expression: Expression, level: Level): Column {
  const source = level.namespace.columns.find((column) => sameExpression(column.expression, expression));
  return newColumn(level, source?.name ?? 'group', expression.type);
}

function sameAggregate(a: AggregateCall, b: AggregateCall): boolean {
  const all = (x: readonly Expression[], y: readonly Expression[]) =>
    x.length === y.length && x.every((part, i) => sameExpression(part, y[i]!));
  return (
    a.name === b.name &&
    a.distinct === b.distinct &&
    a.orderBy.length === 0 &&
    b.orderBy.length === 0 &&
    all(a.args, b.args) &&
    all(a.filter === undefined ? [] : [a.filter], b.filter === undefined ? [] : [b.filter])
  );
}

function ungrouped(id: ColumnId, level: Level, location: number | undefined): Error {
  for (const { alias, columns } of level.namespace.relations) {
    const found = columns.find(({ expression }) => expression.kind === 'column' && expression.id === id);
    if (found === undefined) continue;
    const message = `column "${alias}.${found.name}" must appear in the GROUP BY clause or be used in an aggregate function`;
    return errorAt(level, '42803', message, location);
  }
  return errorAt(level, SQLSTATE.internalError, `column ${id} is not grouped`, location);
}

/** Where an item of the select list stands, for errors that only show up after grouping. */
export const placeOf = (item: Node): number | undefined =>
  'ResTarget' in item ? item.ResTarget.location : locationOf(item);
