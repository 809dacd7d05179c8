import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { numeric, scalar } from '../../src/plan/types.ts';
import { type TestDatabase, testDatabase } from '../../test/servers/postgres.ts';
import type { ResultColumn, Silo } from '../connector.ts';
import { batchTexts } from '../row-text.ts';
import { postgres } from './connector.ts';

const signal = new AbortController().signal;
let database: TestDatabase;
let silo: Silo;

beforeAll(async () => {
  database = await testDatabase(inject('postgres'));
  await database.client.query(`
    CREATE TABLE readings (id int PRIMARY KEY, "Name" text NOT NULL, mw numeric(12,2), at timestamptz, tags text[], n numeric);
    COMMENT ON COLUMN readings.mw IS 'megawatts';
    INSERT INTO readings SELECT i, 'n' || i, i / 100.0, '2024-01-01Z'::timestamptz + i * interval '1 hour', ARRAY['a', NULL, 'b c'], i / 3.0
    FROM generate_series(1, 1000) i;
    INSERT INTO readings VALUES (0, '', NULL, NULL, NULL, NULL);
    ANALYZE readings`);
  silo = await postgres.connect({ url: database.url }, signal);
});

afterAll(async () => {
  await silo?.[Symbol.asyncDispose]();
  await database?.[Symbol.asyncDispose]();
});

async function rows(text: string, columns: readonly ResultColumn[]): Promise<(string | null)[][]> {
  const result = await silo.run({ kind: 'sql', text, columns }, signal);
  if (result.kind !== 'batches') throw new Error('expected batches');
  const all: (string | null)[][] = [];
  for await (const batch of result.batches) {
    const texts = batchTexts(batch, columns);
    for (let row = 0; row < batch.numRows; row++) all.push(texts.map((text) => text(row)));
  }
  return all;
}

describe('connecting', () => {
  const options = () => ({ ...database.server, port: String(database.server.port), database: database.database });

  test('a wrong password is 28P01', async () => {
    await expect(postgres.connect({ ...options(), password: 'wrong' }, signal)).rejects.toMatchObject({
      sqlstate: '28P01',
      hint: 'Check the options user and password.',
    });
  });

  test('a missing database is 3D000', async () => {
    await expect(postgres.connect({ ...options(), database: 'nowhere' }, signal)).rejects.toMatchObject({
      sqlstate: '3D000',
      message: expect.stringContaining('"nowhere" does not exist'),
    });
  });

  test('an unreachable server is 08001 and says where', async () => {
    await expect(postgres.connect({ ...options(), port: '1' }, signal)).rejects.toMatchObject({
      sqlstate: '08001',
      message: expect.stringContaining('127.0.0.1:1/'),
    });
  });

  test('an unknown option names the nearest', async () => {
    await expect(postgres.connect({ urll: 'x' }, signal)).rejects.toMatchObject({ hint: 'Did you mean "url"?' });
  });
});

test('tables come with exact types, keys and comments', async () => {
  const tables = await silo.tables(signal);
  expect(tables).toHaveLength(1);
  expect(tables[0]).toMatchObject({
    table: 'readings',
    kind: 'table',
    primaryKey: ['id'],
    columns: [
      { name: 'id', type: { kind: 'integer' }, nullable: false },
      { name: 'Name', type: { kind: 'text' }, nullable: false, collationIsC: true },
      { name: 'mw', type: { kind: 'numeric', precision: 12, scale: 2 }, nullable: true, comment: 'megawatts' },
      { name: 'at', type: { kind: 'timestamptz' } },
      { name: 'tags', type: { kind: 'array', element: { kind: 'text' } } },
      { name: 'n', type: { kind: 'numeric' } },
    ],
  });
});

test('rows are those of the present size, analysed long ago or never', async () => {
  await database.client.query(
    `CREATE TABLE growing (id integer, note text) WITH (autovacuum_enabled = false);
     INSERT INTO growing SELECT i, 'note ' || i FROM generate_series(1, 5000) AS s(i)`,
  );
  const never = await silo.statistics({ table: 'growing' }, signal);
  expect(never!.rows).toBeGreaterThan(2500);
  expect(never!.rows).toBeLessThan(10_000);
  expect(never!.columns).toEqual({});
  await database.client.query(
    `ANALYZE growing; INSERT INTO growing SELECT i, 'note ' || i FROM generate_series(1, 45000) AS s(i)`,
  );
  const grown = await silo.statistics({ table: 'growing' }, signal);
  expect(grown!.rows / 50_000).toBeCloseTo(1, 1);
  await database.client.query('DROP TABLE growing');
});

test('statistics come from ANALYZE', async () => {
  const statistics = await silo.statistics({ table: 'readings' }, signal);
  expect(statistics?.rows).toBe(1001);
  expect(statistics?.columns.id).toMatchObject({ distinct: 1001, min: 0, max: 1000, nullFraction: 0 });
});

test('rows come in order, by position, in PostgreSQL’s text', async () => {
  const columns = [
    { name: 'a', type: scalar('integer') },
    { name: 'a', type: scalar('text') },
    { name: 'mw', type: numeric(12, 2) },
    { name: 'at', type: scalar('timestamptz') },
    { name: 'tags', type: { kind: 'array', element: scalar('text') } as const },
    { name: 'n', type: numeric() },
  ];
  const found = await rows('SELECT id, "Name", mw, at, tags, n FROM readings ORDER BY id', columns);
  const expected = await database.client.query({
    text: 'SELECT id::text, "Name", mw::text, at::text, tags::text, n::text FROM readings ORDER BY readings.id',
    rowMode: 'array',
  });
  expect(found).toEqual(expected.rows);
});

test('an error of the server keeps its SQLSTATE', async () => {
  await expect(
    rows('SELECT 1 / (id - 5) FROM readings', [{ name: 'x', type: scalar('integer') }]),
  ).rejects.toMatchObject({
    sqlstate: '22012',
    message: 'division by zero',
  });
});
