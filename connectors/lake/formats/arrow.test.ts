/** Arrow IPC files of PyArrow: what is read must be what its Parquet file of the same rows holds. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { DuckDBConnection } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type S3TestServer, startS3 } from '../../../test/servers/s3-server.ts';
import { putFolder, rowsOf, s3Options, scanOf, testDuck } from '../../../test/support/lake.ts';
import type { Silo } from '../../connector.ts';
import { s3 } from '../kinds.ts';

const signal = new AbortController().signal;
const FIXTURES = fileURLToPath(new URL('../../../test/fixtures/lake/arrow/', import.meta.url));
const COLUMNS = ['id', 'small', 'huge', 'text', 'kind', 'share', 'price', 'raw', 'flag', 'day', 'clock', 'moment'];
COLUMNS.push('far', 'past', 'list', 'nested');

let duck: DuckDBConnection;
let server: S3TestServer;
let silo: Silo;
beforeAll(async () => {
  duck = await testDuck();
  server = await startS3();
  await putFolder(server, 'lake/a', FIXTURES);
  silo = await s3.connect(s3Options(server, 's3://lake/a'), signal);
});
afterAll(async () => {
  await silo[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

/** A nested value is a struct in Parquet, and JSON here. */
const plain = (rows: readonly (readonly unknown[])[]) =>
  rows.map((row) =>
    row.map((value) =>
      JSON.stringify(typeof value === 'string' && value.startsWith('{"') ? JSON.parse(value) : value).replaceAll(
        '"',
        '',
      ),
    ),
  );

describe('Arrow IPC', () => {
  test.each(['uncompressed', 'lz4', 'zstd', 'stream'])('%s', async (name) => {
    const rows = await rowsOf(silo, scanOf(name, COLUMNS), duck);
    expect(rows).toHaveLength(300);
    expect(plain(rows)).toEqual(plain(await rowsOf(silo, scanOf('expected', COLUMNS), duck)));
    const filters = [{ column: 'text', operator: '=', values: ['text 7'] } as const];
    expect(await rowsOf(silo, scanOf(name, ['kind'], filters), duck)).toHaveLength(15);
    expect(await rowsOf(silo, scanOf(name, []), duck)).toHaveLength(300);
  });

  test('the types are those of the Parquet file', async () => {
    const tables = await silo.tables(signal);
    const typesOf = (name: string) => tables.find(({ table }) => table === name)!.columns.map(({ type }) => type);
    expect(typesOf('lz4')).toEqual(typesOf('expected'));
  });

  test('a file that is cut short is refused by its name', async () => {
    const body = await readFile(`${FIXTURES}lz4.feather`);
    for (const [name, bytes] of [
      ['cut', body.subarray(0, 5000)],
      ['none', Buffer.from('no arrow at all')],
    ] as const) {
      server.put(`lake/${name}/t.arrow`, bytes);
      await using broken = await s3.connect(s3Options(server, `s3://lake/${name}`), signal);
      await expect(broken.run(scanOf('t', ['id']), signal)).rejects.toMatchObject({
        sqlstate: 'XX001',
        message: expect.stringContaining('t.arrow'),
      });
    }
  });
});
