/** One SELECT … FROM … WHERE … GROUP BY … HAVING … with its ORDER BY, DISTINCT and LIMIT. */
import type { Node, SelectStmt } from '@pgsql/types';
import { SQLSTATE } from '../../plan/errors.ts';
import type { Expression, SortKey } from '../../plan/expressions.ts';
import { node, type RelationalNode } from '../../plan/nodes.ts';
import { sameExpression } from '../../plan/traverse.ts';
import { settle } from './coerce.ts';
import {
  type BoundQuery,
  type Collected,
  EMPTY,
  errorAt,
  type Level,
  type NamedColumn,
  nameParts,
  newColumn,
  notModelled,
  reference,
  type SetInList,
  within,
} from './context.ts';
import { bindCondition, bindExpression, locationOf } from './expression.ts';
import { bindFrom } from './from.ts';
import { type Aggregation, aggregation, bindGroups, placeOf } from './grouping.ts';
import { limited } from './limit.ts';
import { findRelation } from './names.ts';
import { outputName } from './output-name.ts';
import { sideBySide, withArgumentsOnce } from './side-by-side.ts';
import { sortKeys } from './sort-keys.ts';
import { timeFeatures } from './time-features.ts';

/** An item of the select list. */
interface Target {
  readonly name: string;
  readonly expression: Expression;
  readonly location: number | undefined;
}

/** Binds one SELECT core. `outer` is the level around it, with the CTEs in scope. */
export function bindSelectCore(select: SelectStmt, outer: Level): BoundQuery {
  if (select.intoClause !== undefined) throw notModelled(outer, 'SELECT INTO', undefined);
  const collected: Collected = { aggregates: [], windows: [], sets: [], groupings: [] };
  const base = within(outer, { namespace: EMPTY, clause: 'SELECT', collected });
  const from = bindFrom(select.fromClause ?? [], base);
  const windows = new Map(
    (select.windowClause ?? []).map((item) => ['WindowDef' in item ? (item.WindowDef.name ?? '') : '', item] as const),
  );
  const level = within(base, { namespace: from.namespace, windows });
  const at = (clause: Level['clause']) => within(level, { clause });

  let plan = from.plan;
  if (select.whereClause !== undefined) {
    const predicate = bindCondition(select.whereClause, at('WHERE'), 'WHERE');
    plan = node({ kind: 'filter', input: plan, predicate, columns: plan.columns });
  }
  const targets = (select.targetList ?? []).flatMap((item) => target(item, level));
  const groups = bindGroups(select.groupClause ?? [], select.groupDistinct === true, at('GROUP BY'), (item) =>
    groupByOutput(item, targets, level),
  );
  const having =
    select.havingClause === undefined ? undefined : bindCondition(select.havingClause, at('HAVING'), 'HAVING');
  const sorting = sortKeys(select.sortClause ?? [], level, (item) => sortExpression(item, targets, at('ORDER BY')));
  const on = distinctOn(select, targets, at('ORDER BY'));

  const grouped: Aggregation | undefined =
    (select.groupClause ?? []).length > 0 || having !== undefined || collected.aggregates.length > 0
      ? aggregation(plan, groups, collected, level)
      : undefined;
  if (grouped === undefined && collected.groupings.length > 0) {
    throw errorAt(level, '42803', 'GROUPING needs a GROUP BY', undefined);
  }
  const rewrite = (expression: Expression, location?: number): Expression =>
    grouped === undefined ? expression : grouped.rewrite(expression, location);
  const rewriteKey = (key: SortKey): SortKey => ({ ...key, expression: rewrite(key.expression) });

  const outputs = targets.map((item) => ({ ...item, expression: rewrite(item.expression, item.location) }));
  const keys = sorting.map(rewriteKey);
  const onKeys = on.map((expression) => rewrite(expression));
  const filter = having === undefined ? undefined : rewrite(having);
  const calls = collected.windows.map(({ call, column }) => ({
    column,
    call: {
      ...call,
      args: call.args.map((arg) => rewrite(arg)),
      partitionBy: call.partitionBy.map((part) => rewrite(part)),
      orderBy: call.orderBy.map(rewriteKey),
      ...(call.filter === undefined ? {} : { filter: rewrite(call.filter) }),
    },
  }));
  const sets = collected.sets.map(({ source, column }) => {
    return { column, source: node({ ...source, args: source.args.map((arg) => rewrite(arg)) }) };
  });

  if (grouped !== undefined) plan = grouped.node();
  if (filter !== undefined) plan = node({ kind: 'filter', input: plan, predicate: filter, columns: plan.columns });
  if (calls.length > 0) {
    const columns = [...plan.columns, ...calls.map(({ column }) => column)];
    plan = node({ kind: 'window', input: plan, calls: calls.map(({ call }) => call), columns });
  }
  plan = withSets(plan, sets, level);
  return ordered(plan, outputs, keys, onKeys, select, level);
}

