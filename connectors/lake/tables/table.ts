/** What every table layout (folder of files, Delta Lake, Iceberg) tells the scan: columns, and files with their facts. */
import type { ColumnInfo, ScanFilter, WriteRequest } from '../../connector.ts';
import type { Bounds } from '../bounds.ts';
import type { FileFormat } from '../formats/format.ts';
import type { TextShape } from '../formats/text.ts';
import type { ObjectInfo } from '../stores/store.ts';

export interface LakeColumn extends ColumnInfo {
  /** The type in which DuckDB reads it, in DuckDB's spelling. */
  readonly duckType: string;
  /** An expression in DuckDB's SQL that makes the column's value of what the files hold, where that differs. */
  readonly restore?: (value: string) => string;
  /** Where its values stand: in the files under a name or a field id, or in the file's partition values. */
  readonly source: FieldSource | { readonly kind: 'partition'; readonly key: string };
}

export interface FieldSource {
  readonly kind: 'field';
  readonly id: string | number;
  /** Names under which files without field ids may hold it. */
  readonly names?: readonly string[];
  /** Its value, in text form, in files that were written before the column was added; NULL when absent. */
  readonly initial?: string;
}

export interface DataFile {
  readonly object: ObjectInfo;
  /** By partition key, in text form; null is NULL. */
  readonly partition: Readonly<Record<string, string | null>>;
  /** The value of a column that the file itself may lack because it is the same in all rows: text, or null for NULL. */
  readonly constant?: (column: LakeColumn) => string | null | undefined;
  /** Rows in the file, before deletes. */
  readonly rows?: number;
  /** What the table's metadata knows of a column's values in this file. */
  readonly bounds?: (column: LakeColumn) => Bounds | undefined;
  /** True when no row of this file can pass, for reasons that bounds cannot express (hash partitions). */
  readonly excludes?: (filter: ScanFilter, column: LakeColumn) => boolean;
  /** Rows that no longer count. */
  readonly deletes?: RowDeletes;
}

interface RowDeletes {
  /** Positions of deleted rows, from 0. */
  readonly positions?: (signal: AbortSignal) => Promise<Iterable<number | bigint>>;
  /** Iceberg's equality deletes that apply to this file, by their index in {@link Snapshot.equalityDeletes}. */
  readonly equality?: readonly number[];
}

/** Rows of the table that equal a row of `object` in all `columns` (NULL equals NULL) are deleted. */
export interface EqualityDelete {
  readonly object: ObjectInfo;
  readonly columns: readonly LakeColumn[];
}

/** One consistent state of a table. */
export interface Snapshot {
  /** As the layout names it: a Delta version, an Iceberg snapshot id, or `current`. */
  readonly version: string;
  readonly format: FileFormat;
  readonly columns: readonly LakeColumn[];
  readonly files: readonly DataFile[];
  /** How the files are written, where the format is CSV or JSON. */
  readonly text?: TextShape;
  readonly equalityDeletes?: readonly EqualityDelete[];
}

export interface LakeTable {
  /** Adds rows, all or none. Absent where the layout cannot be written. */
  readonly append?: (request: WriteRequest, staging: string, signal: AbortSignal) => Promise<number>;
  /** The state at `version` (a version number, a snapshot id or a timestamp), or the newest. */
  snapshot(signal: AbortSignal, version?: string): Promise<Snapshot>;
}
