/** One SELECT under construction: clauses fill up in the order in which SQL evaluates them. */
import type { Dialect } from '../../connectors/dialect.ts';
import type { Column, ColumnId } from '../../src/plan/expressions.ts';
import { identifier } from './literals.ts';
import { atom, type Piece } from './piece.ts';

/** The last clause that is filled; a clause before it can only be added around a derived table. */
export const STAGE = { from: 0, where: 1, group: 2, window: 3, distinct: 4, order: 5, limit: 6, whole: 7 } as const;

export type Stage = (typeof STAGE)[keyof typeof STAGE];

/** The text of a column inside a SELECT. */
export interface ScopeEntry extends Piece {
  /** A column of a FROM item as it stands, not computed. */
  readonly plain: boolean;
  /** Must be computed once: it is volatile or holds a subquery. */
  readonly once?: boolean;
}

export type Scope = ReadonlyMap<ColumnId, ScopeEntry>;

export interface Select {
  readonly stage: Stage;
  /** `name AS (…)`; with `recursive`, WITH RECURSIVE. */
  readonly ctes: readonly string[];
  readonly recursive: boolean;
  /** '' for a SELECT without FROM. */
  readonly from: string;
  /** FROM is a join: it needs brackets as the right side of another one. */
  readonly joined?: boolean;
  readonly where: readonly string[];
  /** Undefined: no aggregation. Empty: one group of all rows. */
  readonly groups?: readonly string[];
  readonly having: readonly string[];
  /** `DISTINCT` or `DISTINCT ON (…)`. */
  readonly distinct?: string;
  readonly orderBy: string;
  readonly limit?: string;
  readonly offset?: string;
  /** Stage `whole`: the text of a set operation. */
  readonly whole?: string;
  readonly scope: Scope;
  readonly columns: readonly Column[];
}

export const fromItem = (from: string, scope: Scope, columns: readonly Column[]): Select => ({
  stage: STAGE.from,
  ctes: [],
  recursive: false,
  from,
  where: [],
  having: [],
  orderBy: '',
  scope,
  columns,
});

/** Names of result columns, unique within one SELECT and short enough for every dialect. */
export function uniqueNames(
  columns: readonly Column[],
  { plainNames }: Pick<Dialect, 'plainNames'> = {},
): readonly string[] {
  const taken = new Set<string>();
  return columns.map((column) => {
    const wished = plainNames ? column.name.replace(/^\d|[^A-Za-z0-9_]/g, '_') : column.name;
    const base = wished.slice(0, 48) || 'column';
    let name = base;
    for (let n = 1; taken.has(name.toLowerCase()); n++) name = `${base}_${n}`;
    taken.add(name.toLowerCase());
    return name;
  });
}

/** The complete text of the SELECT that puts out its columns in order. */
export function selectText(select: Select, dialect: Dialect): string {
  const ctes = select.ctes.length === 0 ? '' : `WITH ${select.recursive ? 'RECURSIVE ' : ''}${select.ctes.join(', ')} `;
  if (select.whole !== undefined) return ctes + select.whole;
  const names = uniqueNames(select.columns, dialect);
  const items = select.columns.map((column, i) => item(select.scope.get(column.id)!, names[i]!, dialect));
  const clauses = [
    `${ctes}SELECT${select.distinct === undefined ? '' : ` ${select.distinct}`} ${items.join(', ') || `1 AS ${identifier('one', dialect)}`}`,
    select.from === '' ? '' : `FROM ${select.from}`,
    select.where.length === 0 ? '' : `WHERE ${select.where.join(' AND ')}`,
    select.groups === undefined || select.groups.length === 0 ? '' : `GROUP BY ${select.groups.join(', ')}`,
    select.having.length === 0 ? '' : `HAVING ${select.having.join(' AND ')}`,
    select.orderBy,
    limitText(select, dialect),
  ];
  return clauses.filter((clause) => clause !== '').join(' ');
}

/** `t1."a"`, with an alias unless the column has that name already. */
function item(piece: ScopeEntry, name: string, dialect: Dialect): string {
  const alias = identifier(name, dialect);
  const named = piece.plain && piece.text.slice(piece.text.indexOf('.') + 1) === alias;
  return named ? piece.text : `${piece.text} AS ${alias}`;
}

function limitText({ limit, offset }: Select, dialect: Dialect): string {
  if (limit === undefined && offset === undefined) return '';
  if (dialect.limit === 'offset-fetch') {
    return `OFFSET ${offset ?? '0'} ROWS${limit === undefined ? '' : ` FETCH NEXT ${limit} ROWS ONLY`}`;
  }
  const count = limit ?? dialect.noLimit;
  return [count === undefined ? '' : `LIMIT ${count}`, offset === undefined ? '' : `OFFSET ${offset}`]
    .filter((part) => part !== '')
    .join(' ');
}

/** The SELECT as a derived table with an alias, ready for any further clause. */
export function wrap(select: Select, alias: string, dialect: Dialect, prefix = ''): Select {
  const names = uniqueNames(select.columns, dialect);
  const scope = new Map(select.columns.map((column, i) => [column.id, plainColumn(alias, names[i]!, dialect)]));
  return fromItem(`${prefix}(${selectText(select, dialect)}) AS ${alias}`, scope, select.columns);
}

export const plainColumn = (alias: string, name: string, dialect: Dialect): ScopeEntry => ({
  ...atom(`${alias}.${identifier(name, dialect)}`),
  plain: true,
});
