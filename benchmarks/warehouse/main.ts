/**
 * Rows per second from a warehouse to Arrow batches at the mediator: a million rows of eight columns.
 *
 *   npm run bench:warehouse [rows=1000000] [repeats=3]      about three minutes, nearly all of it the library
 *
 * Snowflake: JSON chunks from the project's test server in a process of its own, read in parallel; against the service's
 * own client library reading the same result (as its users do: streamed rows, numbers as text so that none is rounded).
 * The server's own work is not measured: each statement's result is made, and its chunks are zipped, before they are read.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { ResultColumn, Silo } from '../../connectors/connector.ts';
import { snowflake } from '../../connectors/snowflake/connector.ts';
import { numeric, scalar } from '../../src/plan/types.ts';
import { siloOptions } from '../../test/servers/snowflake/place.ts';
import { libraryConnection, libraryRows } from './snowflake-library.ts';

const rows = Number(process.argv[2] ?? 1_000_000);
const repeats = Number(process.argv[3] ?? 3);
const signal = new AbortController().signal;

const COLUMNS: readonly ResultColumn[] = [
  { name: 'id', type: scalar('bigint') },
  { name: 'customer', type: scalar('integer') },
  { name: 'amount', type: numeric(12, 2) },
  { name: 'score', type: scalar('double') },
  { name: 'note', type: scalar('text') },
  { name: 'day', type: scalar('date') },
  { name: 'ts', type: scalar('timestamp') },
  { name: 'paid', type: scalar('boolean') },
];
const TEXT = `SELECT ${COLUMNS.map(({ name }) => `"${name.toUpperCase()}"`).join(', ')} FROM "SALES"`;

const server = fork(join(import.meta.dirname, 'snowflake-server.ts'), [String(rows)]);
const [url] = (await once(server, 'message')) as [string];
const silo = await snowflake.connect(siloOptions(url), signal);
const library = await libraryConnection(siloOptions(url));

/** Seconds from the first batch's arrival, which ends the server's work, to the last one's. */
async function ours(from: Silo): Promise<number> {
  const result = await from.run({ kind: 'sql', text: TEXT, columns: COLUMNS }, signal);
  if (result.kind !== 'batches') throw new Error('no batches');
  let count = 0;
  let began: number | undefined;
  for await (const batch of result.batches) {
    began ??= performance.now();
    count += batch.numRows;
  }
  if (count !== rows) throw new Error(`${count} rows instead of ${rows}`);
  return (performance.now() - began!) / 1000;
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;

const seconds = { ours: [] as number[], library: [] as number[] };
await ours(silo);
for (let i = 0; i < repeats; i++) {
  seconds.ours.push(await ours(silo));
  seconds.library.push(await libraryRows(library, TEXT, rows));
}
const speed = (values: readonly number[]) => rows / median(values) / 1e6;
console.log(`Snowflake, JSON chunks: ${rows} rows × ${COLUMNS.length} columns, median of ${repeats}`);
console.table({
  Causeway: { seconds: median(seconds.ours).toFixed(2), 'M rows/s': speed(seconds.ours).toFixed(2) },
  'snowflake-sdk': { seconds: median(seconds.library).toFixed(2), 'M rows/s': speed(seconds.library).toFixed(2) },
});
console.log(`ratio ${(median(seconds.library) / median(seconds.ours)).toFixed(1)}; target: 0.5 M rows/s`);

await silo[Symbol.asyncDispose]();
await new Promise<void>((done) => library.destroy(() => done()));
server.kill();
