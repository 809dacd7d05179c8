/**
 * BigQuery: Arrow streams of the Storage Read API from the project's test server, as batches in the mediator's layout, and
 * taken in by the mediator; against the service's own client library making Arrow batches of the same table.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { ReadClient } from '@google-cloud/bigquery-storage';
import { credentials } from '@grpc/grpc-js';
import type { RecordBatch } from 'apache-arrow';
import { batchesInLayout } from '../../connectors/bigquery/arrow-columns.ts';
import { storageClient } from '../../connectors/bigquery/storage-client.ts';
import { openReadSession, type ReadRequest } from '../../connectors/bigquery/storage-read.ts';
import { Mediator } from '../../operators/mediator/mediator.ts';
import { report, SALES_COLUMNS, type Timed, timed } from './sales.ts';

const TABLE = { projectId: 'p', datasetId: 'd', tableId: 'sales' };
const STREAMS = 4;

export async function benchBigquery(rows: number, repeats: number, signal: AbortSignal): Promise<void> {
  const server = fork(join(import.meta.dirname, 'bigquery-server.ts'), [String(rows)]);
  const [endpoint] = (await once(server, 'message')) as [string];
  using client = await storageClient({ endpoint });
  await using mediator = await Mediator.open();

  const batches = async function* (compression?: ReadRequest['compression']) {
    const request = { table: TABLE, maxStreams: STREAMS, expectedRows: rows, signal };
    const session = await openReadSession(client, { ...request, ...(compression && { compression }) });
    if (session.kind === 'refused') throw new Error(session.reason);
    yield* batchesInLayout(session.messages, SALES_COLUMNS);
  };
  const counted = async (all: AsyncIterable<RecordBatch>) => {
    let count = 0;
    for await (const batch of all) count += batch.numRows;
    if (count !== rows) throw new Error(`${count} rows instead of ${rows}`);
  };
  const ingested = async (compression?: ReadRequest['compression']) => {
    await using session = await mediator.session();
    const result = { kind: 'batches', columns: SALES_COLUMNS, batches: batches(compression) } as const;
    const count = await session.ingest('sales', result, signal);
    if (count !== rows) throw new Error(`${count} rows instead of ${rows}`);
  };

  const { hostname, port } = new URL(endpoint);
  const library = new ReadClient({
    apiEndpoint: hostname,
    port: Number(port),
    sslCreds: credentials.createInsecure(),
    'grpc.max_receive_message_length': -1,
    universeDomain: 'googleapis.com',
    clientOptions: { universeDomain: 'googleapis.com' },
  });
  const peer = async () => {
    const reader = await library.createArrowTableReader({ table: TABLE });
    await counted((await reader.getRecordBatchStream()) as AsyncIterable<RecordBatch>);
  };

  const readers: Readonly<Record<string, () => Promise<void>>> = {
    'Causeway, batches': () => counted(batches()),
    'Causeway, into the mediator': () => ingested(),
    'Causeway, into the mediator, zstd': () => ingested('zstd'),
    '@google-cloud/bigquery-storage, batches': peer,
  };
  const times = Object.fromEntries(Object.keys(readers).map((name) => [name, [] as Timed[]]));
  for (let i = 0; i <= repeats; i++) {
    for (const [name, read] of Object.entries(readers)) {
      const time = await timed(read);
      // The first time the server still encodes.
      if (i > 0) times[name]!.push(time);
    }
  }
  report(
    `BigQuery, Storage API: ${rows} rows × ${SALES_COLUMNS.length} columns, ${STREAMS} streams, median of ${repeats}; target: 1 M rows/s`,
    rows,
    times,
  );
  library.close();
  server.kill();
}
