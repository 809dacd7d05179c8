/**
 * Relational nodes of the logical plan: frozen discriminated unions. Every node says which columns it puts out.
 * The ML nodes stand in `training.ts`.
 */
import type { AggregateCall, Column, ColumnId, Expression, SortKey, WindowCall } from './expressions.ts';

/** A table of one silo. `columns[i]` is the silo's own column `sourceColumns[i]`. */
export interface Scan {
  readonly kind: 'scan';
  readonly silo: string;
  /** The schema at the silo, when it is not the one the silo was created with. */
  readonly schema?: string;
  readonly table: string;
  /** The state of the past that is read: a version, a snapshot's id or a timestamp. */
  readonly version?: string;
  readonly sourceColumns: readonly string[];
  readonly columns: readonly Column[];
}

export interface Values {
  readonly kind: 'values';
  readonly rows: readonly (readonly Expression[])[];
  readonly columns: readonly Column[];
}

export interface Filter {
  readonly kind: 'filter';
  readonly input: RelationalNode;
  readonly predicate: Expression;
  readonly columns: readonly Column[];
}

/** `columns[i]` is `expressions[i]`. */
export interface Project {
  readonly kind: 'project';
  readonly input: RelationalNode;
  readonly expressions: readonly Expression[];
  readonly columns: readonly Column[];
}

export type JoinType = 'inner' | 'left' | 'right' | 'full' | 'cross' | 'semi' | 'anti';

export interface Join {
  readonly kind: 'join';
  readonly type: JoinType;
  readonly left: RelationalNode;
  readonly right: RelationalNode;
  readonly on?: Expression;
  /** The right side may use columns of the left. */
  readonly lateral?: boolean;
  readonly columns: readonly Column[];
}

/** `columns` are the group columns, then the aggregates. `groupingSets` holds indexes into `groups`. */
export interface Aggregate {
  readonly kind: 'aggregate';
  readonly input: RelationalNode;
  readonly groups: readonly Expression[];
  readonly groupingSets?: readonly (readonly number[])[];
  readonly aggregates: readonly AggregateCall[];
  readonly columns: readonly Column[];
}

/** `columns` are the input's columns, then the window calls. */
export interface Window {
  readonly kind: 'window';
  readonly input: RelationalNode;
  readonly calls: readonly WindowCall[];
  readonly columns: readonly Column[];
}

export interface Sort {
  readonly kind: 'sort';
  readonly input: RelationalNode;
  readonly keys: readonly SortKey[];
  readonly columns: readonly Column[];
}

export interface Limit {
  readonly kind: 'limit';
  readonly input: RelationalNode;
  readonly count?: Expression;
  readonly offset?: Expression;
  readonly withTies?: boolean;
  readonly columns: readonly Column[];
}

/** DISTINCT, or DISTINCT ON when `on` is given (its input is sorted). */
export interface Distinct {
  readonly kind: 'distinct';
  readonly input: RelationalNode;
  readonly on?: readonly Expression[];
  readonly columns: readonly Column[];
}

/** Columns are matched by position; `columns` have ids of their own. */
export interface SetOperation {
  readonly kind: 'set-operation';
  readonly operator: 'union' | 'intersect' | 'except';
  readonly all: boolean;
  readonly inputs: readonly RelationalNode[];
  /** For a federated table's union: the silo of each input, in order. */
  readonly silos?: readonly string[];
  readonly columns: readonly Column[];
}

/** A common table expression, computed once; `cte-reference` nodes name it. */
export interface With {
  readonly kind: 'with';
  readonly name: string;
  readonly recursive: boolean;
  readonly materialized?: boolean;
  readonly definition: RelationalNode;
  readonly body: RelationalNode;
  readonly columns: readonly Column[];
}

/** `columns[i]` is the definition's column `i`. */
export interface CteReference {
  readonly kind: 'cte-reference';
  readonly name: string;
  readonly columns: readonly Column[];
}

/** A function in FROM: generate_series, unnest … */
export interface TableFunction {
  readonly kind: 'table-function';
  readonly name: string;
  readonly args: readonly Expression[];
  readonly withOrdinality?: boolean;
  readonly columns: readonly Column[];
}

/** `silo.query('native SQL')`: text for one silo, as its user wrote it. */
export interface NativeQuery {
  readonly kind: 'native-query';
  readonly silo: string;
  readonly text: string;
  readonly columns: readonly Column[];
}

/**
 * The long way round (docs/design.md §1): text that the plan does not model. It runs on the mediator as it stands,
 * over the tables it reads, each of which is an input known to the text by `names[i]`. Between two of its `texts` stands
 * the value of a parameter.
 */
export interface MediatorQuery {
  readonly kind: 'mediator-query';
  readonly texts: readonly string[];
  readonly values: readonly Expression[];
  readonly inputs: readonly RelationalNode[];
  readonly names: readonly string[];
  readonly columns: readonly Column[];
}

/** Rows that are held in memory by the engine under a name: predictions, system tables. */
export interface MemoryTable {
  readonly kind: 'memory-table';
  readonly name: string;
  readonly columns: readonly Column[];
}

export type RelationalNode =
  | Scan
  | Values
  | Filter
  | Project
  | Join
  | Aggregate
  | Window
  | Sort
  | Limit
  | Distinct
  | SetOperation
  | With
  | CteReference
  | TableFunction
  | NativeQuery
  | MediatorQuery
  | MemoryTable;

/** Freezes a node together with its arrays. */
export function node<N extends RelationalNode>(fields: N): N {
  for (const value of Object.values(fields)) if (Array.isArray(value)) Object.freeze(value);
  return Object.freeze(fields);
}

/** A source of column ids for one statement. */
export function columnIds(): () => ColumnId {
  let next = 0;
  return () => next++;
}
