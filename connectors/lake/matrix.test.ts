/** Every store with every layout and format: one answer, wherever the files stand. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DuckDBConnection } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ACCOUNT_KEY, startAzurite } from '../../test/servers/azurite.ts';
import { startS3 } from '../../test/servers/s3-server.ts';
import { startWebHdfs } from '../../test/servers/webhdfs-server.ts';
import { copyTo, rowsOf, s3Options, scanOf, testDuck, texts } from '../../test/support/lake.ts';
import type { Connector, ScanFilter, Silo, SiloOptions } from '../connector.ts';
import { adls, folder, gcs, hdfs, s3 } from './kinds.ts';

const signal = new AbortController().signal;
const FIXTURES = fileURLToPath(new URL('../../test/fixtures/lake/', import.meta.url));
type Expected = Record<string, Record<string, { columns: string[]; rows: (string | null)[][] }>>;
const expectedOf = async (layout: string) =>
  JSON.parse(await readFile(`${FIXTURES}${layout}/expected.json`, 'utf8')) as Expected;

const TABLES = ['delta/partitioned', 'delta/vectors', 'iceberg/hidden', 'iceberg/positions'];
const running: AsyncDisposable[] = [];
let files: Map<string, Buffer>;
let duck: DuckDBConnection;

/** Puts all files somewhere and says how a silo over them is opened. */
const places: Record<string, () => Promise<[Connector, SiloOptions]>> = {
  async s3() {
    const server = await startS3();
    running.push(server);
    for (const [path, body] of files) server.put(`bucket/wh/${path}`, body);
    return [s3, s3Options(server, 's3://bucket/wh')];
  },
  async gcs() {
    const server = await startS3({ region: 'auto' });
    running.push(server);
    for (const [path, body] of files) server.put(`bucket/${path}`, body);
    return [gcs, s3Options(server, 'gs://bucket', { region: 'auto' })];
  },
  async adls() {
    const azurite = await startAzurite();
    running.push(azurite);
    const container = await azurite.container('bucket');
    for (const [path, body] of files) await container.getBlockBlobClient(`wh/${path}`).upload(body, body.length);
    return [
      adls,
      { url: 'az://bucket/wh', account: 'devstoreaccount1', endpoint: azurite.endpoint, account_key: ACCOUNT_KEY },
    ];
  },
  async hdfs() {
    const server = await startWebHdfs();
    running.push(server);
    for (const [path, body] of files) server.put(`/user/ann/${path}`, body);
    return [hdfs, { url: `${server.endpoint}/user/ann`, user: 'ann' }];
  },
  async lake() {
    const path = await mkdtemp(join(tmpdir(), 'lake-matrix-'));
    running.push({ [Symbol.asyncDispose]: () => rm(path, { recursive: true }) });
    for (const [file, body] of files) {
      await mkdir(dirname(join(path, file)), { recursive: true });
      await writeFile(join(path, file), body);
    }
    return [folder, { path }];
  },
};

beforeAll(async () => {
  duck = await testDuck();
  files = new Map();
  for (const table of TABLES) {
    const root = join(FIXTURES, table);
    for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (entry.isFile()) files.set(`${table.split('/')[1]}/${relative(root, path)}`, await readFile(path));
    }
  }
  const query = "SELECT i AS id, 'text ' || i AS note, i / 4 AS share FROM range(1000) t(i)";
  files.set('plain/part=a/0.parquet', await copyTo(duck, query, 'FORMAT parquet, ROW_GROUP_SIZE 256'));
  files.set('plain/part=b/0.parquet', await copyTo(duck, query, 'FORMAT parquet, COMPRESSION zstd'));
  files.set('comma.csv', await copyTo(duck, query, 'FORMAT csv, HEADER'));
  files.set('batches.feather', await readFile(`${FIXTURES}arrow/lz4.feather`));
  files.set('lines.ndjson.gz', await copyTo(duck, query, 'FORMAT json, COMPRESSION gzip'));
});
afterAll(async () => {
  for (const server of running) await server[Symbol.asyncDispose]();
});

describe.each(Object.keys(places))('a silo of kind %s', (kind) => {
  let silo: Silo;
  beforeAll(async () => {
    const [connector, options] = await places[kind]!();
    silo = await connector.connect(options, signal);
  });
  afterAll(() => silo[Symbol.asyncDispose]());
  const filters: ScanFilter[] = [
    { column: 'id', operator: 'in', values: [300, 999] },
    { column: 'share', operator: '>', values: [80] },
  ];

  test('finds all tables', async () => {
    expect((await silo.tables(signal)).map((t) => t.table).sort()).toEqual([
      'batches',
      'comma',
      'hidden',
      'lines',
      'partitioned',
      'plain',
      'positions',
      'vectors',
    ]);
  });

  test.each(['delta', 'iceberg'])('reads %s', async (layout) => {
    for (const [table, states] of Object.entries(await expectedOf(layout))) {
      if (!TABLES.includes(`${layout}/${table}`)) continue;
      for (const [version, { columns, rows }] of Object.entries(states)) {
        expect(texts(await rowsOf(silo, scanOf(`${table}@${version}`, columns), duck)), `${table}@${version}`).toEqual(
          texts(rows),
        );
      }
    }
  });

  test('reads Parquet in partitions', async () => {
    expect(
      await rowsOf(
        silo,
        scanOf('plain', ['id', 'note', 'part'], [...filters, { column: 'part', operator: '=', values: ['b'] }]),
        duck,
      ),
    ).toEqual([['999', 'text 999', 'b']]);
    expect(await rowsOf(silo, scanOf('plain', [], []), duck)).toHaveLength(2000);
    expect(await rowsOf(silo, scanOf('plain', ['id'], [], 5), duck)).toHaveLength(5);
  });

  test('reads Arrow', async () => {
    const one: ScanFilter[] = [{ column: 'id', operator: '=', values: [299] }];
    expect(await rowsOf(silo, scanOf('batches', ['text', 'price'], one), duck)).toEqual([['text 19', '1.49']]);
  });

  test.each(['comma', 'lines'])('reads text: %s', async (table) => {
    expect(await rowsOf(silo, scanOf(table, ['note', 'id'], filters), duck)).toEqual([['text 999', '999']]);
  });
});
