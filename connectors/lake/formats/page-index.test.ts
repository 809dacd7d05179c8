/** Files with a page index (PyArrow's): fewer bytes, the same rows. */
import { fileURLToPath } from 'node:url';
import type { DuckDBConnection } from '@duckdb/node-api';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type S3TestServer, startS3 } from '../../../test/servers/s3-server.ts';
import { putFolder, rowsOf, s3Options, scanOf, testDuck } from '../../../test/support/lake.ts';
import type { ScanFilter } from '../../connector.ts';
import { ObjectCache } from '../cache/cache.ts';
import { byteCount } from '../cache/ranges.ts';
import { s3 } from '../kinds.ts';
import type { LakeSilo } from '../silo.ts';
import { localStore } from '../stores/local.ts';
import type { ObjectStore } from '../stores/store.ts';
import { columnOf, type Footer } from './footers.ts';
import { ParquetFiles } from './parquet.ts';

const signal = new AbortController().signal;
const FIXTURES = fileURLToPath(new URL('../../../test/fixtures/lake/pages/', import.meta.url));

let duck: DuckDBConnection;
let server: S3TestServer;
/** The fixtures, as if they were far away. */
let remote: ObjectStore;
beforeAll(async () => {
  duck = await testDuck();
  server = await startS3();
  await putFolder(server, 'lake/pages', FIXTURES);
  const { localPath: _, ...store } = await localStore(FIXTURES);
  remote = store;
});
afterAll(() => server[Symbol.asyncDispose]());

/** A silo with an empty cache. */
const open = async () => (await s3.connect(s3Options(server, 's3://lake/pages'), signal)) as LakeSilo;

const FLAT = ['id', 'day', 'moment', 'text', 'share', 'loose'];
const where = (column: string, operator: ScanFilter['operator'], ...values: ScanFilter['values']): ScanFilter => ({
  column,
  operator,
  values,
});

async function expected(name: string, condition: string, columns = FLAT): Promise<unknown[][]> {
  const sql = `SELECT ${columns.join(', ')} FROM '${FIXTURES}${name}.parquet' WHERE ${condition}`;
  const rows = (await duck.runAndReadAll(sql)).getRowsJson();
  return rows
    .map((row) => JSON.stringify(row))
    .sort()
    .map((row) => JSON.parse(row) as unknown[]);
}

describe.each(['v1', 'v2', 'plain'])('pages of %s', (name) => {
  // A page holds 100 rows.
  test.each([
    ['id = 1234', [where('id', '=', 1234)], 100],
    ["day = DATE '2021-08-01'", [where('day', '=', '2021-08-01')], 100],
    ["moment >= TIMESTAMPTZ '2024-01-09 12:00:00+00'", [where('moment', '>=', '2024-01-09 12:00:00+00')], 600],
    ["text = 'text 0033'", [where('text', '=', 'text 0033')], 100],
    ['share BETWEEN 100 AND 120', [where('share', '>=', 100), where('share', '<=', 120)], 1000], // any page may hide a NaN, the greatest of all
    ['id IN (3, 3999) AND text IS NOT NULL', [where('id', 'in', 3, 3999), where('text', 'is_not_null')], 200],
    ['loose <> 17', [where('loose', '<>', 17)], undefined],
  ] as const)('%s', async (condition, filters, pageRows) => {
    await using silo = await open();
    const rows = await rowsOf(silo, scanOf(name, FLAT, filters), duck);
    expect(rows).toEqual(await expected(name, condition));
    // Once more, with more of the file: what is there already is not mixed up.
    expect(await rowsOf(silo, scanOf(name, FLAT), duck)).toEqual(await expected(name, 'true'));
    expect(await rowsOf(silo, scanOf(name, FLAT, filters), duck)).toEqual(rows);

    await using cache = await ObjectCache.open(remote, { limit: 1e9 });
    const parquet = new ParquetFiles(cache);
    const object = cache.pin((await remote.stat(`${name}.parquet`, signal))!);
    const [footer] = (await parquet.footers([object], signal)) as [Footer];
    const typed = filters.map((filter) => ({
      filter,
      key: filter.column,
      type: columnOf(footer, filter.column)!.type,
    }));
    const wanted = { keys: FLAT, filters: typed, whole: false, limit: undefined };
    const selection = (await parquet.select(object, wanted, signal))!;
    expect(selection.groups.map(({ pages }) => pages?.rows)).toEqual([pageRows]);
    const whole = (await parquet.select(object, { ...wanted, filters: [] }, signal))!;
    if (pageRows !== undefined) expect(byteCount(selection.ranges)).toBeLessThan(byteCount(whole.ranges) * 0.75);
  });

  test('no page, no row', async () => {
    await using silo = await open();
    expect(await rowsOf(silo, scanOf(name, FLAT, [where('id', '=', 12), where('share', '=', 400)]), duck)).toEqual([]);
  });

  test('a nested column is read with its chunk', async () => {
    await using silo = await open();
    expect(await rowsOf(silo, scanOf(name, ['nested', 'id'], [where('id', '=', 77)]), duck)).toEqual([[[77], '77']]);
  });
});

test('any range of any column answers as the whole file does', async () => {
  const column = fc.constantFrom('id', 'loose', 'share');
  const operator = fc.constantFrom('=', '<', '<=', '>', '>=', '<>');
  const filter = fc.tuple(column, operator, fc.nat(4100)).map(([c, o, v]) => where(c, o, v));
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('v1', 'v2', 'plain'),
      fc.array(filter, { minLength: 1, maxLength: 3 }),
      async (name, filters) => {
        await using silo = await open();
        const condition = filters
          .map(({ column, operator, values }) => `${column} ${operator} ${values[0]}`)
          .join(' AND ');
        expect(await rowsOf(silo, scanOf(name, ['id', 'text', 'loose'], filters), duck)).toEqual(
          await expected(name, condition, ['id', 'text', 'loose']),
        );
      },
    ),
    { numRuns: 40 },
  );
});
