/** What DuckDB knows of a table or of the files behind a view, from its catalog and file footers alone. */
import type { DuckDBConnection } from '@duckdb/node-api';
import type { ColumnStatistics, TableStatistics } from '../connector.ts';
import { quoteIdentifier } from './conform.ts';
import { distinctInFooters } from './parquet-distinct.ts';
import { placeText, type TablePlace } from './storage.ts';

/**
 * Rows, per-column bounds and different values; never reads the rows themselves.
 * @param parquet the files behind the view, where they are Parquet
 */
export async function tableStatistics(
  connection: DuckDBConnection,
  place: TablePlace,
  parquet?: string,
): Promise<TableStatistics | undefined> {
  const rows = await estimatedRows(connection, place);
  if (rows === undefined) return undefined;
  const distinct = parquet === undefined ? undefined : await distinctInFooters(connection, parquet);
  const names = (await connection.runAndReadAll(`SELECT * FROM ${placeText(place)} LIMIT 0`)).columnNames();
  const calls = names.map((name) => `stats(${quoteIdentifier(name)})`).join(', ');
  const texts = (await connection.runAndReadAll(`SELECT ${calls} FROM ${placeText(place)} LIMIT 1`)).getRows()[0];
  const columns: Record<string, ColumnStatistics> = {};
  for (const [index, name] of names.entries()) {
    if (texts === undefined) continue;
    const values = distinct?.get(name);
    columns[name] = {
      ...columnStatistics(String(texts[index])),
      ...(values === undefined ? {} : { distinct: values }),
    };
  }
  return { rows, columns };
}

async function estimatedRows(connection: DuckDBConnection, place: TablePlace): Promise<number | undefined> {
  const reader = await connection.runAndReadAll(`EXPLAIN (FORMAT json) SELECT * FROM ${placeText(place)}`);
  const text = String(reader.getRows()[0]?.[1]);
  const found = /"Estimated Cardinality": ?"(\d+)"/.exec(text);
  return found === null ? undefined : Number(found[1]);
}

/** `[Min: 1, Max: 9][Has Null: true, …][Approx Unique: 5]` */
function columnStatistics(text: string): ColumnStatistics {
  const bounds = /^\[Min: (.*?), Max: (.*?)(?:, Has Unicode.*?)?\]/s.exec(text);
  const distinct = /\[Approx Unique: (\d+)\]/.exec(text);
  const neverNull = /\[Has Null: false/.test(text);
  const min = bounds === null ? undefined : bound(bounds[1]!);
  const max = bounds === null ? undefined : bound(bounds[2]!);
  return {
    ...(distinct === null ? {} : { distinct: Number(distinct[1]) }),
    ...(neverNull ? { nullFraction: 0 } : {}),
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
  };
}

/** A bound as a number where it is one; nothing where DuckDB does not know it. */
function bound(text: string): string | number | undefined {
  if (text === 'NULL' || text === '?') return undefined;
  const value = Number(text);
  return text.trim() !== '' && Number.isFinite(value) ? value : text;
}
