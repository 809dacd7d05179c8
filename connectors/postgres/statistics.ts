/** Statistics from pg_class and pg_stats: what ANALYZE left, no rows are read. */
import type { ClientBase } from 'pg';
import type { ColumnStatistics, TableStatistics } from '../connector.ts';
import { parseArray } from '../postgres-language/array-text.ts';

const TABLE = `
  SELECT c.reltuples::float8 AS rows, pg_table_size(c.oid)::float8 AS bytes
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2`;

const COLUMNS = `
  SELECT attname AS name, null_frac::float8 AS "nullFraction", avg_width AS width, n_distinct::float8 AS distinct,
    most_common_vals::text AS "commonValues", most_common_freqs::float8[] AS frequencies,
    histogram_bounds::text AS histogram
  FROM pg_stats WHERE schemaname = $1 AND tablename = $2 AND NOT inherited
  UNION ALL
  SELECT attname, null_frac::float8, avg_width, n_distinct::float8, most_common_vals::text,
    most_common_freqs::float8[], histogram_bounds::text
  FROM pg_stats s WHERE schemaname = $1 AND tablename = $2 AND inherited AND NOT EXISTS
    (SELECT FROM pg_stats o WHERE o.schemaname = $1 AND o.tablename = $2 AND o.attname = s.attname AND NOT o.inherited)`;

interface ColumnRow {
  name: string;
  nullFraction: number;
  width: number;
  distinct: number;
  commonValues: string | null;
  frequencies: number[] | null;
  histogram: string | null;
}

/** Undefined when the table is unknown or was never analysed. */
export async function readStatistics(
  client: ClientBase,
  schema: string,
  table: string,
): Promise<TableStatistics | undefined> {
  const found = (await client.query<{ rows: number; bytes: number }>(TABLE, [schema, table])).rows[0];
  // -1: neither VACUUM nor ANALYZE ever saw the table.
  if (found === undefined || found.rows < 0) return undefined;
  const { rows } = await client.query<ColumnRow>(COLUMNS, [schema, table]);
  return {
    rows: found.rows,
    bytes: found.bytes,
    columns: Object.fromEntries(rows.map((row) => [row.name, columnStatistics(row, found.rows)])),
  };
}

function columnStatistics(row: ColumnRow, rows: number): ColumnStatistics {
  const common = bounds(row.commonValues);
  const histogram = bounds(row.histogram);
  const known = [...common, ...histogram].filter((value) => value !== null);
  const numbers = known.every((value) => typeof value === 'number');
  const sorted = numbers ? [...known].sort((a, b) => Number(a) - Number(b)) : [];
  const min = numbers ? sorted[0] : histogram[0];
  const max = numbers ? sorted.at(-1) : histogram.at(-1);
  return {
    // Below zero it is a share of the rows (pg_stats.n_distinct).
    distinct: row.distinct < 0 ? Math.round(-row.distinct * rows) : row.distinct,
    nullFraction: row.nullFraction,
    width: row.width,
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
    ...(histogram.length === 0 ? {} : { histogram }),
    ...(common.length === 0
      ? {}
      : { mostCommon: common.map((value, index) => ({ value, frequency: row.frequencies?.[index] ?? 0 })) }),
  };
}

/** Elements of an anyarray's text; numbers as numbers. */
function bounds(text: string | null): (string | number)[] {
  if (text === null) return [];
  const elements = parseArray(text);
  return elements.flatMap((element) => {
    if (typeof element !== 'string') return [];
    const value = Number(element);
    return [element.trim() !== '' && Number.isFinite(value) ? value : element];
  });
}
