/** Files of other writers: what is fetched in ranges must answer as the whole file does. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DuckDBConnection } from '@duckdb/node-api';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type S3TestServer, startS3 } from '../../../test/servers/s3-server.ts';
import { putFolder, rowsOf, s3Options, scanOf, testDuck } from '../../../test/support/lake.ts';
import type { ScanFilter, Silo } from '../../connector.ts';
import { s3 } from '../kinds.ts';
import { keepRowGroups, metadataRange } from './footer.ts';

const signal = new AbortController().signal;
const FIXTURES = fileURLToPath(new URL('../../../test/fixtures/lake/parquet/', import.meta.url));
const names = (await readdir(FIXTURES))
  .map((name) => name.replace('.parquet', ''))
  .filter((name) => name !== 'encrypted');

let duck: DuckDBConnection;
let server: S3TestServer;
let silo: Silo;
beforeAll(async () => {
  duck = await testDuck();
  server = await startS3();
  await putFolder(server, 'lake/p', FIXTURES);
  server.put('lake/e/encrypted.parquet', server.objects.get('lake/p/encrypted.parquet')!);
  server.objects.delete('lake/p/encrypted.parquet');
  silo = await s3.connect(s3Options(server, 's3://lake/p'), signal);
});
afterAll(async () => {
  await silo[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const where = (column: string, operator: ScanFilter['operator'], ...values: ScanFilter['values']): ScanFilter => ({
  column,
  operator,
  values,
});
const FILTERS: readonly [string, ScanFilter][] = [
  ['true', where('id', '>=', 0)],
  ['id = 150', where('id', '=', 150)],
  ['id IN (5, 295)', where('id', 'in', 5, 295)],
  ['id < 0', where('id', '<', 0)],
  ["text = 'text 7'", where('text', '=', 'text 7')],
  ["text = 'nothing'", where('text', '=', 'nothing')],
  ["text > 'text 8'", where('text', '>', 'text 8')],
  ['text IS NULL', where('text', 'is_null')],
  ['text IS NOT NULL', where('text', 'is_not_null')],
  ['share > 30.5', where('share', '>', 30.5)],
  ['price <= 0.99', where('price', '<=', '0.99')],
  ["day >= DATE '2022-01-01'", where('day', '>=', '2022-01-01')],
  ["moment = TIMESTAMPTZ '2024-01-01 05:00:00+00'", where('moment', '=', '2024-01-01 05:00:00+00')],
  ['small <> 3', where('small', '<>', 3)],
];

describe('Parquet files of other writers', () => {
  test('there are many', () => expect(names.length).toBeGreaterThanOrEqual(14));

  test.each(names)('%s', async (name) => {
    const columns = ['id', 'small', 'text', 'share', 'price', 'day', 'moment', 'list', 'nested'];
    for (const [condition, filter] of FILTERS) {
      const expected = await duck.runAndReadAll(
        `SELECT ${columns.join(', ')} FROM '${FIXTURES}${name}.parquet' WHERE ${condition}`,
      );
      const rows = await rowsOf(silo, scanOf(name, columns, [filter]), duck);
      expect(
        rows.map((row) => JSON.stringify(row)),
        condition,
      ).toEqual(
        expected
          .getRowsJson()
          .map((row) => JSON.stringify(row))
          .sort(),
      );
    }
  });

  test('bloom filters of other writers spare row groups', async () => {
    await using fresh = await s3.connect(s3Options(server, 's3://lake/p'), signal);
    const filters = [where('text', '=', 'text 7x')];
    expect(await rowsOf(fresh, scanOf('arrow-bloom', ['id', 'nested'], filters), duck)).toEqual([]);
    const without = server.log.length;
    expect(await rowsOf(fresh, scanOf('arrow-bloom', ['id', 'nested'], filters), duck)).toEqual([]);
    expect(server.log.slice(without).filter((r) => r.range !== undefined)).toEqual([]);
  });

  test('an encrypted file is refused', async () => {
    await using silo = await s3.connect(s3Options(server, 's3://lake/e'), signal);
    await expect(silo.run(scanOf('encrypted', ['id']), signal)).rejects.toThrow(/encrypted Parquet footer/);
  });
});

describe('footers with fewer row groups', () => {
  test('read as if the others had never been there', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'lake-footer-'));
    const body = await readFile(`${FIXTURES}arrow-zstd.parquet`);
    const range = metadataRange(body.subarray(-8), body.length, 'f');
    const metadata = body.subarray(range.start, range.end);
    expect(Buffer.compare(keepRowGroups(metadata, [{ index: 0 }, { index: 1 }, { index: 2 }]), metadata)).toBe(0);
    for (const keep of [[0], [1], [2], [0, 2], []]) {
      const footer = keepRowGroups(
        metadata,
        keep.map((index) => ({ index })),
      );
      const length = Buffer.alloc(4);
      length.writeUInt32LE(footer.length);
      const path = join(folder, `${keep.join()}.parquet`);
      await writeFile(path, Buffer.concat([body.subarray(0, range.start), footer, length, Buffer.from('PAR1')]));
      const [row] = (
        await duck.runAndReadAll(`SELECT count(*)::INT, min(id)::INT, max(id)::INT FROM '${path}'`)
      ).getRowsJson();
      expect(row).toEqual([
        keep.length * 100,
        keep.length ? keep[0]! * 100 : null,
        keep.length ? keep.at(-1)! * 100 + 99 : null,
      ]);
    }
    await rm(folder, { recursive: true });
  });

  test('of damaged bytes end in an error, never in a hang or a crash', async () => {
    const body = await readFile(`${FIXTURES}arrow-zstd.parquet`);
    const range = metadataRange(body.subarray(-8), body.length, 'f');
    fc.assert(
      fc.property(fc.nat(range.end - range.start - 1), fc.nat(255), (at, value) => {
        const damaged = Buffer.from(body.subarray(range.start, range.end));
        damaged[at] = value;
        try {
          keepRowGroups(damaged, [{ index: 0 }]);
        } catch (error) {
          expect(error).toMatchObject({ sqlstate: 'XX001' });
        }
      }),
      { numRuns: 300 },
    );
  });
});
