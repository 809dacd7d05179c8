/** What the optimizer believes about the rows of a plan node. */
import type { ColumnStatistics } from '../../connectors/connector.ts';
import type { ColumnId } from '../../src/plan/expressions.ts';
import type { SqlType } from '../../src/plan/types.ts';

/** A column's statistics with nothing missing that an estimate needs. */
export interface ColumnEstimate extends ColumnStatistics {
  /** Distinct values, NULL aside; at least 1. */
  readonly distinct: number;
  /** 0 … 1 */
  readonly nullFraction: number;
  /** Average bytes of a value. */
  readonly width: number;
  /** `silo.schema.table.column` where the values are a stored column's own. */
  readonly origin?: string;
}

export interface RelationEstimate {
  readonly rows: number;
  readonly columns: ReadonlyMap<ColumnId, ColumnEstimate>;
}

/** Rows of a table nothing is known about, as PostgreSQL assumes for a never-analysed relation of ten pages. */
export const DEFAULT_ROWS = 1000;

/** Distinct values of a column nothing is known about (PostgreSQL's DEFAULT_NUM_DISTINCT). */
export const DEFAULT_DISTINCT = 200;

/** Average bytes of a value by its type; text without statistics is taken for 32 bytes, as PostgreSQL does. */
export function typicalWidth(type: SqlType): number {
  switch (type.kind) {
    case 'boolean':
      return 1;
    case 'smallint':
      return 2;
    case 'integer':
    case 'real':
    case 'date':
      return 4;
    case 'bigint':
    case 'double':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return 8;
    case 'numeric':
      return 12;
    case 'timetz':
    case 'interval':
    case 'uuid':
      return 16;
    case 'char':
      return type.length;
    case 'varchar':
      return Math.min(32, type.length ?? 32);
    default:
      return 32;
  }
}

/** The estimate of a column about which only its type and its relation's rows are known. */
export const unknownColumn = (type: SqlType, rows: number): ColumnEstimate => ({
  distinct: Math.max(1, Math.min(rows, type.kind === 'boolean' ? 2 : DEFAULT_DISTINCT)),
  nullFraction: 0,
  width: typicalWidth(type),
});

/** Average bytes of one row: the given columns, or all of them. */
export function rowWidth(estimate: RelationEstimate, ids?: Iterable<ColumnId>): number {
  let bytes = 0;
  for (const id of ids ?? estimate.columns.keys()) bytes += estimate.columns.get(id)?.width ?? 8;
  return Math.max(1, bytes);
}

/**
 * Distinct values left when a fraction of the rows is drawn at random: Cardenas' formula d(1 − (1 − f)^(n/d)),
 * CACM 18(5), 1975.
 */
function distinctAfter(distinct: number, rows: number, fraction: number): number {
  if (fraction >= 1 || rows <= 0) return distinct;
  const left = distinct * (1 - (1 - Math.max(0, fraction)) ** Math.max(1, rows / distinct));
  return Math.max(1, Math.min(left, distinct, rows * fraction));
}

/** The estimate with `rows` rows, distinct counts shrunk to what so many rows can hold. */
export function withRows(estimate: RelationEstimate, rows: number): RelationEstimate {
  const fraction = estimate.rows > 0 ? rows / estimate.rows : 0;
  const columns = new Map<ColumnId, ColumnEstimate>();
  for (const [id, column] of estimate.columns) {
    const distinct = distinctAfter(column.distinct, estimate.rows, fraction);
    columns.set(id, distinct === column.distinct ? column : { ...column, distinct });
  }
  return { rows, columns };
}

/** Above this many values per row a column is a key, whose values grow with the rows (PostgreSQL's ANALYZE draws the same line). */
const KEY_LIKE = 0.1;

/**
 * Distinct values of a column of a table that has `factor` times the rows it was thought to have. More values than rows were
 * counted when the table was larger: they hold.
 */
export const grownDistinct = (distinct: number, rows: number, factor: number): number =>
  factor > 1 && distinct > KEY_LIKE * rows && distinct <= rows
    ? distinct * factor
    : Math.min(distinct, Math.max(1, rows * factor));

/** The estimate with the true number of rows, more of them or fewer. */
export function resized(estimate: RelationEstimate, rows: number): RelationEstimate {
  if (rows <= estimate.rows) return withRows(estimate, rows);
  const factor = rows / Math.max(1, estimate.rows);
  const columns = [...estimate.columns].map(([id, column]): readonly [ColumnId, ColumnEstimate] => [
    id,
    { ...column, distinct: grownDistinct(column.distinct, Math.max(1, estimate.rows), factor) },
  ]);
  return { rows, columns: new Map(columns) };
}
