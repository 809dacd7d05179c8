/** The connectors' contract on every store, over Parquet files that DuckDB wrote. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { ACCOUNT, ACCOUNT_KEY, startAzurite } from '../../test/servers/azurite.ts';
import { startS3 } from '../../test/servers/s3-server.ts';
import { startWebHdfs } from '../../test/servers/webhdfs-server.ts';
import { copyTo, s3Options } from '../../test/support/lake.ts';
import { type ConformancePlace, conformance } from '../conformance.ts';
import type { ProbeTable } from '../conformance-probes.ts';
import type { Connector, SiloOptions } from '../connector.ts';
import { quoteIdentifier } from '../duckdb-engine/conform.ts';
import { storeBatches } from '../duckdb-engine/storage.ts';
import { rowBatches } from '../row-batches.ts';
import { adls, folder, hdfs, s3 } from './kinds.ts';

async function parquetFiles(tables: readonly ProbeTable[]): Promise<Map<string, Buffer>> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const files = new Map<string, Buffer>();
  for (const { name, columns, rows } of tables) {
    const place = { database: 'memory', schema: 'main', table: name };
    await storeBatches(connection, place, columns, rowBatches(columns, rows), new AbortController().signal);
    files.set(`${name}.parquet`, await copyTo(connection, `FROM ${quoteIdentifier(name)}`));
  }
  return files;
}

/** A place whose store is `running`; `put` takes a file in. */
const placeOf = (
  running: AsyncDisposable,
  options: SiloOptions,
  put: (name: string, body: Buffer) => unknown,
): ConformancePlace => ({
  options,
  async load(tables) {
    for (const [name, body] of await parquetFiles(tables)) await put(name, body);
  },
  [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
});

const places: readonly (readonly [Connector, () => Promise<ConformancePlace>])[] = [
  [
    folder,
    async () => {
      const path = await mkdtemp(join(tmpdir(), 'lake-conformance-'));
      const cleanup = { [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
      return placeOf(cleanup, { path }, (name, body) => writeFile(join(path, name), body));
    },
  ],
  [
    s3,
    async () => {
      const server = await startS3();
      server.put('bucket/beside', '');
      return placeOf(server, s3Options(server, 's3://bucket/wh'), (name, body) =>
        server.put(`bucket/wh/${name}`, body),
      );
    },
  ],
  [
    adls,
    async () => {
      const azurite = await startAzurite();
      const container = await azurite.container('bucket');
      const options = { url: 'az://bucket/wh', account: ACCOUNT, endpoint: azurite.endpoint, account_key: ACCOUNT_KEY };
      return placeOf(azurite, options, (name, body) =>
        container.getBlockBlobClient(`wh/${name}`).upload(body, body.length),
      );
    },
  ],
  [
    hdfs,
    async () => {
      const server = await startWebHdfs();
      return placeOf(server, { url: `${server.endpoint}/wh`, user: 'ann' }, (name, body) =>
        server.put(`/wh/${name}`, body),
      );
    },
  ],
];

for (const [connector, open] of places) {
  conformance({
    connector,
    open,
    skip: {
      cancel: '(a scan is no statement that runs at the silo)',
      cut: '(broken and truncated answers are the matter of stores/*.test.ts)',
    },
  });
}
