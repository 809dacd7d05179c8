import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { DuckDBConnection } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type S3TestServer, startS3 } from '../../../../test/servers/s3-server.ts';
import { copyTo, putFolder, rowsOf, s3Options, scanOf, testDuck, texts } from '../../../../test/support/lake.ts';
import { s3 } from '../../kinds.ts';
import type { LakeSilo } from '../../silo.ts';
import { decodeZ85, positions } from './deletion-vector.ts';

const signal = new AbortController().signal;
const FIXTURES = fileURLToPath(new URL('../../../../test/fixtures/lake/delta/', import.meta.url));
type Expected = Record<string, Record<string, { columns: string[]; rows: (string | null)[][] }>>;
const expected = JSON.parse(await readFile(`${FIXTURES}expected.json`, 'utf8')) as Expected;

let duck: DuckDBConnection;
let server: S3TestServer;
let lake: LakeSilo;

beforeAll(async () => {
  duck = await testDuck();
  server = await startS3();
  await putFolder(server, 'lake/delta', FIXTURES);
  lake = (await s3.connect(s3Options(server, 's3://lake/delta'), signal)) as LakeSilo;
});
afterAll(async () => {
  await lake[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

describe('Delta tables of other writers', () => {
  const versions = Object.entries(expected).flatMap(([table, states]) =>
    Object.entries(states).map(([version, state]) => [table, version, state] as const),
  );
  test.each(versions)('%s, version %s', async (table, version, { columns, rows }) => {
    const found = await rowsOf(lake, scanOf(`${table}@${version}`, columns), duck);
    expect(texts(found)).toEqual(texts(rows));
  });

  test('the newest version is read without naming one', async () => {
    for (const [table, states] of Object.entries(expected)) {
      const newest = Object.entries(states)
        .sort(([a], [b]) => Number(a) - Number(b))
        .at(-1)![1];
      expect(texts(await rowsOf(lake, scanOf(table, newest.columns), duck)), table).toEqual(texts(newest.rows));
    }
  });

  test('columns have their logical names and types', async () => {
    const tables = await lake.tables(signal);
    const columns = (name: string) => tables.find((t) => t.table === name)?.columns.map((c) => [c.name, c.type.kind]);
    expect(columns('mapped_name')).toEqual([
      ['id', 'bigint'],
      ['new name, odd', 'text'],
      ['part', 'text'],
      ['extra', 'numeric'],
    ]);
    expect(columns('v2')).toEqual([
      ['id', 'bigint'],
      ['t', 'timestamptz'],
      ['d', 'date'],
    ]);
    expect(columns('parts')).toEqual([
      ['id', 'bigint'],
      ['s', 'json'],
      ['l', 'array'],
    ]);
  });
});

test('nested fields have their logical names under column mapping', async () => {
  const field = (name: string, type: unknown) => ({
    name,
    type,
    nullable: true,
    metadata: { 'delta.columnMapping.physicalName': `p_${name}` },
  });
  const inner = { type: 'struct', fields: [field('c', 'string')] };
  const outer = {
    type: 'struct',
    fields: [field('a', 'integer'), field('l', { type: 'array', elementType: inner, containsNull: true })],
  };
  const body = await copyTo(
    duck,
    "SELECT 1::BIGINT AS p_id, {p_a: 1, p_l: [{p_c: 'x'}, NULL]} AS p_s UNION ALL SELECT 2, NULL",
  );
  const actions = [
    { protocol: { minReaderVersion: 2, minWriterVersion: 5 } },
    {
      metaData: {
        id: 'x',
        schemaString: JSON.stringify({ type: 'struct', fields: [field('id', 'long'), field('s', outer)] }),
        partitionColumns: [],
        configuration: { 'delta.columnMapping.mode': 'name' },
      },
    },
    { add: { path: 'f.parquet', partitionValues: {}, size: body.length, dataChange: true } },
  ];
  server.put('lake/nested/t/f.parquet', body);
  server.put(
    `lake/nested/t/_delta_log/${'0'.repeat(20)}.json`,
    actions.map((action) => JSON.stringify(action)).join('\n'),
  );
  await using nested = await s3.connect(s3Options(server, 's3://lake/nested'), signal);
  expect(await rowsOf(nested, scanOf('t', ['id', 's']), duck)).toEqual([
    ['1', { a: 1, l: [{ c: 'x' }, null] }],
    ['2', null],
  ]);
});

describe('files are skipped', () => {
  const dataReads = (): string[] =>
    server.log.filter((r) => r.range !== undefined && !r.path.includes('_delta_log')).map((r) => r.path);

  test('by partition values', async () => {
    server.log.length = 0;
    const rows = await rowsOf(
      lake,
      scanOf(
        'partitioned',
        ['id'],
        [
          { column: 'day', operator: '=', values: ['2024-01-02'] },
          { column: 'region', operator: 'is_null', values: [] },
        ],
      ),
      duck,
    );
    expect(rows).toEqual([['10'], ['12']]);
    expect(dataReads().filter((path) => !path.includes('day=2024-01-02'))).toEqual([]);
  });

  test('by the statistics in the log', async () => {
    server.log.length = 0;
    const filters = [{ column: 'd', operator: '>=' as const, values: ['2024-01-05'] }];
    expect(await rowsOf(lake, scanOf('v2', ['id'], filters), duck)).toEqual([['4']]);
    expect(new Set(dataReads()).size).toBeLessThanOrEqual(1);
  });

  test('and counted', async () => {
    const statistics = await lake.statistics({ table: 'v2' }, signal);
    expect(statistics).toMatchObject({ rows: 5, columns: { id: { min: 0, max: 4, nullFraction: 0 } } });
  });
});

describe('what cannot be read is refused', () => {
  const log = (version: number): string => `_delta_log/${String(version).padStart(20, '0')}.json`;
  const protocol = { protocol: { minReaderVersion: 1, minWriterVersion: 2 } };
  const metaData = {
    metaData: {
      id: 'x',
      schemaString: JSON.stringify({ type: 'struct', fields: [{ name: 'a', type: 'long', nullable: true }] }),
      partitionColumns: [],
    },
  };
  const add = (path: string) => ({ add: { path, partitionValues: {}, size: 400, dataChange: true } });

  test.each<[string, Record<string, object[]>, RegExp]>([
    [
      'an unknown feature, by name',
      {
        [log(0)]: [
          {
            protocol: { minReaderVersion: 3, minWriterVersion: 7, readerFeatures: ['variantType', 'deletionVectors'] },
          },
          metaData,
        ],
      },
      /reader features variantType/,
    ],
    [
      'an unknown reader version',
      { [log(0)]: [{ protocol: { minReaderVersion: 9, minWriterVersion: 9 } }, metaData] },
      /reader version 9/,
    ],
    ['a missing version', { [log(0)]: [protocol, metaData], [log(2)]: [add('a.parquet')] }, /has no version 1/],
    ['a log without schema', { [log(0)]: [protocol] }, /no protocol or no schema/],
    [
      'a file outside the root',
      { [log(0)]: [protocol, metaData, add('../../../elsewhere/x.parquet')] },
      /outside the silo's root/,
    ],
    ['an absolute path elsewhere', { [log(0)]: [protocol, metaData, add('s3://other/x.parquet')] }, /outside s3:/],
    ['a file that is not there', { [log(0)]: [protocol, metaData, add('gone.parquet')] }, /is not there/],
  ])('%s', async (_, files, message) => {
    const folder = `lake/bad${Math.abs(message.source.length)}${_.length}`;
    for (const [name, actions] of Object.entries(files))
      server.put(`${folder}/t/${name}`, actions.map((a) => JSON.stringify(a)).join('\n'));
    await using bad = await s3.connect(
      s3Options(server, `s3://${folder}`, { tables: 't: {path: t, format: delta}' }),
      signal,
    );
    await expect(rowsOf(bad, scanOf('t', ['a']), duck)).rejects.toThrow(message);
  });

  test('checkpoints that are none, or name what is not there', async () => {
    const put = (folder: string, body: Buffer): void => {
      server.put(`lake/${folder}/t/_delta_log/${'1'.padStart(20, '0')}.checkpoint.parquet`, body);
      server.put(`lake/${folder}/t/${log(2)}`, JSON.stringify({ commitInfo: {} }));
    };
    put('cp1', await copyTo(duck, 'SELECT 1 AS a'));
    put('cp2', Buffer.from('PAR1 this is no Parquet PAR1'));
    const schemaString = metaData.metaData.schemaString.replaceAll("'", "''");
    put(
      'cp3',
      await copyTo(
        duck,
        `SELECT {minReaderVersion: 1, minWriterVersion: 2} AS protocol, NULL AS "metaData", NULL AS add
         UNION ALL SELECT NULL, {id: 'x', schemaString: '${schemaString}', partitionColumns: []::VARCHAR[]}, NULL
         UNION ALL SELECT NULL, NULL, {path: 'gone.parquet', partitionValues: MAP{}::MAP(VARCHAR, VARCHAR), size: 99}`,
      ),
    );
    for (const [folder, message] of [
      ['cp1', /no Delta checkpoint/],
      ['cp2', /cannot be read/],
      ['cp3', /gone.parquet is not there/],
    ] as const) {
      await using bad = await s3.connect(
        s3Options(server, `s3://lake/${folder}`, { tables: 't: {path: t, format: delta}' }),
        signal,
      );
      await expect(rowsOf(bad, scanOf('t', ['a']), duck), folder).rejects.toThrow(message);
    }
  });

  test('versions and times that are not in the log', async () => {
    await expect(lake.run(scanOf('v2@77', ['id']), signal)).rejects.toThrow(/has no version 77/);
    await expect(lake.run(scanOf('v2@1999-01-01', ['id']), signal)).rejects.toThrow(/no version as old as 1999/);
    await expect(lake.run(scanOf('v2@soon', ['id']), signal)).rejects.toThrow(/neither a version nor a timestamp/);
    expect(await rowsOf(lake, scanOf('v2@2999-01-01T00:00:00Z', ['id']), duck)).toHaveLength(5);
  });

  test('damaged deletion vectors', () => {
    expect(() => [...positions(Buffer.alloc(20))]).toThrow(/magic/);
    expect(() => decodeZ85('"""""')).toThrow(/Z85/);
    expect(decodeZ85('HelloWorld').toString('hex')).toBe('864fd26fb559f75b'); // ZeroMQ RFC 32's test vector
  });
});