/** Set-returning functions of the select list: each row is repeated for every value. */
function withSets(plan: RelationalNode, listed: readonly SetInList[], level: Level): RelationalNode {
  if (listed.length === 0) return plan;
  const { input: left, sets } = withArgumentsOnce(plan, listed, level);
  const right = sets.length === 1 ? sets[0]!.source : sideBySide(sets, level);
  const columns = [...left.columns, ...right.columns];
  return node({ kind: 'join', type: 'cross', left, right, lateral: true, columns });
}

/** Projection, DISTINCT, ORDER BY and LIMIT; sort keys that are not put out are carried along and dropped at the end. */
function ordered(
  input: RelationalNode,
  targets: readonly Target[],
  keys: readonly SortKey[],
  on: readonly Expression[],
  select: SelectStmt,
  level: Level,
): BoundQuery {
  const distinct = select.distinctClause !== undefined;
  const expressions = targets.map((item) => item.expression);
  const columns = targets.map((item) => newColumn(level, item.name, item.expression.type));
  const visible = columns.length;
  const columnOf = (expression: Expression): Expression => {
    let at = expressions.findIndex((other) => sameExpression(other, expression));
    if (at < 0) {
      if (distinct && on.length === 0) {
        const message = 'for SELECT DISTINCT, ORDER BY expressions must appear in select list';
        throw errorAt(level, '42P10', message, undefined);
      }
      at = expressions.push(expression) - 1;
      columns.push(newColumn(level, 'sort', expression.type));
    }
    return reference(columns[at]!);
  };
  // A constant puts nothing in order.
  const telling = keys.filter((key) => key.expression.kind !== 'literal');
  const sortedBy = telling.map((key) => ({ ...key, expression: columnOf(key.expression) }));
  const distinctOnKeys = on.map(columnOf);
  const shown = columns.slice(0, visible);

  let plan: RelationalNode = node({ kind: 'project', input, expressions, columns });
  const sort = () => {
    if (sortedBy.length > 0) plan = node({ kind: 'sort', input: plan, keys: sortedBy, columns: plan.columns });
  };
  if (on.length > 0) {
    sort();
    plan = node({ kind: 'distinct', input: plan, on: distinctOnKeys, columns: plan.columns });
    // DISTINCT keeps the order only by habit of one engine; said again, it holds for all.
    sort();
  } else {
    if (distinct) plan = node({ kind: 'distinct', input: plan, columns: plan.columns });
    sort();
  }
  plan = limited(plan, select, level);
  if (shown.length < columns.length) {
    plan = node({ kind: 'project', input: plan, expressions: shown.map(reference), columns: shown });
  }
  return { plan, columns: shown };
}

