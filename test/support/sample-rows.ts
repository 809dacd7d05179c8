/** Rows of several types as Arrow batches, for tests that write. */
import type { RecordBatch } from 'apache-arrow';
import type { ResultColumn } from '../../connectors/connector.ts';
import { connectDuckDB } from '../../connectors/duckdb-engine/process.ts';
import { streamQuery } from '../../connectors/duckdb-engine/reader.ts';
import { numeric, scalar } from '../../src/plan/types.ts';

export const sampleColumns: readonly ResultColumn[] = [
  { name: 'id', type: scalar('bigint') },
  { name: 'price', type: numeric(12, 2) },
  { name: 'note', type: scalar('text') },
  { name: 'day', type: scalar('date') },
  { name: 'moment', type: scalar('timestamptz') },
];

/** Rows `from` … `to` - 1, by default with all columns. Row 3 has no note. */
export async function* sampleBatches(from: number, to: number, columns = sampleColumns): AsyncGenerator<RecordBatch> {
  const connection = await connectDuckDB();
  const sql = `SELECT i::BIGINT AS id, (i / 4.0)::DECIMAL(12, 2) AS price, nullif('n' || i, 'n3') AS note,
    DATE '2024-01-01' + i::INTEGER AS day, make_timestamptz(i * 1000001) AS moment FROM range(${from}, ${to}) t(i)`;
  try {
    const names = columns.map(({ name }) => name).join(', ');
    yield* streamQuery(connection, `SELECT ${names} FROM (${sql})`, columns, new AbortController().signal);
  } finally {
    connection.closeSync();
  }
}
