/** Whole queries: WITH, set operations, VALUES, and the SELECT cores they are made of. */
import type { CommonTableExpr, Node, SelectStmt } from '@pgsql/types';
import { SQLSTATE } from '../../plan/errors.ts';
import type { Column, Expression } from '../../plan/expressions.ts';
import { node, type RelationalNode, type SetOperation } from '../../plan/nodes.ts';
import { castsImplicitly } from '../../plan/signatures.ts';
import { nodesOf } from '../../plan/traverse.ts';
import { type SqlType, sameType, typeName } from '../../plan/types.ts';
import { commonType, convert, explicitCast, settle } from './coerce.ts';
import {
  type BoundQuery,
  type Cte,
  EMPTY,
  errorAt,
  type Level,
  nameParts,
  newColumn,
  notModelled,
  reference,
  within,
} from './context.ts';
import { bindExpression } from './expression.ts';
import { limited } from './limit.ts';
import { named } from './names.ts';
import { bindSelectCore } from './select.ts';
import { sortKeys } from './sort-keys.ts';

/** Binds a query inside `around`; untyped output columns become text. */
export function bindQuery(select: SelectStmt, around: Level): BoundQuery {
  return settled(bindUnsettled(select, around), around);
}

/** As {@link bindQuery}, with untyped literals left for a set operation to type. */
function bindUnsettled(select: SelectStmt, around: Level): BoundQuery {
  if ((select.lockingClause ?? []).length > 0) {
    throw errorAt(
      around,
      SQLSTATE.featureNotSupported,
      'row locks (FOR UPDATE, FOR SHARE) are not supported',
      undefined,
      {
        hint: 'Leave the clause out: a SELECT over silos changes nothing.',
      },
    );
  }
  const { collected: _, windows: __, ...rest } = around;
  const level: Level = { ...rest, parent: around, namespace: EMPTY, clause: 'SELECT' };
  const { withClause } = select;
  if (withClause === undefined) return bindBody(select, level);
  return withCtes(withClause.ctes ?? [], withClause.recursive === true, level, (inner) => bindBody(select, inner));
}

function bindBody(select: SelectStmt, level: Level): BoundQuery {
  if (select.op !== undefined && select.op !== 'SETOP_NONE') return setOperation(select, level);
  if (select.valuesLists !== undefined) return values(select, select.valuesLists, level);
  return bindSelectCore(select, level);
}

const settled = (query: BoundQuery, level: Level): BoundQuery =>
  query.columns.some((column) => column.type.kind === 'unknown')
    ? projected(
        query,
        query.columns.map((column) => settle(level.statement, reference(column))),
        level,
      )
    : query;

/** The query's rows with other expressions under the same names. */
function projected(query: BoundQuery, expressions: readonly Expression[], level: Level): BoundQuery {
  // A literal of a projection can be typed where it stands.
  const { plan } = query;
  const columns = query.columns.map((column, i) => newColumn(level, column.name, expressions[i]!.type));
  if (plan.kind === 'values') {
    const rows = plan.rows.map((row) => row.map((value, i) => convert(level.statement, value, columns[i]!.type)));
    return { plan: node({ ...plan, rows, columns }), columns };
  }
  const typed =
    plan.kind === 'project' ? expressions.map((cast, i) => literalCast(cast, plan.expressions[i]!, level)) : [];
  if (plan.kind === 'project' && typed.every((expression) => expression !== undefined)) {
    return { plan: node({ ...plan, expressions: typed, columns }), columns };
  }
  return { plan: node({ kind: 'project', input: plan, expressions, columns }), columns };
}

/** What `cast`, over a projection's column, is when put into the projection; undefined when that would repeat work. */
function literalCast(cast: Expression, projectedValue: Expression, level: Level): Expression | undefined {
  if (cast.kind === 'column') return projectedValue;
  if (cast.kind !== 'cast') return undefined;
  return convert(level.statement, projectedValue, cast.type);
}

function setOperation(select: SelectStmt, level: Level): BoundQuery {
  const operator = select.op === 'SETOP_UNION' ? 'union' : select.op === 'SETOP_INTERSECT' ? 'intersect' : 'except';
  const all = select.all === true;
  const arms = [select.larg!, select.rarg!].map((arm) => bindUnsettled(arm, level));
  const [left, right] = arms as [BoundQuery, BoundQuery];
  if (left.columns.length !== right.columns.length) {
    const message = `each ${operator.toUpperCase()} query must have the same number of columns`;
    throw errorAt(level, SQLSTATE.syntaxError, message, undefined);
  }
  const types = left.columns.map((column, i) =>
    commonType([column.type, right.columns[i]!.type], operator.toUpperCase()),
  );
  return sortedAndLimited(unite(operator, all, left, right, types, level), select, level);
}

