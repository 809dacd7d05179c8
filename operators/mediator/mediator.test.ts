import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { FragmentResult, ResultColumn, Silo } from '../../connectors/connector.ts';
import { duckdb } from '../../connectors/duckdb/connector.ts';
import { files } from '../../connectors/files/connector.ts';
import { postgres } from '../../connectors/postgres/connector.ts';
import { batchTexts } from '../../connectors/row-text.ts';
import { arrayOf, numeric, scalar } from '../../src/plan/types.ts';
import { type TestDatabase, testDatabase } from '../../test/servers/postgres.ts';
import { Mediator, type MediatorSession } from './mediator.ts';

const signal = new AbortController().signal;
const directory = mkdtempSync(join(tmpdir(), 'causeway-mediator-test-'));
let database: TestDatabase;
let silo: Silo;
let mediator: Mediator;

beforeAll(async () => {
  database = await testDatabase(inject('postgres'));
  await database.client.query(`
    CREATE TABLE everything (b boolean, s smallint, i integer, l bigint, r real, d double precision, n numeric(12,2), w numeric(38,10),
      u numeric, t text, v varchar(5), c char(4), y bytea, da date, ti time, tz timetz, ts timestamp, tt timestamptz,
      iv interval, id uuid, j json, a int[], ta text[]);
    INSERT INTO everything VALUES
     (true, 32767, 2147483647, 9223372036854775807, 3.4e38, 1.7e308, 9999999999.99, 1234567890123456789012345678.0123456789,
      12345678901234567890.123, 'a longer text than twelve bytes: äöü 🚀', 'short', 'ab', '\\xdeadbeef00', '9999-12-31', '23:59:59.999999',
      '12:34:56+05:30', '2024-02-29 12:34:56.789', '2024-02-29 12:34:56.789+00', '1 year 2 mons -3 days 04:05:06.7',
      'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{"a": [1, 2]}', '{1,NULL,3}', ARRAY['a"b', 'c,d', NULL, '']),
     (false, -32768, -2147483648, -9223372036854775808, -1e-37, -5e-324, -0.01, -0.0000000001, -1, '', '', '', '', '0001-01-01',
      '00:00:00', '00:00:00-11', '-infinity', 'infinity', '-1 mons', '00000000-0000-0000-0000-000000000000', '[]', '{}', '{}'),
     (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)`);
  silo = await postgres.connect({ url: database.url }, signal);
  mediator = await Mediator.open({ memoryLimit: '1GB' });
});

