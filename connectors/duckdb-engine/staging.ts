/** Rows that stand in DuckDB for a moment, on their way into a file. */
import { randomUUID } from 'node:crypto';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { RecordBatch } from 'apache-arrow';
import type { ResultColumn } from '../connector.ts';
import { duckdbError } from './errors.ts';
import { connectDuckDB } from './process.ts';
import { placeText, storeBatches } from './storage.ts';

export interface StagedRows {
  readonly connection: DuckDBConnection;
  /** The table that holds them, as it is written in SQL. */
  readonly table: string;
  readonly rows: number;
}

/**
 * Gives `use` a table with the rows; it is gone afterwards.
 * @param what stands in errors: "writing readings"
 */
export async function withStagedRows<T>(
  columns: readonly ResultColumn[],
  batches: AsyncIterable<RecordBatch>,
  what: string,
  signal: AbortSignal,
  use: (staged: StagedRows) => Promise<T>,
): Promise<T> {
  const place = { database: 'memory', schema: 'main', table: `staged_${randomUUID().replaceAll('-', '')}` };
  const table = placeText(place);
  const connection = await connectDuckDB();
  try {
    const rows = await storeBatches(connection, place, columns, batches, signal);
    return await use({ connection, table, rows });
  } catch (error) {
    throw duckdbError(error, what);
  } finally {
    await connection.run(`DROP TABLE IF EXISTS ${table}`).catch(() => {});
    connection.closeSync();
  }
}
