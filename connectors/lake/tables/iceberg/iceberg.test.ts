import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { DuckDBConnection } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { scalar } from '../../../../src/plan/types.ts';
import { startIcebergRest } from '../../../../test/servers/iceberg-rest.ts';
import { type S3TestServer, startS3 } from '../../../../test/servers/s3-server.ts';
import { copyTo, putFolder, rowsOf, s3Options, scanOf, testDuck, texts } from '../../../../test/support/lake.ts';
import { type Files, icebergTable } from '../../../../test/support/table-writers.ts';
import type { ScanFilter } from '../../../connector.ts';
import { s3 } from '../../kinds.ts';
import type { LakeSilo } from '../../silo.ts';
import { boundsOfPartition, murmur3 } from './transforms.ts';

const signal = new AbortController().signal;
const FIXTURES = fileURLToPath(new URL('../../../../test/fixtures/lake/iceberg/', import.meta.url));
type Expected = Record<string, Record<string, { columns: string[]; rows: (string | null)[][] }>>;
const expected = JSON.parse(await readFile(`${FIXTURES}expected.json`, 'utf8')) as Expected;

let duck: DuckDBConnection;
let server: S3TestServer;
let lake: LakeSilo;

beforeAll(async () => {
  duck = await testDuck();
  server = await startS3();
  await putFolder(server, 'lake/iceberg', FIXTURES);
  server.objects.delete('lake/iceberg/expected.json');
  lake = (await s3.connect(s3Options(server, 's3://lake/iceberg'), signal)) as LakeSilo;
});
afterAll(async () => {
  await lake[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const dataFiles = (): Set<string> =>
  new Set(server.log.filter((r) => r.range !== undefined && r.path.endsWith('.parquet')).map((r) => r.path));

describe('Iceberg tables of other writers', () => {
  const snapshots = Object.entries(expected).flatMap(([table, states]) =>
    Object.entries(states).map(([id, state]) => [table, id, state] as const),
  );
  test.each(snapshots)('%s, snapshot %s', async (table, id, { columns, rows }) => {
    const found = await rowsOf(lake, scanOf(`${table}@${id}`, columns), duck);
    expect(texts(found)).toEqual(texts(rows));
  });

  test('the current snapshot has the current schema, by field id', async () => {
    const tables = await lake.tables(signal);
    const columns = tables.find((t) => t.table === 'evolved')?.columns.map((c) => [c.name, c.type.kind]);
    expect(columns).toEqual([
      ['id', 'bigint'],
      ['title', 'text'],
      ['gone', 'numeric'],
    ]);
    expect(await rowsOf(lake, scanOf('evolved', ['id', 'title', 'gone']), duck)).toEqual([
      ['1', 'a', null],
      ['2', 'b', null],
      ['3', 'c', null],
      [null, null, null],
    ]);
    expect(await rowsOf(lake, scanOf('old', ['id', 's']), duck)).toEqual([['3', { a: 3 }]]);
  });

  test('deleted rows stay deleted under filters', async () => {
    const filters: ScanFilter[] = [
      { column: 'id', operator: '<', values: [15] },
      { column: 'part', operator: '=', values: [1] },
    ];
    for (const table of ['positions', 'vectors']) {
      expect(await rowsOf(lake, scanOf(table, ['id'], filters), duck), table).toEqual([
        ['1'],
        ['11'],
        ['5'],
        ['7'],
        ['9'],
      ]);
    }
  });
});

describe('hidden partitions are pruned', () => {
  const all = Object.values(expected.hidden!).at(-1)!;
  test.each<[string, ScanFilter]>([
    ['day', { column: 'at', operator: '<', values: ['2024-01-02 00:00:00'] }],
    ['bucket', { column: 'n', operator: '=', values: [4] }],
    ['identity', { column: 'd', operator: '=', values: ['2024-02-01'] }],
    ['truncate', { column: 'kind', operator: '=', values: ['k1-long'] }],
  ])('by %s', async (_, filter) => {
    const total = new Set([...server.objects.keys()].filter((k) => k.includes('/hidden/data/'))).size;
    await using fresh = await s3.connect(s3Options(server, 's3://lake/iceberg'), signal);
    server.log.length = 0;
    const rows = await rowsOf(fresh, scanOf('hidden', all.columns, [filter]), duck);
    expect(rows.length).toBeGreaterThan(0);
    expect(dataFiles().size).toBeLessThan(total);
    const index = all.columns.indexOf(filter.column);
    const value = String(filter.values[0]);
    const matching = all.rows.filter((row) => (filter.operator === '<' ? row[index]! < value : row[index] === value));
    expect(texts(rows)).toEqual(texts(matching));
  });

  test('with hashes and spans as the specification gives them', () => {
    const long = Buffer.alloc(8);
    long.writeBigInt64LE(34n);
    expect(murmur3(long)).toBe(2017239379);
    expect(murmur3(Buffer.from('iceberg'))).toBe(1210000089);
    const at = scalar('timestamp');
    expect(boundsOfPartition('month', at, -1)).toEqual({ min: -2_678_400_000_000n, max: -1n });
    expect(boundsOfPartition('year', at, 54)).toEqual({ min: 1_704_067_200_000_000n, max: 1_735_689_599_999_999n });
  });
});

describe('a REST catalog', () => {
  test('tells tables and their newest metadata, page by page', async () => {
    const newest = (table: string): string =>
      [...server.objects.keys()]
        .filter((k) => k.startsWith(`lake/iceberg/${table}/metadata/`) && k.endsWith('.metadata.json'))
        .sort()
        .at(-1)!;
    await using catalog = await startIcebergRest('the-token', 'main', {
      evolved: { metadata: `s3://${newest('evolved')}`, location: 's3://lake/iceberg/evolved' },
      hidden: { metadata: `s3://${newest('hidden')}`, location: 's3://lake/iceberg/hidden' },
      foreign: { metadata: 's3://elsewhere/x.metadata.json', location: 's3://elsewhere/x' },
    });
    const options = { iceberg_catalog: catalog.url, iceberg_token: 'the-token', iceberg_namespace: 'main' };
    await using silo = await s3.connect(s3Options(server, 's3://lake/iceberg', options), signal);
    expect(await rowsOf(silo, scanOf('evolved', ['id']), duck)).toEqual([['1'], ['2'], ['3'], [null]]);
    expect(await rowsOf(silo, scanOf('hidden', ['n']), duck)).toHaveLength(9);
    await expect(silo.run(scanOf('foreign', ['n']), signal)).rejects.toThrow(/outside s3:/);
    await expect(silo.run(scanOf('hiden', ['n']), signal)).rejects.toMatchObject({ hint: 'Did you mean "hidden"?' });
    await using wrong = await s3.connect(
      s3Options(server, 's3://lake/iceberg', { ...options, iceberg_token: 'guess' }),
      signal,
    );
    await expect(wrong.tables(signal)).rejects.toMatchObject({ sqlstate: '42501', hint: 'Check iceberg_token.' });
  });
});

describe('what cannot be read is refused', () => {
  test('metadata, manifests and files that lie', async () => {
    const good = JSON.parse(
      server.objects
        .get(
          [...server.objects.keys()]
            .filter((k) => k.includes('/evolved/metadata/') && k.endsWith('.json'))
            .sort()
            .at(-1)!,
        )!
        .toString(),
    );
    const put = (name: string, metadata: unknown): void =>
      server.put(
        `lake/bad/${name}/metadata/v1.metadata.json`,
        typeof metadata === 'string' ? metadata : JSON.stringify(metadata),
      );
    put('version', { ...good, 'format-version': 9 });
    put('garbage', 'not json');
    put('outside', {
      ...good,
      'current-snapshot-id': 1,
      snapshots: [{ 'snapshot-id': 1, 'timestamp-ms': 1, 'manifest-list': 's3://other/list.avro' }],
    });
    put('climbing', {
      ...good,
      'current-snapshot-id': 1,
      snapshots: [{ 'snapshot-id': 1, 'timestamp-ms': 1, 'manifest-list': `${good.location}/../../../x.avro` }],
    });
    put('gone', {
      ...good,
      'current-snapshot-id': 1,
      snapshots: [{ 'snapshot-id': 1, 'timestamp-ms': 1, 'manifest-list': `${good.location}/metadata/none.avro` }],
    });
    put('notavro', {
      ...good,
      'current-snapshot-id': 1,
      snapshots: [
        { 'snapshot-id': 1, 'timestamp-ms': 1, 'manifest-list': `${good.location}/metadata/v1.metadata.json` },
      ],
    });
    const refused: Record<string, RegExp> = {
      version: /format version 9/,
      garbage: /no Iceberg table metadata/,
      outside: /outside s3:/,
      climbing: /outside/,
      gone: /none\.avro is not there/,
      notavro: /cannot be read/,
    };
    for (const [name, message] of Object.entries(refused)) {
      await using bad = await s3.connect(
        s3Options(server, 's3://lake/bad', { tables: `{t: {path: ${name}, format: iceberg}}` }),
        signal,
      );
      await expect(bad.run(scanOf('t', ['id']), signal), name).rejects.toThrow(message);
    }
    await expect(lake.run(scanOf('evolved@12', ['id']), signal)).rejects.toThrow(/no snapshot "12"/);
  });
});

describe('columns that a file lacks', () => {
  const fields = [
    { id: 1, name: 'id', required: false, type: 'long' },
    { id: 2, name: 'region', required: false, type: 'string' },
    { id: 3, name: 'day', required: false, type: 'date' },
    { id: 4, name: 'added', required: false, type: 'decimal(10, 2)', 'initial-default': '1.50' },
  ];
  const columns = ['id', 'region', 'day', 'added'];

  async function read(files: Files, filters: ScanFilter[] = []): Promise<unknown[][]> {
    for (const [path, body] of files) server.put(`lake/lacking/${path}`, body);
    await using silo = await s3.connect(s3Options(server, 's3://lake/lacking'), signal);
    const rows = await rowsOf(silo, scanOf('t', columns, filters), duck);
    for (const path of files.keys()) server.objects.delete(`lake/lacking/${path}`);
    return rows;
  }

  test('come from identity partitions, from the initial default, or are NULL; deletes and filters hold', async () => {
    const spec = [
      { name: 'region', 'source-id': 2, transform: 'identity', avro: 'string' },
      { name: 'day', 'source-id': 3, transform: 'identity', avro: 'int' },
    ];
    const file = (query: string, ids: string) => copyTo(duck, query, `FORMAT parquet, FIELD_IDS {${ids}}`);
    const data = [
      {
        path: 'a.parquet',
        body: await file('SELECT 1::BIGINT AS id', 'id: 1'),
        rows: 1,
        partition: { region: 'eu', day: 19723 },
      },
      {
        path: 'b.parquet',
        body: await file(
          "SELECT 2::BIGINT AS id, 'us' AS region, 2.25::DECIMAL(10,2) AS added",
          'id: 1, region: 2, added: 4',
        ),
        rows: 1,
        partition: { region: 'us', day: 19724 },
      },
    ];
    const files = icebergTable('t', fields, data, { spec });
    const [first, second] = [
      ['1', 'eu', '2024-01-01', '1.50'],
      ['2', 'us', '2024-01-02', '2.25'],
    ];
    expect(await read(files)).toEqual([first, second]);
    expect(await read(files, [{ column: 'added', operator: '=', values: ['1.5'] }])).toEqual([first]);
    expect(await read(files, [{ column: 'day', operator: '>', values: ['2024-01-01'] }])).toEqual([second]);
  });

  test('are found by the name mapping in files without field ids, beside files with them', async () => {
    const mapping = JSON.stringify([
      { 'field-id': 1, names: ['ID', 'id'] },
      { 'field-id': 2, names: ['region', 'area'] },
    ]);
    const data = [
      {
        path: 'old.parquet',
        body: await copyTo(duck, "SELECT 'north' AS area, 7::INTEGER AS id, DATE '2000-01-01' AS day"),
        rows: 1,
      },
      {
        path: 'new.parquet',
        body: await copyTo(
          duck,
          "SELECT 8::BIGINT AS id, DATE '2024-05-06' AS d",
          'FORMAT parquet, FIELD_IDS {id: 1, d: 3}',
        ),
        rows: 1,
      },
    ];
    const files = icebergTable('t', fields, data, { properties: { 'schema.name-mapping.default': mapping } });
    expect(await read(files)).toEqual([
      ['7', 'north', null, '1.50'],
      ['8', null, '2024-05-06', '1.50'],
    ]);
    const broken = icebergTable('t', fields, data, { properties: { 'schema.name-mapping.default': '{}' } });
    await expect(read(broken)).rejects.toThrow(/name mapping of the Iceberg table "t" is no list/);
  });
});
