/**
 * How many different values the columns of Parquet files have, from their footers: as their writer counted them, else by the
 * size of the dictionaries. A guess that keeps a flag of three values from being taken for a key.
 */
import type { DuckDBConnection } from '@duckdb/node-api';
import { quoteLiteral } from './conform.ts';

/** Footers of more files would take longer to read than the guess is worth. */
const MOST_FILES = 16;

/** Values of a column that is stored without a dictionary are not counted: such columns are not in the answer. */
export async function distinctInFooters(
  connection: DuckDBConnection,
  path: string,
): Promise<ReadonlyMap<string, number>> {
  const found = await connection.runAndReadAll(`SELECT file FROM glob(${quoteLiteral(path)}) LIMIT ${MOST_FILES}`);
  const files = found.getRows().map(([file]) => quoteLiteral(String(file)));
  if (files.length === 0) return new Map();
  // A dictionary page has a header of some 16 bytes; a text stands in it behind its length. Row groups whose ranges follow
  // each other (the file is sorted) have different values, others much the same.
  const counted = await connection.runAndReadAll(`
    WITH chunks AS (
      SELECT path_in_schema AS name, coalesce(stats_distinct_count,
          greatest(1, (data_page_offset - dictionary_page_offset - 16) / CASE type
            WHEN 'INT32' THEN 4 WHEN 'FLOAT' THEN 4
            WHEN 'BYTE_ARRAY' THEN 4 + coalesce(strlen(stats_min_value) + strlen(stats_max_value), 16) / 2
            ELSE 8 END)) AS distinct_values,
        lag(stats_max_value) OVER before AS last, stats_min_value AS first,
        lag(try_cast(stats_max_value AS DOUBLE)) OVER before AS last_number,
        try_cast(stats_min_value AS DOUBLE) AS first_number
      FROM parquet_metadata([${files.join(', ')}])
      WHERE dictionary_page_offset > 0 OR stats_distinct_count IS NOT NULL
      WINDOW before AS (PARTITION BY path_in_schema ORDER BY file_name, row_group_id))
    SELECT name, if(bool_and(coalesce(last_number <= first_number, last <= first, true)),
      sum(distinct_values), max(distinct_values))::DOUBLE
    FROM chunks GROUP BY name`);
  return new Map(counted.getRows().map(([column, values]) => [String(column), Number(values)]));
}
