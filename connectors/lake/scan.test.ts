import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { scalar, typeName } from '../../src/plan/types.ts';
import { type S3TestServer, startS3 } from '../../test/servers/s3-server.ts';
import { copyTo, rowsOf, s3Options, scanOf, testDuck } from '../../test/support/lake.ts';
import type { ScanFilter } from '../connector.ts';
import { batchTexts } from '../row-text.ts';
import { s3 } from './kinds.ts';
import type { LakeSilo } from './silo.ts';

const signal = new AbortController().signal;
let duck: DuckDBConnection;
let server: S3TestServer;
const QUERY = `SELECT i AS id, i % 7 AS kind, 'customer ' || (i % 500) AS name, DATE '2024-01-01' + (i // 1000)::INT AS day,
  i / 3.0 AS price, repeat(md5(i::VARCHAR), 4) AS padding, CASE WHEN i % 10 = 0 THEN NULL ELSE i END AS sparse
  FROM range(50000) t(i)`;

const open = (more: Record<string, string> = {}): Promise<LakeSilo> =>
  s3.connect(s3Options(server, 's3://lake/root', more), signal) as Promise<LakeSilo>;
const where = (column: string, operator: ScanFilter['operator'], ...values: ScanFilter['values']): ScanFilter => ({
  column,
  operator,
  values,
});

beforeAll(async () => {
  duck = await testDuck();
  server = await startS3({ pageSize: 5 });
  await duck.run(`CREATE TABLE source AS ${QUERY}`);
  server.put(
    'lake/root/big.parquet',
    await copyTo(duck, 'FROM source', 'FORMAT parquet, ROW_GROUP_SIZE 5000, COMPRESSION zstd'),
  );
  for (const year of ['2023', '2024', '__HIVE_DEFAULT_PARTITION__']) {
    for (const part of [0, 1]) {
      const query = `SELECT i AS id, 'a "b", ' || i AS note FROM range(${part * 10}, ${part * 10 + 10}) t(i)`;
      server.put(`lake/root/hive/year=${year}/part-${part}.parquet`, await copyTo(duck, query));
      server.put(
        `lake/root/text/year=${year}/part-${part}.csv.gz`,
        await copyTo(duck, query, 'FORMAT csv, HEADER, COMPRESSION gzip'),
      );
    }
  }
  server.put('lake/root/hive/_SUCCESS', '');
  server.put('lake/root/lines.ndjson', '{"a": 1, "b": {"x": [1, 2]}}\n{"a": 2, "b": null, "c": "2024-05-06"}\n');
  server.put('lake/root/plain.tsv', 'id\tname\n1\tone\n2\t\n3\t"tab\there"\n');
});
beforeEach(() => {
  server.fault = () => undefined;
  server.log.length = 0;
});
afterAll(() => server[Symbol.asyncDispose]());