function unite(
  operator: SetOperation['operator'],
  all: boolean,
  left: BoundQuery,
  right: BoundQuery,
  types: readonly SqlType[],
  level: Level,
): BoundQuery {
  const inputs = [left, right].map((arm) => conformed(arm, types, level).plan);
  const first = inputs[0]!;
  // a UNION b UNION c is one union of three.
  const flat =
    operator === 'union' && first.kind === 'set-operation' && first.operator === 'union' && first.all === all;
  const columns = left.columns.map((column, i) => newColumn(level, column.name, types[i]!));
  const members = flat && first.silos === undefined ? [...first.inputs, ...inputs.slice(1)] : inputs;
  return { plan: node({ kind: 'set-operation', operator, all, inputs: members, columns }), columns };
}

/** The query with its columns converted to `types`. */
function conformed(query: BoundQuery, types: readonly SqlType[], level: Level): BoundQuery {
  if (query.columns.every((column, i) => sameType(column.type, types[i]!))) return query;
  const expressions = query.columns.map((column, i) => explicitCast(level.statement, reference(column), types[i]!));
  return projected(query, expressions, level);
}

/** ORDER BY of a set operation or VALUES: output columns by name or position only. */
function sortedAndLimited(query: BoundQuery, select: SelectStmt, level: Level): BoundQuery {
  const { columns } = query;
  const keys = sortKeys(select.sortClause ?? [], level, (item) => outputColumn(item, columns, level));
  const sorted: RelationalNode =
    keys.length === 0 ? query.plan : node({ kind: 'sort', input: query.plan, keys, columns: query.plan.columns });
  return { plan: limited(sorted, select, level), columns };
}

function outputColumn(item: Node, columns: readonly Column[], level: Level): Expression {
  if ('A_Const' in item && item.A_Const.ival !== undefined) {
    const position = item.A_Const.ival.ival ?? 0;
    const found = columns[position - 1];
    if (found !== undefined) return reference(found);
    throw errorAt(level, '42P10', `ORDER BY position ${position} is not in select list`, item.A_Const.location);
  }
  if ('ColumnRef' in item) {
    const parts = nameParts(item.ColumnRef.fields);
    const found = parts.length === 1 ? named(columns, parts[0]!, (column) => column.name) : [];
    if (found.length > 0) return reference(found[0]!);
    const message = `column "${parts.join('.')}" does not exist`;
    throw errorAt(level, SQLSTATE.undefinedColumn, message, item.ColumnRef.location);
  }
  const message = 'invalid UNION/INTERSECT/EXCEPT ORDER BY clause';
  throw errorAt(level, SQLSTATE.featureNotSupported, message, undefined, {
    detail: 'Only result column names can be used, not expressions or functions.',
    hint: 'Add the expression/function to every SELECT, or move the UNION into a FROM clause.',
  });
}

function values(select: SelectStmt, lists: readonly Node[], level: Level): BoundQuery {
  const inside = within(level, { clause: 'VALUES' });
  const rows = lists.map((list) =>
    ('List' in list ? (list.List.items ?? []) : []).map((item) => bindExpression(item, inside)),
  );
  const width = rows[0]!.length;
  if (rows.some((row) => row.length !== width)) {
    throw errorAt(level, SQLSTATE.syntaxError, 'VALUES lists must all be the same length', undefined);
  }
  const types = rows[0]!.map((_, i) => {
    const column = rows.map((row) => row[i]!.type);
    return column.every((type) => type.kind === 'unknown') ? column[0]! : commonType(column, 'VALUES');
  });
  const typed = rows.map((row) => row.map((value, i) => convert(level.statement, value, types[i]!)));
  const columns = types.map((type, i) => newColumn(level, `column${i + 1}`, type));
  const plan = node({ kind: 'values', rows: typed, columns });
  // VALUES ('a') is untyped until its context says what it is.
  const query = { plan, columns };
  return sortedAndLimited(query, select, level);
}

interface BoundCte {
  readonly cte: Cte;
  readonly recursive: boolean;
  readonly materialized: boolean | undefined;
  readonly definition: RelationalNode;
}

