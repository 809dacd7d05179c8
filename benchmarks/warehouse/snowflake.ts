/**
 * Snowflake: JSON chunks from the project's test server, read in parallel; against the service's own client library reading
 * the same result (as its users do: streamed rows, numbers as text so that none is rounded).
 * The server's own work is not measured: each statement's result is made, and its chunks are zipped, before they are read.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { snowflake } from '../../connectors/snowflake/connector.ts';
import { siloOptions } from '../../test/servers/snowflake/place.ts';
import { report, SALES_COLUMNS, type Timed, timed } from './sales.ts';
import { libraryConnection, libraryRows } from './snowflake-library.ts';

const TEXT = `SELECT ${SALES_COLUMNS.map(({ name }) => `"${name.toUpperCase()}"`).join(', ')} FROM "SALES"`;

export async function benchSnowflake(rows: number, repeats: number, signal: AbortSignal): Promise<void> {
  const server = fork(join(import.meta.dirname, 'snowflake-server.ts'), [String(rows)]);
  const [url] = (await once(server, 'message')) as [string];
  const silo = await snowflake.connect(siloOptions(url), signal);
  const library = await libraryConnection(siloOptions(url));

  /** From the first batch's arrival, which ends the server's work, to the last one's. */
  const ours = async (): Promise<Timed> => {
    const result = await silo.run({ kind: 'sql', text: TEXT, columns: SALES_COLUMNS }, signal);
    if (result.kind !== 'batches') throw new Error('no batches');
    const batches = result.batches[Symbol.asyncIterator]();
    const first = await batches.next();
    let count = first.done === true ? 0 : first.value.numRows;
    const time = await timed(async () => {
      for (let next = await batches.next(); next.done !== true; next = await batches.next()) {
        count += next.value.numRows;
      }
    });
    if (count !== rows) throw new Error(`${count} rows instead of ${rows}`);
    return time;
  };

  const causeway: Timed[] = [];
  const peer: Timed[] = [];
  await ours();
  for (let i = 0; i < repeats; i++) {
    causeway.push(await ours());
    peer.push(await libraryRows(library, TEXT, rows));
  }
  report(
    `Snowflake, JSON chunks: ${rows} rows × ${SALES_COLUMNS.length} columns, median of ${repeats}; target: 0.5 M rows/s`,
    rows,
    { Causeway: causeway, 'snowflake-sdk': peer },
  );
  await silo[Symbol.asyncDispose]();
  await new Promise<void>((done) => library.destroy(() => done()));
  server.kill();
}
