/**
 * Statistics from pg_class and pg_stats: what ANALYZE left, no rows are read. Rows are scaled to the table's present size, as
 * PostgreSQL's own planner does it (estimate_rel_size in plancat.c); a table that was never analysed has as many as fit into its pages.
 */
import type { ClientBase } from 'pg';
import type { ColumnStatistics, TableStatistics } from '../connector.ts';
import { parseArray } from '../postgres-language/array-text.ts';

/** Bytes of a value of varying length in a table that nobody has looked at. */
const TYPICAL_TEXT = 32;

/** A row's header with its pointer in the page, and a page's own. */
const ROW_HEADER = 28;
const PAGE_HEADER = 24;

const TABLE = `
  SELECT c.reltuples::float8 AS rows, c.relpages AS pages, pg_table_size(c.oid)::float8 AS bytes,
    CASE WHEN c.relkind IN ('r', 'm', 't') THEN pg_relation_size(c.oid)::float8 / current_setting('block_size')::int END AS "pagesNow",
    (SELECT sum(CASE WHEN a.attlen > 0 THEN a.attlen ELSE ${TYPICAL_TEXT} END) FROM pg_attribute a
     WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)::float8 AS width,
    current_setting('block_size')::int AS "pageBytes"
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

interface TableRow {
  /** -1 when neither VACUUM nor ANALYZE ever saw the table. */
  rows: number;
  /** When they did. */
  pages: number;
  bytes: number;
  /** Null for what has no pages of its own: partitioned and foreign tables. */
  pagesNow: number | null;
  width: number | null;
  pageBytes: number;
}

function rowsNow({ rows, pages, pagesNow, width, pageBytes }: TableRow): number | undefined {
  if (pagesNow === null) return rows < 0 ? undefined : rows;
  if (rows >= 0 && pages > 0) return Math.round((rows / pages) * pagesNow);
  return Math.round(pagesNow * Math.floor((pageBytes - PAGE_HEADER) / (ROW_HEADER + (width ?? 0))));
}

/** Undefined when the table is unknown, or nothing tells how many rows it has. */
export async function readStatistics(
  client: ClientBase,
  schema: string,
  table: string,
): Promise<TableStatistics | undefined> {
  const found = (await client.query<TableRow>(TABLE, [schema, table])).rows[0];
  const count = found === undefined ? undefined : rowsNow(found);
  if (found === undefined || count === undefined) return undefined;
  const { rows } = await client.query<ColumnRow>(COLUMNS, [schema, table]);
  return {
    rows: count,
    bytes: found.bytes,
    columns: Object.fromEntries(rows.map((row) => [row.name, columnStatistics(row, count)])),
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
