/** goccy/bigquery-emulator (Go, GoogleSQL over SQLite): an emulator of BigQuery that others wrote, as a place for the test kit. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { bigquery } from '../../connectors/bigquery/connector.ts';
import type { ProbeTable } from '../../connectors/conformance-probes.ts';
import { rowBatches } from '../../connectors/row-batches.ts';
import { freePort } from '../support/free-port.ts';

const PROJECT = 'acme';

export interface BigQueryEmulator extends AsyncDisposable {
  readonly url: string;
  /** A dataset of its own. */
  place(): Promise<BigQueryEmulatorPlace>;
}

export type BigQueryEmulatorPlace = Awaited<ReturnType<typeof placeAt>>;

/** @param program the emulator's binary */
export async function startBigQueryEmulator(program: string): Promise<BigQueryEmulator> {
  const [port, storagePort] = [await freePort(), await freePort()];
  const args = [
    `--project=${PROJECT}`,
    '--dataset=test',
    '--host=127.0.0.1',
    `--port=${port}`,
    `--grpc-port=${storagePort}`,
  ];
  const server = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const url = `http://127.0.0.1:${port}`;
  for (let i = 0; ; i++) {
    const ready = await fetch(`${url}/bigquery/v2/projects/${PROJECT}/datasets`).catch(() => undefined);
    if (ready?.ok) break;
    if (i > 300 || server.exitCode !== null) throw new Error('the emulator did not start');
    await new Promise((done) => setTimeout(done, 100));
  }
  let places = 0;
  return {
    url,
    place: () => placeAt(url, `place_${places++}`),
    async [Symbol.asyncDispose]() {
      server.kill('SIGKILL');
      await once(server, 'exit');
    },
  };
}

async function placeAt(url: string, dataset: string) {
  const body = JSON.stringify({ datasetReference: { projectId: PROJECT, datasetId: dataset } });
  const headers = { 'content-type': 'application/json' };
  const made = await fetch(`${url}/bigquery/v2/projects/${PROJECT}/datasets`, { method: 'POST', headers, body });
  if (!made.ok) throw new Error(await made.text());
  // Its Storage API refuses more than one stream: results come by pages.
  const options = { project: PROJECT, dataset, endpoint: url };
  return {
    options,
    async load(tables: readonly ProbeTable[]) {
      const { signal } = new AbortController();
      await using silo = await bigquery.connect(options, signal);
      for (const { name, columns, rows } of tables) {
        const batches = rowBatches(columns, rows);
        await silo.write!({ table: { table: name }, columns, batches, mode: 'create' }, signal);
        // Its load jobs take base64 for the bytes themselves.
        const bytes = columns.filter(({ type }) => type.kind === 'bytea').map((column) => `\`${column.name}\``);
        const items = bytes.map((column) => `${column} = FROM_BASE64(SAFE_CONVERT_BYTES_TO_STRING(${column}))`);
        if (items.length > 0) await silo.execute!(`UPDATE ${name} SET ${items.join(', ')} WHERE TRUE`, signal);
      }
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}
