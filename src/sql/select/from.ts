/** FROM: tables, views, subqueries, functions and joins, each giving a plan and the names it offers. */
import type { Alias, JoinExpr, Node, RangeFunction, RangeSubselect, RangeVar } from '@pgsql/types';
import type { Column, Expression } from '../../plan/expressions.ts';
import { type JoinType, node, type RelationalNode } from '../../plan/nodes.ts';
import { conjunction, outerColumns } from '../../plan/traverse.ts';
import { scalar } from '../../plan/types.ts';
import { operator } from './calls.ts';
import {
  EMPTY,
  errorAt,
  type Level,
  type NamedColumn,
  type NamedRelation,
  type Namespace,
  nameParts,
  newColumn,
  notModelled,
  reference,
  within,
} from './context.ts';
import { bindCondition, locationOf } from './expression.ts';
import { tableFunction } from './from-function.ts';
import { usingColumns } from './join-using.ts';
import { literal } from './literals.ts';
import { relationPlan } from './relation.ts';

/** What a FROM item gives. */
export interface FromItem {
  readonly plan: RelationalNode;
  readonly namespace: Namespace;
}

/** One row without columns: FROM nothing. */
const singleRow = (): RelationalNode => node({ kind: 'values', rows: [[]], columns: [] });

/** Binds the FROM list: commas are cross joins, and lateral items see what stands before them. */
export function bindFrom(items: readonly Node[], level: Level): FromItem {
  let all: FromItem | undefined;
  for (const item of items) {
    const next = fromItem(item, level, all?.namespace ?? EMPTY);
    all = all === undefined ? next : combine(all, next, 'cross', undefined, merge(all.namespace, next.namespace));
    requireDistinctAliases(all.namespace, level, item);
  }
  return all ?? { plan: singleRow(), namespace: EMPTY };
}

/** `before` is what a lateral item may read. */
function fromItem(syntax: Node, level: Level, before: Namespace): FromItem {
  if ('RangeVar' in syntax) return rangeVar(syntax.RangeVar, level);
  if ('RangeSubselect' in syntax) return subselect(syntax.RangeSubselect, level, before);
  if ('JoinExpr' in syntax) return join(syntax.JoinExpr, level, before);
  if ('RangeFunction' in syntax) {
    return aliased(fromFunction(syntax.RangeFunction, level, before), syntax.RangeFunction.alias, level);
  }
  const what = 'RangeTableSample' in syntax ? 'TABLESAMPLE' : (Object.keys(syntax)[0] ?? 'this FROM item');
  throw notModelled(level, what, locationOf(syntax));
}

function rangeVar(written: RangeVar, level: Level): FromItem {
  const name = written.relname ?? '';
  const cte = written.schemaname === undefined ? level.ctes.get(name) : undefined;
  if (cte !== undefined) {
    const columns = cte.columns.map((column) => newColumn(level, column.name, column.type));
    const plan = node({ kind: 'cte-reference', name: cte.name, columns });
    return aliased(named(plan, name), written.alias, level);
  }
  const { plan, key } = relationPlan(written, level);
  // `events FOR VERSION AS OF 3` goes by the name `events`.
  const shown = plan.kind === 'scan' && plan.version !== undefined ? plan.table : name;
  return aliased(named(plan, shown, written.schemaname, key), written.alias, level);
}

function subselect(written: RangeSubselect, level: Level, before: Namespace): FromItem {
  const { subquery, alias, lateral } = written;
  if (subquery === undefined || !('SelectStmt' in subquery)) throw notModelled(level, 'this subquery', undefined);
  const { plan } = level.bindQuery(subquery.SelectStmt, within(level, { namespace: lateral ? before : EMPTY }));
  return aliased(named(plan, alias?.aliasname ?? ''), alias, level);
}

/** Functions see the items before them without LATERAL being written. */
function fromFunction(written: RangeFunction, level: Level, before: Namespace): FromItem {
  const inside = within(level, { namespace: before, clause: 'functions in FROM' });
  const { plan, name } = tableFunction(written, inside);
  return named(plan, written.alias?.aliasname ?? name);
}

/** A plan's columns under one name. */
function named(plan: RelationalNode, alias: string, schema?: string, key?: readonly number[]): FromItem {
  const columns = plan.columns.map((column) => ({ name: column.name, expression: reference(column) }));
  const relation: NamedRelation = {
    alias,
    columns,
    ...(schema === undefined ? {} : { schema }),
    ...(key === undefined ? {} : { key }),
  };
  return { plan, namespace: { relations: [relation], columns } };
}