afterAll(async () => {
  await mediator?.[Symbol.asyncDispose]();
  await silo?.[Symbol.asyncDispose]();
  await database?.[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});

async function rowsOf(
  result: AsyncIterable<import('apache-arrow').RecordBatch>,
  columns: readonly ResultColumn[],
): Promise<(string | null)[][]> {
  const rows: (string | null)[][] = [];
  for await (const batch of result) {
    const texts = batchTexts(batch, columns);
    for (let row = 0; row < batch.numRows; row++) rows.push(texts.map((text) => text(row)));
  }
  return rows;
}

async function inSession<T>(action: (session: MediatorSession) => Promise<T>): Promise<T> {
  await using session = await mediator.session();
  return await action(session);
}

describe('rows in and out', () => {
  test('every type goes from PostgreSQL through the mediator unchanged', async () => {
    const [table] = await silo.tables(signal);
    const columns = table!.columns.map(({ name, type }) => ({ name, type }));
    const names = columns.map(({ name }) => `"${name}"`).join(', ');
    const fragment = { kind: 'sql', text: `SELECT ${names} FROM everything`, columns } as const;
    const direct = await silo.run(fragment, signal);
    if (direct.kind !== 'batches') throw new Error('expected batches');
    const expected = await database.client.query({
      text: `SELECT ${columns.map(({ name }) => (name === 'c' ? "format('%s', c)" : `"${name}"::text`)).join(', ')} FROM everything`,
      rowMode: 'array',
    });
    const booleans = expected.rows.map((row) => [row[0]?.[0] ?? null, ...row.slice(1)]);
    for (const row of booleans) if (row[0] === null) row[11] = null;
    expect(await rowsOf(direct.batches, columns)).toEqual(booleans);
    const through = await inSession(async (session) => {
      expect(await session.ingest('everything', await silo.run(fragment, signal), signal)).toBe(3);
      return rowsOf(session.query(`SELECT ${names} FROM everything`, columns, signal), columns);
    });
    // The mediator keeps an unbounded numeric in one fixed scale: the same value with zeros behind.
    for (const row of through) row[8] = row[8]?.replace(/\.0+$/, '') ?? null;
    expect(through).toEqual(booleans);
  });

  test('a stream that fails after its first rows is an error, with the reason', async () => {
    const columns = [{ name: 'x', type: scalar('integer') }];
    const failing = inSession((session) =>
      rowsOf(
        session.query(
          `SELECT (CASE WHEN i = 300000 THEN 'x' ELSE '1' END)::INTEGER FROM range(400000) r(i)`,
          columns,
          signal,
        ),
        columns,
      ),
    );
    await expect(failing).rejects.toMatchObject({ sqlstate: '22P02', message: expect.stringContaining("'x'") });
  });

  test('division by zero is PostgreSQL’s error', async () => {
    const columns = [{ name: 'x', type: scalar('integer') }];
    const failing = inSession((session) =>
      rowsOf(session.query('SELECT pg_divide(1, i::INTEGER) FROM range(3) r(i)', columns, signal), columns),
    );
    await expect(failing).rejects.toMatchObject({ sqlstate: '22012', message: 'division by zero' });
  });

  test('an abort ends a running query', async () => {
    const controller = new AbortController();
    const columns = [{ name: 'x', type: numeric() }];
    const endless = inSession((session) =>
      rowsOf(
        session.query(
          'SELECT sum(a.i * b.i) FROM range(10000000) a(i), range(10000000) b(i)',
          columns,
          controller.signal,
        ),
        columns,
      ),
    );
    setTimeout(() => controller.abort(), 50);
    await expect(endless).rejects.toMatchObject({ sqlstate: '57014' });
  });

  test('a consumer may stop early', async () => {
    await inSession(async (session) => {
      for await (const batch of session.query(
        'SELECT i FROM range(1000000) r(i)',
        [{ name: 'i', type: scalar('bigint') }],
        signal,
      )) {
        expect(batch.numRows).toBeGreaterThan(0);
        break;
      }
      expect(
        await rowsOf(session.query('SELECT 1', [{ name: 'i', type: scalar('integer') }], signal), [
          { name: 'i', type: scalar('integer') },
        ]),
      ).toEqual([['1']]);
    });
  });
});

describe('relations', () => {
  test('a .duckdb file is read in place, also when a CTE has a table’s name', async () => {
    const local = await duckdb.connect({ path: join(directory, 'a.duckdb'), create: 'true' }, signal);
    await local.execute!('CREATE TABLE t AS SELECT i::INTEGER AS i, i::VARCHAR AS "ä" FROM range(5) r(i)', signal);
    const columns = [
      { name: 'i', type: scalar('integer') },
      { name: 'x', type: scalar('text') },
    ];
    const text = 'WITH u AS (SELECT * FROM t WHERE i > 1) SELECT u.i, "ä" FROM u JOIN (SELECT 3 AS k) t ON t.k = u.i';
    const result: FragmentResult = await local.run({ kind: 'sql', text, columns }, signal);
    expect(result.kind).toBe('relation');
    const rows = await inSession(async (session) => {
      await session.ingest('f', result, signal);
      return rowsOf(session.query('SELECT i, x FROM f', columns, signal), columns);
    });
    expect(rows).toEqual([['3', '3']]);
    expect((await local.tables(signal))[0]).toMatchObject({ table: 't', columns: [{ name: 'i' }, { name: 'ä' }] });
    expect(await local.statistics({ table: 't' }, signal)).toMatchObject({
      rows: 5,
      columns: { i: { min: 0, max: 4 } },
    });
    await local[Symbol.asyncDispose]();
  });

  test('files are tables', async () => {
    writeFileSync(join(directory, 'days.csv'), 'day,births\n2024-01-01,10\n2024-01-02,\n');
    const local = await files.connect({ path: join(directory, 'days.csv') }, signal);
    const [table] = await local.tables(signal);
    expect(table).toMatchObject({ table: 'days', columns: [{ type: { kind: 'date' } }, { type: { kind: 'bigint' } }] });
    const columns = [
      { name: 'd', type: scalar('date') },
      { name: 'b', type: scalar('bigint') },
    ];
    const result = await local.run({ kind: 'sql', text: 'SELECT day, births FROM days ORDER BY 1', columns }, signal);
    const rows = await inSession(async (session) => {
      await session.ingest('f', result, signal);
      return rowsOf(session.query('SELECT * FROM f', columns, signal), columns);
    });
    expect(rows).toEqual([
      ['2024-01-01', '10'],
      ['2024-01-02', null],
    ]);
    await local[Symbol.asyncDispose]();
  });

  test.each([
    ['nowhere.parquet', '58P01', undefined],
    ['empty.parquet', '02000', ''],
    ['text.parquet', '22023', 'this is no parquet file at all'],
  ])('%s is a clear error', async (name, sqlstate, content) => {
    if (content !== undefined) writeFileSync(join(directory, name), content);
    await expect(files.connect({ path: join(directory, name) }, signal)).rejects.toMatchObject({ sqlstate });
  });

  test('a DuckDB silo is written all or nothing', async () => {
    const local = await duckdb.connect({ path: join(directory, 'w.duckdb'), create: 'true' }, signal);
    const columns = [
      { name: 'i', type: scalar('integer') },
      { name: 'a', type: arrayOf(scalar('text')) },
    ];
    const source = await silo.run(
      { kind: 'sql', text: "SELECT i, ARRAY['x', NULL] FROM generate_series(1, 5000) i", columns },
      signal,
    );
    if (source.kind !== 'batches') throw new Error('expected batches');
    expect(
      await local.write!({ table: { table: 'w' }, columns, batches: source.batches, mode: 'create' }, signal),
    ).toEqual({ rows: 5000 });
    const again = await silo.run(
      { kind: 'sql', text: 'SELECT 7 / (2500 - i), NULL FROM generate_series(1, 5000) i', columns },
      signal,
    );
    if (again.kind !== 'batches') throw new Error('expected batches');
    await expect(
      local.write!({ table: { table: 'w' }, columns, batches: again.batches, mode: 'append' }, signal),
    ).rejects.toMatchObject({ sqlstate: '22012' });
    expect(await local.statistics({ table: 'w' }, signal)).toMatchObject({ rows: 5000 });
    await local[Symbol.asyncDispose]();
  });
});
