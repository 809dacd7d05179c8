/** SQL over a lake, from CREATE SILO to the rows. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Engine } from '../src/engine/engine.ts';
import { type S3TestServer, startS3 } from './servers/s3-server.ts';
import { run } from './support/federation.ts';
import { copyTo, putFolder, testDuck } from './support/lake.ts';

const FIXTURES = fileURLToPath(new URL('fixtures/lake/', import.meta.url));

describe('a lake in SQL', () => {
  let server: S3TestServer;
  let engine: Engine;
  let directory: string;

  beforeAll(async () => {
    server = await startS3();
    await putFolder(server, 'lake/delta', `${FIXTURES}delta`);
    server.objects.delete('lake/delta/expected.json');
    await putFolder(server, 'lake/iceberg', `${FIXTURES}iceberg`);
    server.objects.delete('lake/iceberg/expected.json');
    const duck = await testDuck();
    const query =
      "SELECT i::BIGINT AS id, DATE '2024-01-01' + (i // 100)::INT AS day, i / 2 AS mw FROM range(3000) t(i)";
    server.put('lake/files/readings.parquet', await copyTo(duck, query, 'FORMAT parquet, ROW_GROUP_SIZE 500'));
    directory = await mkdtemp(join(tmpdir(), 'lake-sql-'));
    engine = await Engine.open({ directory });
    const keys = `endpoint '${server.endpoint}', region 'eu-test-1', access_key 'test-access', secret_key 'test-secret'`;
    for (const name of ['delta', 'iceberg', 'files']) {
      await rows(`CREATE SILO ${name} USING s3 OPTIONS (url 's3://lake/${name}', ${keys})`);
    }
  });
  afterAll(async () => {
    await engine?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  });

  async function rows(sql: string): Promise<unknown> {
    await using session = engine.openSession();
    return await run(session, sql);
  }

  test('joins a Delta table, an Iceberg table and a Parquet file', async () => {
    const sql = `SELECT v.name, p.v, r.mw FROM delta.vectors v JOIN iceberg.positions p ON p.id = v.id JOIN files.readings r ON r.id = v.id
      WHERE v.id BETWEEN 40 AND 44 ORDER BY v.id`;
    expect(await rows(sql)).toEqual([
      ['name 40', 'v40', '20'],
      ['name 41', 'v41', '20.5'],
      ['name 42', 'changed', '21'],
      ['name 44', 'v44', '22'],
    ]);
  });

  test('aggregates over a filtered scan', async () => {
    const sql =
      "SELECT day, count(*), sum(mw) FROM files.readings WHERE day >= DATE '2024-01-29' GROUP BY day ORDER BY day";
    expect(await rows(sql)).toEqual([
      ['2024-01-29', '100', String((2800 + 2899) * 25)],
      ['2024-01-30', '100', String((2900 + 2999) * 25)],
    ]);
  });

  test('reads states of the past, by version and by time, beside the newest', async () => {
    const sql = `SELECT (SELECT count(*) FROM delta.partitioned FOR VERSION AS OF 0), (SELECT count(*) FROM delta.partitioned)`;
    const [[past, now]] = (await rows(sql)) as [[string, string]];
    expect(past).toBe('3');
    expect(Number(now)).toBeGreaterThan(3);
    const changed = `SELECT now.id FROM delta.vectors FOR VERSION AS OF 1 AS past
      LEFT JOIN delta.vectors AS now ON now.id = past.id WHERE now.id IS NULL AND vectors.id IS NULL`;
    await expect(rows(changed)).rejects.toMatchObject({
      sqlstate: '42P01',
      position: { offset: changed.indexOf('vectors.id') },
    });
    const gone = `SELECT past.id FROM delta.vectors FOR VERSION AS OF 1 AS past
      LEFT JOIN delta.vectors ON vectors.id = past.id WHERE vectors.id IS NULL ORDER BY 1`;
    expect(await rows(gone)).toHaveLength(72);
    expect(
      await rows("SELECT vectors.id FROM delta.vectors FOR TIMESTAMP AS OF TIMESTAMP '2100-01-01' WHERE id = 42"),
    ).toEqual(await rows('SELECT id FROM delta.vectors WHERE id = 42'));
    await expect(rows("SELECT 1 FROM delta.vectors FOR TIMESTAMP AS OF '1999-01-01'")).rejects.toThrow(
      /as old as 1999/,
    );
    await expect(rows('SELECT 1 FROM files.readings FOR VERSION AS OF 3')).rejects.toThrow(/no versions/);
  });

  test('a policy on a table holds for its past', async () => {
    await rows('CREATE POLICY kept ON delta.vectors ALLOW NOTHING TO ANY');
    await expect(rows('SELECT name FROM delta.vectors FOR VERSION AS OF 0')).rejects.toMatchObject({
      sqlstate: 'CW001',
    });
    await rows('DROP POLICY kept');
  });

  test('creates a Delta table and appends to it', async () => {
    const keys = `endpoint '${server.endpoint}', region 'eu-test-1', access_key 'test-access', secret_key 'test-secret'`;
    server.put('lake/made/.keep', '');
    await rows(`CREATE SILO made USING s3 OPTIONS (url 's3://lake/made', write_format 'delta', ${keys})`);
    await rows(
      "CREATE TABLE made.daily AS SELECT day, sum(mw) AS mw FROM files.readings WHERE day < DATE '2024-01-04' GROUP BY day",
    );
    await rows(
      "INSERT INTO made.daily SELECT day, sum(mw) AS mw FROM files.readings WHERE day = DATE '2024-01-04' GROUP BY day",
    );
    expect(await rows('SELECT day, mw FROM made.daily ORDER BY day DESC LIMIT 2')).toEqual([
      ['2024-01-04', String((300 + 399) * 25)],
      ['2024-01-03', String((200 + 299) * 25)],
    ]);
    expect([...server.objects.keys()].filter((key) => key.startsWith('lake/made/daily/_delta_log/'))).toHaveLength(2);
  });

  test('a table that cannot be read harms no other', async () => {
    server.put('lake/files/broken.parquet', 'no parquet');
    const keys = `endpoint '${server.endpoint}', region 'eu-test-1', access_key 'test-access', secret_key 'test-secret'`;
    await rows(`CREATE SILO mixed USING s3 OPTIONS (url 's3://lake/files', ${keys})`);
    expect(await rows('SELECT count(*) FROM mixed.readings')).toEqual([['3000']]);
    await expect(rows('SELECT * FROM mixed.broken')).rejects.toMatchObject({
      sqlstate: 'XX001',
      message: expect.stringMatching(/silo "mixed": broken\.parquet cannot be read/),
    });
    expect(await rows('SHOW TABLES')).toContainEqual(['mixed', 'broken', 'unreadable']);
    server.objects.delete('lake/files/broken.parquet');
    await rows('DROP SILO mixed');
  });

  test('exports into the bucket, once', async () => {
    const text = "EXPORT (SELECT id, mw FROM files.readings WHERE id < 10) TO made 'reports/ten.parquet'";
    await rows(text);
    expect(await rows('SELECT count(*), sum(id) FROM made.reports')).toEqual([['10', '45']]);
    const before = server.objects.get('lake/made/reports/ten.parquet');
    await expect(rows(text)).rejects.toMatchObject({ sqlstate: '42P07' });
    expect(server.objects.get('lake/made/reports/ten.parquet')).toBe(before);
    await expect(rows("EXPORT (SELECT 1) TO made '../outside.parquet'")).rejects.toThrow(/outside/);
  });

  test('trains on a lake, reading the columns of the features once', async () => {
    const before = server.log.filter(({ range }) => range !== undefined).length;
    await rows(`CREATE TABLE made.series AS SELECT id, TIMESTAMP '2024-01-01' + id * INTERVAL '1 hour' AS ts, 1 AS meter, sin(id / 4.0) AS load, mw
      FROM files.readings WHERE id < 400`);
    await rows(`TRAIN MODEL waves PREDICT load FORECAST BY ts PER meter WINDOW 12 HORIZON 1
      USING lstm (hidden => 4, epochs => 3, batch => 32, seed => 7) AS SELECT ts, meter, load FROM made.series`);
    const series = server.log
      .slice(before)
      .filter(({ path, range }) => range !== undefined && path.startsWith('lake/made/series/part'));
    const asked = series.map(({ path, range }) => `${path} ${range}`);
    expect(asked.length).toBeGreaterThan(0);
    expect(new Set(asked).size).toBe(asked.length);
    expect(await rows("SELECT count(*) FROM ml.evaluate('waves')")).not.toEqual([['0']]);
  });
});