describe('a lake in a bucket', () => {
  test('finds its tables and their columns', async () => {
    await using lake = await open();
    const tables = await lake.tables(signal);
    const shape = Object.fromEntries(
      tables.map((t) => [t.table, t.columns.map((c) => `${c.name} ${typeName(c.type)}`)]),
    );
    expect(shape).toEqual({
      hive: ['id bigint', 'note text', 'year bigint'],
      text: ['id bigint', 'note text', 'year bigint'],
      big: [
        'id bigint',
        'kind bigint',
        'name text',
        'day date',
        'price double precision',
        'padding text',
        'sparse bigint',
      ],
      lines: ['a bigint', 'b json', 'c date'],
      plain: ['id bigint', 'name text'],
    });
  });

  test.each<[string, string[], ScanFilter[], string]>([
    [
      'a range of days',
      ['id', 'price'],
      [where('day', '>=', '2024-02-10'), where('day', '<', '2024-02-12')],
      "day >= '2024-02-10' AND day < '2024-02-12'",
    ],
    ['one id', ['name', 'day'], [where('id', '=', 31_234)], 'id = 31234'],
    ['a name, by bloom filter', ['id'], [where('name', '=', 'customer 77')], "name = 'customer 77'"],
    ['a name that is nowhere', ['id'], [where('name', 'in', 'customer 1x', 'nobody')], 'false'],
    ['no row', ['id'], [where('id', '>', 50_000)], 'false'],
    ['NULLs', ['id'], [where('sparse', 'is_null'), where('id', '<', 100)], 'sparse IS NULL AND id < 100'],
    ['no column', [], [where('id', '<', 7000)], 'id < 7000'],
    ['everything', ['id', 'kind', 'name', 'day', 'price', 'padding', 'sparse'], [], 'true'],
  ])('reads %s as the source has it', async (_, columns, filters, condition) => {
    await using lake = await open();
    const rows = await rowsOf(lake, scanOf('big', columns, filters), duck);
    const list = columns.length === 0 ? '1' : columns.join(', ');
    const expected = (await duck.runAndReadAll(`SELECT ${list} FROM source WHERE ${condition}`)).getRowsJson();
    expect(rows.map((r) => JSON.stringify(r))).toEqual(expected.map((r) => JSON.stringify(r)).sort());
  });

  test('fetches the footer and the chunks of matching row groups only', async () => {
    await using lake = await open();
    await rowsOf(lake, scanOf('big', ['price'], [where('day', '=', '2024-01-07')]), duck);
    const chunks = await duck.runAndReadAll(
      `SELECT sum(total_compressed_size)::DOUBLE FROM parquet_metadata('${await onDisk('lake/root/big.parquet')}')
       WHERE row_group_id = 1 AND path_in_schema IN ('price', 'day')`,
    );
    // The tail with the footer, the chunks, and at most one small gap between two of them.
    const needed = 8 * 1024 + (chunks.getRowsJson()[0]![0] as number);
    expect(lake.traffic.bytes).toBeLessThan(needed + 16 * 1024);
    const before = lake.traffic.bytes;
    await rowsOf(lake, scanOf('big', ['price'], [where('day', '=', '2024-01-07')]), duck);
    expect(lake.traffic.bytes).toBe(before);
  });

  test('skips partitions without asking for their files', async () => {
    await using lake = await open();
    const rows = await rowsOf(
      lake,
      scanOf('hive', ['id', 'year'], [where('year', '=', 2023), where('id', '>', 17)]),
      duck,
    );
    expect(rows).toEqual([
      ['18', '2023'],
      ['19', '2023'],
    ]);
    server.log.length = 0;
    expect(await rowsOf(lake, scanOf('hive', ['id'], [where('year', 'is_null'), where('id', '=', 0)]), duck)).toEqual([
      ['0'],
    ]);
    expect(server.log.some((r) => r.path.includes('year=20') && r.range !== undefined)).toBe(false);
  });

  test('takes a column that the files and the path both have from the path', async () => {
    for (const [format, extension] of [
      ['FORMAT parquet', 'parquet'],
      ['FORMAT csv, HEADER', 'csv'],
    ] as const) {
      server.put(
        `lake/both/${extension}/year=2024/0.${extension}`,
        await copyTo(duck, 'SELECT 1 AS id, 1999 AS year, 5 AS v', format),
      );
      await using lake = await s3.connect(s3Options(server, 's3://lake/both'), signal);
      expect(await rowsOf(lake, scanOf(extension, ['year', 'v'], [where('year', '=', 2024)]), duck)).toEqual([
        ['2024', format.endsWith('parquet') ? 5 : '5'],
      ]);
    }
  });

  test('reads compressed CSV, TSV and nested JSON', async () => {
    await using lake = await open();
    expect(
      await rowsOf(lake, scanOf('text', ['note', 'year'], [where('id', '=', 3), where('year', '>', 2000)]), duck),
    ).toEqual([
      ['a "b", 3', '2023'],
      ['a "b", 3', '2024'],
    ]);
    expect(await rowsOf(lake, scanOf('plain', ['id', 'name']), duck)).toEqual([
      ['1', 'one'],
      ['2', null],
      ['3', 'tab\there'],
    ]);
    expect(await rowsOf(lake, scanOf('lines', ['a', 'b', 'c']), duck)).toEqual([
      ['1', { x: ['1', '2'] }, null],
      ['2', null, '2024-05-06'],
    ]);
  });

  test('takes tables, formats and types from the options', async () => {
    const tables = '{only: "hive/year=2024/*-0.parquet", ids: {path: "text/**/*.csv.gz", types: {id: VARCHAR}}}';
    await using lake = await open({ tables });
    expect((await lake.tables(signal)).map((t) => [t.table, typeName(t.columns[0]!.type)])).toEqual([
      ['only', 'bigint'],
      ['ids', 'text'],
    ]);
    expect(await rowsOf(lake, scanOf('only', ['id']), duck)).toHaveLength(10);
    await expect(open({ tables: '{a: {path: x, fromat: csv}}' })).rejects.toThrow(/fromat/);
    await expect(open({ tabels: 'a' })).rejects.toMatchObject({ hint: 'Did you mean "tables"?' });
  });

  test('restarts when an object is replaced between listing and reading, and never mixes versions', async () => {
    server.put('lake/root/moving.csv', 'v\n1\n1\n');
    await using lake = await open({ tables: '{moving: moving.csv}' });
    await lake.tables(signal);
    server.put('lake/root/moving.csv', 'v\n22\n22\n');
    let replaced = false;
    server.fault = ({ method, range }) => {
      if (method === 'GET' && range !== undefined && !replaced) {
        replaced = true;
        server.put('lake/root/moving.csv', 'v\n333\n333\n');
      }
      return undefined;
    };
    expect(await rowsOf(lake, scanOf('moving', ['v']), duck)).toEqual([['333'], ['333']]);
    let version = 0;
    server.fault = ({ range }) => {
      if (range !== undefined) server.put('lake/root/moving.csv', `v\n${version++}\n`);
      return undefined;
    };
    server.put('lake/root/moving.csv', 'v\nnew\n');
    await expect(lake.run(scanOf('moving', ['v']), signal)).rejects.toMatchObject({
      sqlstate: '55006',
      message: expect.stringContaining('moving.csv was replaced while it was being read'),
    });
  });

  test('reads a table that is greater than the cache in parts, and keeps to the bound', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'lake-parts-'));
    await using small = await open({ cache_bytes: '400000', cache_folder: folder });
    const columns = { id: scalar('bigint'), padding: scalar('text') };
    const names = Object.keys(columns);
    const stream = async (filters: ScanFilter[] = [], limit?: number): Promise<string[]> => {
      const typed = Object.entries(columns).map(([name, type]) => ({ name, type }));
      const result = await small.run({ ...scanOf('big', names, filters, limit), columns: typed }, signal);
      if (result.kind !== 'batches') throw new Error('it fits the cache');
      const rows: string[] = [];
      for await (const batch of result.batches) {
        const read = batchTexts(batch, typed);
        for (let row = 0; row < batch.numRows; row++) rows.push(read.map((text) => text(row)).join());
        // The cache’s 400,000, the copy of a part that DuckDB reads, and what disk blocks round up. The columns have 1,095,000.
        expect(await bytesOnDisk(folder)).toBeLessThan(620_000);
      }
      return rows.sort();
    };
    const expected = async (where = '') => {
      const found = await duck.runAndReadAll(`SELECT id, padding FROM source ${where}`);
      return found
        .getRowsJson()
        .map((row) => row.join())
        .sort();
    };
    expect(await stream()).toEqual(await expected());
    expect(await stream([where('kind', '=', 3)])).toEqual(await expected('WHERE kind = 3'));
    expect(await stream([where('kind', '=', 3)], 7000)).toHaveLength(7000);
    await rm(folder, { recursive: true });
  });

  test('answers the same from an encrypted cache, cold and warm', async () => {
    await using sealed = await open({ cache_encryption: 'true' });
    await using plain = await open();
    const scans = [
      scanOf('big', ['id', 'name'], [where('day', '>=', '2024-01-10'), where('kind', '=', 3)]),
      scanOf('big', ['id', 'price']),
      scanOf('hive', ['id', 'year']),
      scanOf('text', ['note', 'year']),
      scanOf('lines', ['a', 'b']),
    ];
    for (const each of [...scans, ...scans]) {
      expect(await rowsOf(sealed, each, duck)).toEqual(await rowsOf(plain, each, duck));
    }
    expect(sealed.traffic).toEqual(plain.traffic);
  });

  test('answers the same while every third request fails in one way or another', async () => {
    const faults = [
      { status: 503, code: 'SlowDown' },
      'reset',
      { truncate: 7 },
      { status: 500, code: 'InternalError' },
      { delay: 20 },
    ] as const;
    let requests = 0;
    server.fault = () => (requests++ % 3 === 0 ? faults[((requests / 3) % faults.length) | 0] : undefined);
    await using lake = await open();
    const filters = [where('day', '>=', '2024-01-10'), where('kind', '=', 3)];
    const rows = await rowsOf(lake, scanOf('big', ['id', 'name'], filters), duck);
    const expected = await duck.runAndReadAll("SELECT id, name FROM source WHERE day >= '2024-01-10' AND kind = 3");
    expect(rows.map((row) => JSON.stringify(row))).toEqual(
      expected
        .getRowsJson()
        .map((row) => JSON.stringify(row))
        .sort(),
    );
    expect(await rowsOf(lake, scanOf('hive', ['id', 'year']), duck)).toHaveLength(60);
    expect(requests).toBeGreaterThan(10);
  });

  test('tells rows and bounds from footers', async () => {
    await using lake = await open();
    const statistics = await lake.statistics({ table: 'big' }, signal);
    expect(statistics?.rows).toBe(50_000);
    expect(statistics?.columns.id).toMatchObject({ min: 0, max: 49_999, nullFraction: 0 });
    expect(statistics?.columns.day).toMatchObject({ min: '2024-01-01', max: '2024-02-19' });
    expect(statistics?.columns.sparse?.nullFraction).toBeCloseTo(0.1);
    expect((await lake.statistics({ table: 'hive' }, signal))?.columns.year).toEqual({ distinct: 3 });
  });
});

