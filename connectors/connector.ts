/**
 * The interface between Causeway and a kind of silo (docs/design.md §8).
 *
 * A connector's author supplies: how to connect, which tables exist, one streaming call, and one data object that says
 * what the silo can do. Unparsing, residual filters, limit safety, retries and training are the engine's work.
 */
import type { RecordBatch } from 'apache-arrow';
import type { RelationalNode } from '../src/plan/nodes.ts';
import type { SqlType } from '../src/plan/types.ts';
import type { Capabilities } from './capabilities.ts';
import type { TrainingStep } from './training-step.ts';

/** One kind of silo: `postgres`, `duckdb`, `files` … */
export interface Connector {
  readonly kind: string;
  /** What `CREATE SILO … OPTIONS (…)` takes; an unknown name is an error that names the nearest known one. */
  readonly options: readonly OptionSpec[];
  readonly capabilities: Capabilities;
  /**
   * Opens the silo and proves that it answers.
   * @throws CausewayError naming the silo's address and the next action: wrong password, unreachable, missing file.
   */
  connect(options: SiloOptions, signal: AbortSignal): Promise<Silo>;
}

export interface OptionSpec {
  readonly name: string;
  readonly description: string;
  readonly required?: boolean;
  /** Never printed: replaced by `***` in logs, EXPLAIN, errors and `causeway.silos`. */
  readonly secret?: boolean;
}

export type SiloOptions = Readonly<Record<string, string>>;

/** An open silo. Disposing of it closes every connection it holds. */
export interface Silo extends AsyncDisposable {
  /** Identity of server + database + role: two silos with one context are one place, and may be joined inside. */
  readonly context: string;
  /** The schema of its tables that name none, where another silo of the same context can read them by it. */
  readonly schema?: string;
  /** Whose capabilities hold, where it is not the connector that opened the silo: the one behind an agent. */
  readonly behind?: Connector;
  /** What a statement would cost, by the silo's own word: a dry run that costs nothing. */
  estimate?(text: string, signal: AbortSignal): Promise<StatementEstimate>;
  tables(signal: AbortSignal): Promise<readonly TableInfo[]>;
  /** The table as it was at `version`, its columns of that time. @throws CausewayError when there is no such state. */
  tableAt?(table: TableName, version: string, signal: AbortSignal): Promise<TableInfo>;
  /** What the silo's own catalog knows; never counts rows. Undefined when it knows nothing. */
  statistics(table: TableName, signal: AbortSignal): Promise<TableStatistics | undefined>;
  /** What ANALYZE runs for what the catalog does not know. It reads the table, and may cost money. */
  measure?(table: TableInfo): Measurement;
  /** Runs one fragment. A failure at any time is an error of the result; rows are never silently missing. */
  run(fragment: Fragment, signal: AbortSignal): Promise<FragmentResult>;
  /** Creates or appends to a table from batches; all or nothing. */
  write?(request: WriteRequest, signal: AbortSignal): Promise<{ readonly rows: number }>;
  /** How the silo would send this statement's rows, where it has a choice and takes another way than its usual one. */
  transfer?(fragment: SqlFragment): string | undefined;
  /** Training inside the silo's own engine, where its owner has installed the code for it. */
  readonly trainingStep?: TrainingStep;
  /** Stores a new file at `path` below the silo's root. @throws CausewayError 42P07 when there is one already */
  storeFile?(path: string, body: Uint8Array, signal: AbortSignal): Promise<void>;
  /** Runs a statement as its owner wrote it (`statement ok` of the test suites, DDL); returns no rows. */
  execute?(text: string, signal: AbortSignal): Promise<void>;
  /** Columns of a native query, without running it: `silo.query('…')`. */
  describe?(text: string, signal: AbortSignal): Promise<readonly ColumnInfo[]>;
}

/** A statement of one row, and what the row says, each value in its type's text form. */
export interface Measurement {
  readonly text: string;
  readonly columns: readonly ResultColumn[];
  read(row: readonly (string | null)[]): TableStatistics;
}

export interface StatementEstimate {
  readonly money: number;
  /** Where it is from, for the user: `dry run: 1.2 TB`. */
  readonly basis: string;
}

export interface TableName {
  /** The silo's schema; the one it was created with when absent. */
  readonly schema?: string;
  readonly table: string;
  /** A state of the past: a version number, a snapshot's id or a timestamp. Only for silos with {@link Silo.tableAt}. */
  readonly version?: string;
}

export interface ColumnInfo {
  readonly name: string;
  readonly type: SqlType;
  readonly nullable: boolean;
  readonly comment?: string;
  /** False when the silo compares this text column by another order than `C`: order and ranges are not pushed. */
  readonly collationIsC?: boolean;
}

