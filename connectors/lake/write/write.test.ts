import type { DuckDBConnection } from '@duckdb/node-api';
import type { RecordBatch } from 'apache-arrow';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { scalar } from '../../../src/plan/types.ts';
import { type S3TestServer, startS3 } from '../../../test/servers/s3-server.ts';
import { rowsOf, s3Options, scanOf, testDuck } from '../../../test/support/lake.ts';
import { sampleBatches, sampleColumns } from '../../../test/support/sample-rows.ts';
import type { ResultColumn, Silo, WriteRequest } from '../../connector.ts';
import { rowBatches } from '../../row-batches.ts';
import { s3 } from '../kinds.ts';

const signal = new AbortController().signal;
let duck: DuckDBConnection;
let server: S3TestServer;
let silo: Silo;

const request = (table: string, mode: WriteRequest['mode'], from: number, to: number): WriteRequest => ({
  table: { table },
  columns: sampleColumns,
  batches: sampleBatches(from, to),
  mode,
});

beforeAll(async () => {
  duck = await testDuck();
  server = await startS3();
  server.put('lake/wh/.keep', '');
  silo = await s3.connect(s3Options(server, 's3://lake/wh', { write_format: 'delta' }), signal);
});
afterAll(async () => {
  await silo[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const ids = async (table: string, from = silo): Promise<number[]> =>
  (await rowsOf(from, scanOf(table, ['id']), duck)).map(([id]) => Number(id)).sort((a, b) => a - b);
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

describe('writing Delta tables', () => {
  test('creates one whose rows, types and statistics come back', async () => {
    expect(await silo.write!(request('made', 'create', 0, 10), signal)).toEqual({ rows: 10 });
    expect(
      await rowsOf(
        silo,
        scanOf(
          'made',
          ['id', 'price', 'note', 'day', 'moment'],
          [
            { column: 'id', operator: '<', values: [5] },
            { column: 'id', operator: '>', values: [2] },
          ],
        ),
        duck,
      ),
    ).toEqual([
      ['3', '0.75', null, '2024-01-04', '1970-01-01 00:00:03.000003+00'],
      ['4', '1.00', 'n4', '2024-01-05', '1970-01-01 00:00:04.000004+00'],
    ]);
    const statistics = await silo.statistics({ table: 'made' }, signal);
    expect(statistics).toMatchObject({
      rows: 10,
      columns: { id: { min: 0, max: 9 }, note: { nullFraction: 0.1 }, day: { max: '2024-01-10' } },
    });
    await expect(silo.write!(request('made', 'create', 0, 1), signal)).rejects.toMatchObject({ sqlstate: '42P07' });
  });

  test('of appends at the same time, every one comes through', async () => {
    await silo.write!(request('busy', 'create', 0, 10), signal);
    const writers = range(1, 9);
    await Promise.all(writers.map((i) => silo.write!(request('busy', 'append', i * 10, i * 10 + 10), signal)));
    expect(await ids('busy')).toEqual(range(0, 90));
    const commits = [...server.objects.keys()].filter((key) => /busy\/_delta_log\/\d+\.json$/.test(key));
    expect(commits).toHaveLength(9);
    expect(await ids('busy@0')).toEqual(range(0, 10));
  });

  test('a commit whose answer was lost is not made twice', async () => {
    await silo.write!(request('lost', 'create', 0, 5), signal);
    let answers = 1;
    server.fault = ({ method, path }) => {
      if (method !== 'PUT' || !path.endsWith('1.json') || answers-- <= 0) return undefined;
      return 'reset after';
    };
    await silo.write!(request('lost', 'append', 5, 7), signal);
    server.fault = () => undefined;
    expect(await ids('lost')).toEqual(range(0, 7));
  });

  test('rows that do not fit are refused, and leave no trace', async () => {
    await silo.write!(request('strict', 'create', 0, 5), signal);
    const columns = sampleColumns.slice(0, 2);
    await expect(
      silo.write!(
        { table: { table: 'strict' }, columns, batches: sampleBatches(0, 3, columns), mode: 'append' },
        signal,
      ),
    ).rejects.toMatchObject({
      sqlstate: '42804',
      detail: expect.stringContaining('the rows have id bigint, price numeric(12,2)'),
    });
    async function* broken(): AsyncGenerator<RecordBatch> {
      yield* sampleBatches(10, 12);
      throw new Error('the source is gone');
    }
    await expect(silo.write!({ ...request('strict', 'append', 0, 0), batches: broken() }, signal)).rejects.toThrow(
      /source is gone/,
    );
    expect(await ids('strict')).toEqual(range(0, 5));
    await expect(silo.write!(request('nowhere', 'append', 0, 1), signal)).rejects.toMatchObject({ sqlstate: '42P01' });
  });
});

describe('appending to a partitioned Delta table', () => {
  const columns: ResultColumn[] = [
    { name: 'id', type: scalar('bigint') },
    { name: 'day', type: scalar('date') },
    { name: 'region', type: scalar('text') },
    { name: 'at', type: scalar('timestamptz') },
  ];
  const append = (rows: (string | null)[][]) =>
    silo.write!({ table: { table: 'parted' }, columns, batches: rowBatches(columns, rows), mode: 'append' }, signal);

  beforeAll(() => {
    const types: Record<string, string> = { id: 'long', day: 'date', region: 'string', at: 'timestamp' };
    const fields = Object.entries(types).map(([name, type]) => ({ name, type, nullable: true, metadata: {} }));
    const actions = [
      { protocol: { minReaderVersion: 1, minWriterVersion: 2 } },
      {
        metaData: {
          id: 'p',
          format: { provider: 'parquet', options: {} },
          schemaString: JSON.stringify({ type: 'struct', fields }),
          partitionColumns: ['day', 'region', 'at'],
          configuration: {},
        },
      },
    ];
    server.put(
      `lake/wh/parted/_delta_log/${'0'.repeat(20)}.json`,
      actions.map((each) => JSON.stringify(each)).join('\n'),
    );
  });

  test('writes a file per partition, with its values in the log only', async () => {
    const at = '2024-01-01 00:00:00+00';
    const rows = [
      ['1', '2024-01-01', 'eu', at],
      ['2', '2024-01-01', 'eu', at],
      ['3', '2024-01-02', 'a/b=c ü', at],
      ['4', null, null, null],
    ];
    expect(await append(rows)).toEqual({ rows: 4 });
    expect(await rowsOf(silo, scanOf('parted', ['id', 'day', 'region', 'at']), duck)).toEqual(rows);
    expect([...server.objects.keys()].filter((key) => key.startsWith('lake/wh/parted/part-'))).toHaveLength(3);
    const filters = [{ column: 'region', operator: '=', values: ['a/b=c ü'] } as const];
    expect(await rowsOf(silo, scanOf('parted', ['id'], filters), duck)).toEqual([['3']]);
  });

  test('refuses what the log cannot tell from NULL, and leaves no trace', async () => {
    const before = server.objects.size;
    await expect(append([['5', '2024-01-01', '', null]])).rejects.toMatchObject({ sqlstate: '22023' });
    expect(server.objects.size).toBe(before);
  });
});

describe('writing Parquet', () => {
  test('creates a folder and adds files to it', async () => {
    await using plain = await s3.connect(s3Options(server, 's3://lake/wh'), signal);
    await plain.write!(request('files', 'create', 0, 10), signal);
    await plain.write!(request('files', 'append', 10, 15), signal);
    expect(await ids('files', plain)).toEqual(range(0, 15));
    await expect(plain.write!(request('files', 'create', 0, 1), signal)).rejects.toMatchObject({ sqlstate: '42P07' });
    await expect(plain.write!(request('../escape', 'create', 0, 1), signal)).rejects.toThrow(/outside/);
  });
});
