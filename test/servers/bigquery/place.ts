/** A test server as a place for the connectors' test kit. */

import { jsonLines } from '../../../connectors/bigquery/json-lines.ts';
import { writtenField } from '../../../connectors/bigquery/types.ts';
import type { ProbeTable } from '../../../connectors/conformance-probes.ts';
import { rowBatches } from '../../../connectors/row-batches.ts';
import { cuttingProxy } from '../cutting-proxy.ts';
import { DATASET } from './dialect.ts';
import { runLoad } from './jobs.ts';
import { type BigQueryServerOptions, type BigQueryTestServer, PROJECT, startBigQuery } from './server.ts';

/** Options of a silo at the server. */
export const siloOptions = (url: string, storage = 'none') => ({
  ...{ project: PROJECT, dataset: DATASET, endpoint: url },
  storage_endpoint: storage,
});

export async function bigqueryPlace(options: BigQueryServerOptions = {}) {
  const server = await startBigQuery(options);
  return {
    server,
    options: siloOptions(server.url, server.storage.endpoint),
    load: (tables: readonly ProbeTable[]) => loadProbes(server, tables),
    slow: 'SELECT count(*) FROM range(100000000) AS a(x), range(100000) AS b(y) WHERE x * y % 7 = 3',
    busy: async () => server.running(),
    async cutAfter(bytes: number) {
      const proxy = await cuttingProxy('127.0.0.1', server.port, bytes);
      return {
        options: siloOptions(`http://127.0.0.1:${proxy.port}`),
        [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
      };
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** The tables in BigQuery's types, filled by load jobs. */
export async function loadProbes({ tables }: BigQueryTestServer, probes: readonly ProbeTable[]): Promise<void> {
  const { signal } = new AbortController();
  for (const { name, columns, rows } of probes) {
    const fields = columns.map((column) => ({ name: column.name, ...writtenField(column.type) }));
    const lines: string[] = [];
    for await (const batch of rowBatches(columns, rows)) lines.push(jsonLines(batch, columns));
    const load = { destinationTable: { datasetId: DATASET, tableId: name }, schema: { fields } };
    await runLoad(tables, load, Buffer.from(lines.join('')), signal);
  }
}