export interface TableInfo extends TableName {
  readonly columns: readonly ColumnInfo[];
  readonly kind: 'table' | 'view';
  readonly primaryKey?: readonly string[];
  readonly foreignKeys?: readonly ForeignKey[];
  readonly comment?: string;
  /** Why the table cannot be read; it has no columns then. The silo's other tables are not harmed. */
  readonly unreadable?: { readonly sqlstate: string; readonly message: string; readonly hint?: string };
}

export interface ForeignKey {
  readonly columns: readonly string[];
  readonly references: TableName & { readonly columns: readonly string[] };
}

export interface TableStatistics {
  /** Estimated rows. */
  readonly rows: number;
  /** Estimated bytes on disk, when known. */
  readonly bytes?: number;
  readonly columns: Readonly<Record<string, ColumnStatistics>>;
}

export interface ColumnStatistics {
  readonly distinct?: number;
  /** 0 … 1 */
  readonly nullFraction?: number;
  /** Average bytes of a value. */
  readonly width?: number;
  /** Bounds and histogram in the type's text form; numbers as numbers. */
  readonly min?: string | number;
  readonly max?: string | number;
  /** Equi-depth bucket bounds, without the most common values (as in pg_stats). */
  readonly histogram?: readonly (string | number)[];
  readonly mostCommon?: readonly { readonly value: string | number | boolean; readonly frequency: number }[];
}

/** A fragment over one table whose rows may be read in parts, over several connections at once. */
export interface SplitRequest {
  readonly table: TableName;
  /** The most connections it is worth. */
  readonly connections: number;
  /** The fragment's text over the table's rows for which `predicate`, native text, holds. */
  readonly textFor: (predicate: string) => string;
}

/** One statement in the silo's dialect. Results are bound by position: `columns[i]` is the i-th selected value. */
export interface SqlFragment {
  readonly kind: 'sql';
  readonly text: string;
  readonly columns: readonly ResultColumn[];
  /**
   * Text forms of `$1`, `$2` … in the text. Given (be it empty) for a text that is likely to come again: a silo may keep it
   * prepared.
   */
  readonly parameters?: readonly (string | null)[];
  /** All parts together must see one state of the table: without a common snapshot it is read in one piece. */
  readonly split?: SplitRequest;
  /** The subtree that the text was written from: an agent judges and compiles it anew. */
  readonly plan?: RelationalNode;
  /** How many rows are expected, where statistics are known. */
  readonly rows?: number;
}

/** Columns of one table under simple filters, for silos that speak no SQL. */
export interface ScanFragment {
  readonly kind: 'scan';
  readonly table: TableName;
  readonly sourceColumns: readonly string[];
  readonly columns: readonly ResultColumn[];
  /** All must hold. The silo may return more rows than match only where its capability says `superset`. */
  readonly filters: readonly ScanFilter[];
  readonly limit?: number;
  /** As in SqlFragment. */
  readonly plan?: RelationalNode;
}

export interface ScanFilter {
  readonly column: string;
  readonly operator: '=' | '<>' | '<' | '<=' | '>' | '>=' | 'in' | 'is_null' | 'is_not_null';
  /** One value, or the list of `in`; none for the NULL tests. */
  readonly values: readonly (string | number | bigint | boolean)[];
}

export type Fragment = SqlFragment | ScanFragment;

export interface ResultColumn {
  readonly name: string;
  readonly type: SqlType;
}

/** Rows as Arrow record batches, columns by position in the layout of `arrow.ts`. */
export interface BatchResult {
  readonly kind: 'batches';
  readonly columns: readonly ResultColumn[];
  readonly batches: AsyncIterable<RecordBatch>;
  /** What the user should know of how the rows were read; asked for once they were. */
  readonly notices?: () => readonly string[];
}

/**
 * Rows that the DuckDB mediator reads by itself, where that is cheaper: a FROM item (`read_parquet('…')`), after
 * attaching what `attach` names. Columns are by position in `select`.
 */
export interface RelationResult {
  readonly kind: 'relation';
  readonly columns: readonly ResultColumn[];
  readonly attach?: { readonly path: string; readonly alias: string };
  /** A complete SELECT in DuckDB's dialect. */
  readonly select: string;
  /** To be called once the rows were read, or will not be: until then the silo keeps the files they stand in. */
  readonly release?: () => Promise<void>;
}

export type FragmentResult = BatchResult | RelationResult;

export interface WriteRequest {
  readonly table: TableName;
  readonly columns: readonly ResultColumn[];
  readonly batches: AsyncIterable<RecordBatch>;
  /** `create` fails when the table exists. */
  readonly mode: 'create' | 'append';
}