/** Binds the CTEs in order, then the body, which is wrapped in those that it reads. */
function withCtes(
  items: readonly Node[],
  recursive: boolean,
  outer: Level,
  body: (level: Level) => BoundQuery,
): BoundQuery {
  const bound: BoundCte[] = [];
  const ctes = new Map(outer.ctes);
  let level = within(outer, { ctes });
  for (const item of items) {
    if (!('CommonTableExpr' in item)) continue;
    const next = bindCte(item.CommonTableExpr, recursive, level);
    bound.push(next);
    level = within(level, { ctes: new Map(level.ctes).set(item.CommonTableExpr.ctename ?? '', next.cte) });
  }
  const query = body(level);
  const plan = bound.reduceRight<RelationalNode>((inner, { cte, definition, materialized, recursive: self }) => {
    if (!refersTo(inner, cte.name)) return inner;
    return node({
      kind: 'with',
      name: cte.name,
      recursive: self,
      ...(materialized === undefined ? {} : { materialized }),
      definition,
      body: inner,
      columns: inner.columns,
    });
  }, query.plan);
  return { plan, columns: query.columns };
}

const refersTo = (plan: RelationalNode, name: string): boolean => {
  for (const inner of nodesOf(plan)) if (inner.kind === 'cte-reference' && inner.name === name) return true;
  return false;
};

function bindCte(written: CommonTableExpr, recursive: boolean, level: Level): BoundCte {
  const { ctename = '', ctequery, aliascolnames, ctematerialized, location } = written;
  if (ctequery === undefined || !('SelectStmt' in ctequery))
    throw notModelled(level, 'a statement that writes in WITH', location);
  if (written.search_clause !== undefined || written.cycle_clause !== undefined) {
    throw notModelled(level, 'SEARCH or CYCLE in WITH', location);
  }
  const name = planName(ctename, level);
  const renames = nameParts(aliascolnames);
  const renamed = (columns: readonly Column[]): Column[] => {
    if (renames.length > columns.length) {
      const message = `WITH query "${ctename}" has ${columns.length} columns available but ${renames.length} columns specified`;
      throw errorAt(level, '42P10', message, location);
    }
    return columns.map((column, i) => ({ ...column, name: renames[i] ?? column.name }));
  };
  const materialized =
    ctematerialized === 'CTEMaterializeAlways' ? true : ctematerialized === 'CTEMaterializeNever' ? false : undefined;
  const select = ctequery.SelectStmt;
  if (recursive && select.op === 'SETOP_UNION' && select.withClause === undefined) {
    const self = recursiveCte(select, ctename, name, renamed, level);
    if (self !== undefined) return { ...self, materialized };
  }
  const { plan, columns } = bindQuery(select, level);
  return { cte: { name, columns: renamed(columns) }, recursive: false, materialized, definition: plan };
}

/** A name for the plan that no other CTE and no table of the statement has, whatever their case. */
function planName(written: string, { statement: { cteNames } }: Level): string {
  let name = written;
  for (let n = 2; cteNames.has(name.toLowerCase()); n++) name = `${written}_${n}`;
  cteNames.add(name.toLowerCase());
  return name;
}

/** A CTE whose second UNION arm reads itself; undefined when it does not. */
function recursiveCte(
  select: SelectStmt,
  written: string,
  name: string,
  renamed: (columns: readonly Column[]) => readonly Column[],
  level: Level,
): Omit<BoundCte, 'materialized'> | undefined {
  const { parent: _, ...shared } = level;
  const inside: Level = { ...shared, parent: level };
  const start = bindQuery(select.larg!, inside);
  const cte: Cte = { name, columns: renamed(start.columns) };
  const step = bindQuery(select.rarg!, within(inside, { ctes: new Map(level.ctes).set(written, cte) }));
  if (!refersTo(step.plan, name)) return undefined;
  if (step.columns.length !== start.columns.length) {
    throw errorAt(level, SQLSTATE.syntaxError, 'each UNION query must have the same number of columns', undefined);
  }
  start.columns.forEach((column, i) => {
    const overall = step.columns[i]!.type;
    if (castsImplicitly(overall, column.type)) return;
    const message = `recursive query "${written}" column ${i + 1} has type ${typeName(column.type)} in non-recursive term but type ${typeName(overall)} overall`;
    throw errorAt(level, SQLSTATE.datatypeMismatch, message, undefined, {
      hint: 'Cast the output of the non-recursive term to the correct type.',
    });
  });
  const types = start.columns.map((column) => column.type);
  const columns = start.columns.map((column, i) => newColumn(level, cte.columns[i]!.name, column.type));
  const inputs = [start.plan, conformed(step, types, level).plan];
  const definition = node({ kind: 'set-operation', operator: 'union', all: select.all === true, inputs, columns });
  return { cte, recursive: true, definition };
}