/** The item under its written alias, its columns renamed from the left. */
function aliased(item: FromItem, alias: Alias | undefined, level: Level): FromItem {
  if (alias === undefined) return item;
  const renames = nameParts(alias.colnames);
  const { columns: visible, relations } = item.namespace;
  if (renames.length > visible.length) {
    const message = `table "${alias.aliasname}" has ${visible.length} columns available but ${renames.length} columns specified`;
    throw errorAt(level, '42P10', message, undefined);
  }
  const columns = visible.map((column, i): NamedColumn => ({ ...column, name: renames[i] ?? column.name }));
  const key = relations.length === 1 ? relations[0]!.key : undefined;
  const relation = { alias: alias.aliasname ?? '', columns, ...(key === undefined ? {} : { key }) };
  return { plan: item.plan, namespace: { relations: [relation], columns } };
}

const merge = (a: Namespace, b: Namespace): Namespace => ({
  relations: [...a.relations, ...b.relations],
  columns: [...a.columns, ...b.columns],
});

const JOIN_TYPES: Readonly<Record<string, JoinType>> = {
  JOIN_INNER: 'inner',
  JOIN_LEFT: 'left',
  JOIN_RIGHT: 'right',
  JOIN_FULL: 'full',
};

function join(written: JoinExpr, level: Level, before: Namespace): FromItem {
  const { jointype, isNatural, larg, rarg, usingClause, quals, alias } = written;
  const type = JOIN_TYPES[jointype ?? 'JOIN_INNER'];
  if (type === undefined) throw notModelled(level, `${jointype}`, undefined);
  const left = fromItem(larg!, level, before);
  const right = fromItem(rarg!, level, merge(before, left.namespace));
  let namespace = merge(left.namespace, right.namespace);
  requireDistinctAliases(namespace, level, rarg!);
  let on: Expression | undefined;
  if (isNatural || usingClause !== undefined) {
    const names = isNatural ? undefined : nameParts(usingClause);
    const merged = usingColumns(left.namespace, right.namespace, names, type, level);
    on = conjunction(merged.pairs.map(([a, b]) => operator(level, '=', [a, b], undefined)));
    namespace = { relations: namespace.relations, columns: merged.columns };
    const usingAlias = written.join_using_alias?.aliasname;
    if (usingAlias !== undefined) {
      const relation = { alias: usingAlias, columns: merged.columns.slice(0, merged.pairs.length) };
      namespace = { ...namespace, relations: [...namespace.relations, relation] };
    }
  } else if (quals !== undefined) {
    on = bindCondition(quals, within(level, { namespace, clause: 'JOIN conditions' }), 'JOIN/ON');
  }
  // NATURAL without a common column joins every row with every other, and still keeps the rows of an empty side's partner.
  if (on === undefined && type !== 'inner') on = literal(true, scalar('boolean'));
  const joined = combine(left, right, on === undefined ? 'cross' : type, on, namespace);
  return alias === undefined ? joined : aliased(joined, alias, level);
}

function combine(
  left: FromItem,
  right: FromItem,
  type: JoinType,
  on: Expression | undefined,
  namespace: Namespace,
): FromItem {
  const offered = new Set(left.plan.columns.map((column) => column.id));
  const lateral = [...outerColumns(right.plan)].some((id) => offered.has(id));
  const columns: Column[] = [...left.plan.columns, ...right.plan.columns];
  const plan = node({
    kind: 'join',
    type,
    left: left.plan,
    right: right.plan,
    ...(on === undefined ? {} : { on }),
    ...(lateral ? { lateral } : {}),
    columns,
  });
  return { plan, namespace };
}

function requireDistinctAliases({ relations }: Namespace, level: Level, syntax: Node): void {
  const seen = new Set<string>();
  for (const { alias, schema } of relations) {
    const full = `${schema ?? ''}.${alias}`;
    if (alias !== '' && seen.has(full)) {
      throw errorAt(level, '42712', `table name "${alias}" specified more than once`, locationOf(syntax), {
        hint: 'Give one of them an alias: … AS other_name.',
      });
    }
    seen.add(full);
  }
}
