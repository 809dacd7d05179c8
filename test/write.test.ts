import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { type Federation, openFederation, run } from './support/federation.ts';

let federation: Federation;
beforeAll(async () => {
  federation = await openFederation(inject('postgres'), 10);
});
afterAll(() => federation[Symbol.asyncDispose]());

const sql = (text: string) => run(federation.session, text);

describe.each(['berlin', 'paris'])('writing to %s', (silo) => {
  test('CREATE TABLE AS takes rows of all silos along, with their types', async () => {
    await sql(`CREATE TABLE ${silo}.copy AS SELECT silo, meter, max(ts) AS last, count(*) AS n, 1.50::numeric(6,2) AS price, 'x' AS note
               FROM readings GROUP BY silo, meter`);
    expect(await sql(`SELECT * FROM ${silo}.copy ORDER BY silo, meter LIMIT 2`)).toEqual([
      ['berlin', '1', '2024-01-01 09:00:00', '10', '1.50', 'x'],
      ['berlin', '2', '2024-01-01 09:00:00', '10', '1.50', 'x'],
    ]);
    expect(await sql(`DESCRIBE ${silo}.copy`)).toEqual([
      ['silo', 'text'],
      // DuckDB's series are bigint, and a union takes the wider type.
      ['meter', 'bigint'],
      ['last', 'timestamp without time zone'],
      ['n', 'bigint'],
      ['price', 'numeric(6,2)'],
      ['note', 'text'],
    ]);
  });

  test('INSERT appends by position, or by name with casts; columns left out are NULL', async () => {
    await sql(`INSERT INTO ${silo}.copy (meter, silo, n) VALUES ('7', 'new', 3)`);
    await sql(`INSERT INTO ${silo}.copy SELECT 'pos', 8, now()::timestamp, 1, 2.345, NULL`);
    expect(await sql(`SELECT silo, meter, n, price, note FROM ${silo}.copy WHERE meter > 6 ORDER BY meter`)).toEqual([
      ['new', '7', '3', null, null],
      ['pos', '8', '1', '2.35', null],
    ]);
  });

  test.each([
    [`CREATE TABLE ${silo}.copy AS SELECT 1 AS a`, '42P07'],
    [`INSERT INTO ${silo}.cpoy SELECT 1`, '42P01'],
    [`INSERT INTO ${silo}.copy (nope) SELECT 1`, '42703'],
    [`INSERT INTO ${silo}.copy (meter) SELECT 1, 2`, '42601'],
    [`INSERT INTO ${silo}.copy (meter) SELECT 'x' || silo FROM readings`, '22P02'],
  ])('%s is refused and nothing is written', async (text, sqlstate) => {
    const before = await sql(`SELECT count(*) FROM ${silo}.copy`);
    await expect(sql(text)).rejects.toMatchObject({ sqlstate });
    expect(await sql(`SELECT count(*) FROM ${silo}.copy`)).toEqual(before);
  });
});

test('a silo of files is read only', async () => {
  await expect(sql('CREATE TABLE oslo.t AS SELECT 1 AS a')).rejects.toMatchObject({ sqlstate: '0A000' });
});

describe('EXPORT of a query', () => {
  const file = (name: string) => join(federation.directory, name);

  test('writes Parquet, CSV and JSON files by their ending', async () => {
    const query = '(SELECT silo, count(*) AS n, max(ts)::date AS last FROM readings GROUP BY silo ORDER BY silo)';
    await sql(`EXPORT ${query} TO '${file('sums.csv')}'; EXPORT ${query} TO '${file('sums.json.gz')}'`);
    expect(readFileSync(file('sums.csv'), 'utf8')).toBe(
      'silo,n,last\nberlin,20,2024-01-01\noslo,20,2024-01-01\nparis,20,2024-01-01\n',
    );
    const lines = gunzipSync(readFileSync(file('sums.json.gz')))
      .toString()
      .trim()
      .split('\n');
    expect(JSON.parse(lines[1]!)).toEqual({ silo: 'oslo', n: 20, last: '2024-01-01' });
    await sql(`EXPORT ${query} TO '${join(federation.directory, 'oslo', 'sums.parquet')}'`);
    await sql(`CREATE SILO made USING files OPTIONS (path '${join(federation.directory, 'oslo')}')`);
    expect(await sql('SELECT * FROM made.sums WHERE silo > $$b$$ ORDER BY 1 LIMIT 1')).toEqual([
      ['berlin', '20', '2024-01-01'],
    ]);
  });

  test('leaves what was there when the query fails, and no half file', async () => {
    writeFileSync(file('kept.csv'), 'before');
    await expect(
      sql(`EXPORT (SELECT 1 / (meter - meter) FROM readings) TO '${file('kept.csv')}'`),
    ).rejects.toMatchObject({
      sqlstate: '22012',
    });
    expect(readFileSync(file('kept.csv'), 'utf8')).toBe('before');
    expect(readdirSync(federation.directory).filter((name) => name.endsWith('.partial'))).toEqual([]);
  });

  test.each([
    ["EXPORT (SELECT 1) TO 'x.xlsx'", '22023', /End the name with .parquet/],
    ["EXPORT (SELECT 1) TO berlin 'x.parquet'", '0A000', /CREATE TABLE berlin\.t AS/],
    ["EXPORT (SELECT nope FROM readings) TO 'x.parquet'", '42703', /./],
    ["EXPORT (SELECT 1) TO '/no/such/folder/x.parquet'", '58030', /folder/],
  ])('%s is refused', async (text, sqlstate, hint) => {
    const failure = await sql(text).catch((error: { sqlstate: string; hint?: string }) => error);
    expect(failure).toMatchObject({ sqlstate });
    expect((failure as { hint?: string }).hint ?? 'folder').toMatch(hint);
    expect(existsSync('x.parquet')).toBe(false);
  });
});