/** The select-list items one entry stands for. */
function target(item: Node, level: Level): readonly Target[] {
  if (!('ResTarget' in item)) throw notModelled(level, 'this item', locationOf(item));
  const { name, val, location } = item.ResTarget;
  const star = val === undefined ? undefined : starColumns(val, level);
  if (star !== undefined) return star.map((column) => ({ ...column, location }));
  const features = timeFeatures(val!, level, bindExpression);
  if (features !== undefined) {
    return features.map((feature) => ({
      name: name === undefined ? feature.name : `${name}_${feature.name}`,
      expression: bindExpression(feature.syntax, level),
      location,
    }));
  }
  const expression = bindExpression(val!, level);
  return [{ name: name ?? nameOf(val!, expression), expression, location: placeOf(item) }];
}

/** A scalar subquery lends its column's name. */
const nameOf = (syntax: Node, bound: Expression): string =>
  'SubLink' in syntax && bound.kind === 'subquery' && bound.form === 'scalar'
    ? bound.plan.columns[0]!.name
    : outputName(syntax);

/** The columns of `*` and `t.*`. */
function starColumns(syntax: Node, level: Level): readonly NamedColumn[] | undefined {
  if (!('ColumnRef' in syntax)) return undefined;
  const { fields = [], location } = syntax.ColumnRef;
  if (!fields.some((field) => 'A_Star' in field)) return undefined;
  const parts = nameParts(fields);
  if (parts.length > 0) return findRelation(level, parts, location).columns;
  if (level.namespace.relations.length === 0) {
    throw errorAt(level, SQLSTATE.syntaxError, 'SELECT * with no tables specified is not valid', location);
  }
  return level.namespace.columns;
}

/** GROUP BY 2, or by the name of an output column where no input column has that name. */
function groupByOutput(item: Node, targets: readonly Target[], level: Level): Expression | undefined {
  const byPosition = outputAt(item, targets, 'GROUP BY', level);
  if (byPosition !== undefined) return byPosition;
  const name = bareName(item);
  if (name === undefined || level.namespace.columns.some((column) => column.name === name)) return undefined;
  return outputNamed(name, targets, 'GROUP BY', item, level);
}

/** ORDER BY 2, ORDER BY alias, or any expression over the input. */
const sortExpression = (item: Node, targets: readonly Target[], level: Level): Expression => {
  const byPosition = outputAt(item, targets, 'ORDER BY', level);
  if (byPosition !== undefined) return byPosition;
  const name = bareName(item);
  const byName = name === undefined ? undefined : outputNamed(name, targets, 'ORDER BY', item, level);
  return settle(level.statement, byName ?? bindExpression(item, level));
};

const bareName = (item: Node): string | undefined => {
  const parts = 'ColumnRef' in item ? nameParts(item.ColumnRef.fields) : [];
  return parts.length === 1 ? parts[0] : undefined;
};

function outputAt(item: Node, targets: readonly Target[], clause: string, level: Level): Expression | undefined {
  if (!('A_Const' in item) || item.A_Const.ival === undefined) return undefined;
  const position = item.A_Const.ival.ival ?? 0;
  const found = targets[position - 1];
  if (found !== undefined) return found.expression;
  throw errorAt(level, '42P10', `${clause} position ${position} is not in select list`, item.A_Const.location);
}

function outputNamed(
  name: string,
  targets: readonly Target[],
  clause: string,
  item: Node,
  level: Level,
): Expression | undefined {
  const found = targets.filter((candidate) => candidate.name === name);
  if (found.some((candidate) => !sameExpression(candidate.expression, found[0]!.expression))) {
    throw errorAt(level, SQLSTATE.ambiguousColumn, `${clause} "${name}" is ambiguous`, locationOf(item), {
      hint: `Several output columns are named "${name}". Give the column's position instead.`,
    });
  }
  return found[0]?.expression;
}

/** The expressions of DISTINCT ON, which must be the first of ORDER BY. */
function distinctOn(select: SelectStmt, targets: readonly Target[], level: Level): readonly Expression[] {
  const items = (select.distinctClause ?? []).filter((item) => Object.keys(item).length > 0);
  return items.map((item) => sortExpression(item, targets, level));
}
