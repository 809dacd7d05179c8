/** The connectors' contract on every store, with tables in every format. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ACCOUNT, ACCOUNT_KEY, startAzurite } from '../../test/servers/azurite.ts';
import { startS3 } from '../../test/servers/s3-server.ts';
import { startWebHdfs } from '../../test/servers/webhdfs-server.ts';
import { s3Options, testDuck } from '../../test/support/lake.ts';
import { load, type TableWriter, tablesOption, WRITERS } from '../../test/support/table-writers.ts';
import { type ConformancePlace, conformance } from '../conformance.ts';
import { probeTables } from '../conformance-probes.ts';
import type { Connector, SiloOptions } from '../connector.ts';
import { adls, folder, gcs, hdfs, s3 } from './kinds.ts';

/** A store that is running, and how a file is put into it. */
interface RunningStore {
  readonly running: AsyncDisposable;
  readonly options: SiloOptions;
  readonly put: (path: string, body: Buffer) => unknown;
}

const stores: readonly (readonly [Connector, () => Promise<RunningStore>])[] = [
  [
    folder,
    async () => {
      const path = await mkdtemp(join(tmpdir(), 'lake-conformance-'));
      return {
        running: { [Symbol.asyncDispose]: () => rm(path, { recursive: true }) },
        options: { path },
        async put(name, body) {
          await mkdir(dirname(join(path, name)), { recursive: true });
          await writeFile(join(path, name), body);
        },
      };
    },
  ],
  [
    s3,
    async () => {
      const running = await startS3();
      running.put('bucket/beside', '');
      return {
        running,
        options: s3Options(running, 's3://bucket/wh'),
        put: (name, body) => running.put(`bucket/wh/${name}`, body),
      };
    },
  ],
  [
    gcs,
    async () => {
      const running = await startS3({ region: 'auto' });
      running.put('bucket/beside', '');
      return {
        running,
        options: s3Options(running, 'gs://bucket/wh', { region: 'auto' }),
        put: (name, body) => running.put(`bucket/wh/${name}`, body),
      };
    },
  ],
  [
    adls,
    async () => {
      const running = await startAzurite();
      const container = await running.container('bucket');
      return {
        running,
        options: { url: 'az://bucket/wh', account: ACCOUNT, endpoint: running.endpoint, account_key: ACCOUNT_KEY },
        put: (name, body) => container.getBlockBlobClient(`wh/${name}`).upload(body, body.length),
      };
    },
  ],
  [
    hdfs,
    async () => {
      const running = await startWebHdfs();
      return {
        running,
        options: { url: `${running.endpoint}/wh`, user: 'ann' },
        put: (name, body) => running.put(`/wh/${name}`, body),
      };
    },
  ],
];

const TABLES = probeTables(folder.capabilities, 0);

async function placeOf(open: () => Promise<RunningStore>, writer: TableWriter): Promise<ConformancePlace> {
  const { options, put, running } = await open();
  const described = tablesOption(writer, TABLES);
  return {
    options: described === undefined ? options : { ...options, tables: described },
    async load(tables) {
      const duck = await testDuck();
      for (const table of tables) {
        await load(table, duck);
        for (const [path, body] of await writer.files(table, duck)) await put(path, body);
      }
    },
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  };
}

for (const [connector, open] of stores) {
  for (const [format, writer] of Object.entries(WRITERS)) {
    conformance({
      connector,
      what: `${connector.kind} with tables in ${format}`,
      open: () => placeOf(open, writer),
      skip: {
        cancel: '(a scan is no statement that runs at the silo)',
        ...(writer.spec === undefined ? {} : { write: '(tables are described in the options: no new ones)' }),
        cut: '(broken and truncated answers are the matter of stores/*.test.ts)',
      },
    });
  }
}