describe('what is wrong is said', () => {
  test('tables, columns and versions that are not there', async () => {
    await using lake = await open();
    await expect(lake.run(scanOf('bigg', ['id']), signal)).rejects.toMatchObject({
      sqlstate: '42P01',
      hint: 'Did you mean "big"?',
    });
    await expect(lake.run(scanOf('big', ['nmae']), signal)).rejects.toMatchObject({
      sqlstate: '42703',
      hint: 'Did you mean "name"?',
    });
    await expect(lake.run(scanOf('big@3', ['id']), signal)).rejects.toThrow(/no versions/);
  });

  test('files that are no Parquet, are cut short, encrypted, or lie about their footer', async () => {
    const good = server.objects.get('lake/root/big.parquet')!;
    const lie = Buffer.from(good);
    lie.writeUInt32LE(0xffff_fff0, lie.length - 8);
    const garbage = Buffer.from(good);
    garbage.fill(0xff, garbage.length - 2000, garbage.length - 8);
    const bad: Record<string, [Buffer, RegExp]> = {
      short: [good.subarray(0, 100_000), /cut short/],
      tiny: [Buffer.from('PAR1'), /cut short/],
      secret: [Buffer.concat([good.subarray(0, -4), Buffer.from('PARE')]), /encrypted/],
      lie: [lie, /claims 4294967280 bytes/],
      garbage: [garbage, /cannot be read/],
    };
    for (const [name, [body, message]] of Object.entries(bad)) {
      server.put(`lake/bad/${name}.parquet`, body);
      await using lake = (await s3.connect(
        s3Options(server, 's3://lake/bad', { tables: `{t: ${name}.parquet}` }),
        signal,
      )) as LakeSilo;
      await expect(lake.run(scanOf('t', ['id']), signal), name).rejects.toThrow(message);
      const [table] = await lake.tables(signal);
      expect(table?.unreadable?.message, name).toMatch(message);
    }
  });

  test('a column whose type differs between files, with both schemas', async () => {
    server.put('lake/mix/t/a.parquet', await copyTo(duck, 'SELECT 1 AS id, 2 AS v'));
    server.put('lake/mix/t/b.parquet', await copyTo(duck, "SELECT 2 AS id, 'two' AS v"));
    await using lake = await s3.connect(s3Options(server, 's3://lake/mix'), signal);
    await expect(lake.run(scanOf('t', ['v']), signal)).rejects.toMatchObject({
      sqlstate: '42804',
      message: 't/b.parquet holds column "v" as VARCHAR, and the table has it as INTEGER',
      detail: 'Columns of the file: id INTEGER, v VARCHAR.',
    });
  });

  test('a bucket that is not there, and credentials that are wrong', async () => {
    await expect(s3.connect(s3Options(server, 's3://nowhere/x'), signal)).rejects.toMatchObject({
      sqlstate: '58P01',
      hint: 'Check the bucket name and the region.',
    });
    await expect(open({ secret_key: 'guess' })).rejects.toMatchObject({ sqlstate: '42501', hint: 'Check secret_key.' });
    await expect(s3.connect({ url: 'http://lake/x' }, signal)).rejects.toMatchObject({ sqlstate: '22023' });
    await expect(s3.connect({}, signal)).rejects.toThrow(/needs the option "url"/);
  });
});

/** Bytes that the files below `folder` take, holes apart. */
async function bytesOnDisk(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true });
  const found = await Promise.all(names.map((name) => stat(join(folder, name)).catch(() => undefined)));
  return found.reduce((n, each) => n + (each?.isFile() ? each.blocks * 512 : 0), 0);
}

async function onDisk(path: string): Promise<string> {
  const { writeFile } = await import('node:fs/promises');
  const file = `/tmp/causeway-scan-${process.pid}.parquet`;
  await writeFile(file, server.objects.get(path)!);
  return file;
}
