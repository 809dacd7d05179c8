/** What all binding of one statement shares, and the name space of one SELECT. */
import type { Node, SelectStmt } from '@pgsql/types';
import { CausewayError, type ErrorDetails, type Position, SQLSTATE } from '../../plan/errors.ts';
import type { AggregateCall, Column, ColumnId, Expression, WindowCall } from '../../plan/expressions.ts';
import type { RelationalNode, TableFunction } from '../../plan/nodes.ts';
import type { SqlType } from '../../plan/types.ts';
import type { Locate } from './parse.ts';
import type { BindScope, Relation } from './scope.ts';

/** Thrown where the plan has no word for what is written: the statement goes the long way round. */
export class NotModelled extends Error {
  readonly error: CausewayError;
  constructor(error: CausewayError) {
    super(error.message);
    this.error = error;
  }
}

/** State of one statement: column ids, parameter types, looked-up relations. */
export interface StatementContext {
  readonly scope: BindScope;
  readonly nextId: () => ColumnId;
  readonly relations: ReadonlyMap<string, LoadedRelation>;
  /** Types of `$1` …, by index, as far as they are known. */
  readonly parameters: Map<number, SqlType>;
  /** Names, in lower case, that no further common table expression of the plan may have. */
  readonly cteNames: Set<string>;
}

/** A relation with what had to be asked for before binding. */
export type LoadedRelation =
  | Exclude<Relation, { kind: 'view' }>
  | {
      readonly kind: 'view';
      readonly select: SelectStmt;
      readonly locate: Locate;
      readonly columns?: readonly string[];
    };

/** One thing in FROM, under its alias. */
export interface NamedRelation {
  readonly alias: string;
  readonly schema?: string;
  readonly columns: readonly NamedColumn[];
  /** Ids of the primary key's columns, when the relation is a table with one. */
  readonly key?: readonly ColumnId[];
}

export interface NamedColumn {
  readonly name: string;
  readonly expression: Expression;
}

/** The columns that FROM offers: `relations` by qualified name, `columns` unqualified and for `*`. */
export interface Namespace {
  readonly relations: readonly NamedRelation[];
  readonly columns: readonly NamedColumn[];
}

export const EMPTY: Namespace = Object.freeze({ relations: [], columns: [] });

/** A common table expression in scope. */
export interface Cte {
  readonly name: string;
  readonly columns: readonly Column[];
}

/** Where in a SELECT an expression stands, in PostgreSQL's words for error messages. */
export type Clause =
  | 'SELECT'
  | 'WHERE'
  | 'GROUP BY'
  | 'HAVING'
  | 'ORDER BY'
  | 'LIMIT'
  | 'OFFSET'
  | 'JOIN conditions'
  | 'functions in FROM'
  | 'FILTER'
  | 'VALUES'
  | 'window definitions'
  | 'aggregate arguments';

/** The name space of one SELECT. `clause` says where the expression at hand stands. */
export interface Level {
  readonly statement: StatementContext;
  readonly locate: Locate;
  readonly parent: Level | undefined;
  readonly ctes: ReadonlyMap<string, Cte>;
  readonly namespace: Namespace;
  readonly clause: Clause;
  /** Collectors of this SELECT's aggregates and window calls; absent where there is no SELECT around. */
  readonly collected?: Collected;
  readonly windows?: ReadonlyMap<string, Node>;
  readonly bindQuery: BindQuery;
}

/** Calls found while expressions are bound; each stands for a column made further up. */
export interface Collected {
  readonly aggregates: {
    readonly call: AggregateCall;
    readonly column: Column;
    readonly position: Position | undefined;
  }[];
  readonly windows: { readonly call: WindowCall; readonly column: Column }[];
  /** Set-returning functions of the select list. */
  readonly sets: SetInList[];
  /** `GROUPING(…)`: resolved once the groups are known. */
  readonly groupings: { readonly args: readonly Expression[]; readonly column: Column }[];
}

/** A set-returning function of the select list, and the column that stands for it there. */
export interface SetInList {
  readonly column: Column;
  readonly source: TableFunction;
}

/** A bound query; output columns by position. */
export interface BoundQuery {
  readonly plan: RelationalNode;
  readonly columns: readonly Column[];
}

/** Binds a subquery inside `level`. */
type BindQuery = (select: SelectStmt, level: Level) => BoundQuery;

/** The level with some fields replaced. */
export const within = (level: Level, changes: Partial<Level>): Level => ({ ...level, ...changes });

/** A new column of this statement. */
export const newColumn = (level: Level, name: string, type: SqlType): Column =>
  Object.freeze({ id: level.statement.nextId(), name, type });

export const reference = (column: Column): Expression =>
  Object.freeze({ kind: 'column', id: column.id, type: column.type });

/** An error at a syntax node. */
export function errorAt(
  level: Level,
  sqlstate: string,
  message: string,
  location: number | undefined,
  details: Omit<ErrorDetails, 'position'> = {},
): CausewayError {
  const position = location === -1 ? undefined : level.locate(location);
  return new CausewayError(sqlstate, message, { ...details, ...(position === undefined ? {} : { position }) });
}

/** A construct without a node in the plan. */
export const notModelled = (level: Level, what: string, location: number | undefined): NotModelled =>
  new NotModelled(errorAt(level, SQLSTATE.featureNotSupported, `${what} is not supported`, location));

/** The texts of a list of name parts. */
export const nameParts = (nodes: readonly Node[] | undefined): string[] =>
  (nodes ?? []).flatMap((node) => ('String' in node ? [node.String.sval ?? ''] : []));
