/**
 * One series cut over three silos of three kinds, asked with pushdown on and off, and the same text asked of one PostgreSQL
 * that has all of it: the three answers are the same.
 */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type TestDatabase, testDatabase } from './servers/postgres.ts';
import { type Federation, openFederation, READINGS, run } from './support/federation.ts';

const ROWS = 50;

const QUERIES = [
  'SELECT silo, count(*), avg(load) FROM readings GROUP BY silo ORDER BY 1',
  'SELECT count(*), sum(meter), avg(meter), avg(load), min(ts), max(ts) FROM readings',
  'SELECT count(*), sum(meter), avg(meter) FROM readings WHERE load < 0',
  'SELECT meter, count(DISTINCT silo) FROM readings GROUP BY meter ORDER BY 1',
  'SELECT * FROM readings ORDER BY load DESC, ts, silo, meter LIMIT 3 OFFSET 2',
  "SELECT count(*) FROM readings WHERE silo = 'paris'",
  "SELECT silo, min(load) FROM readings WHERE silo IN ('paris', 'nowhere') GROUP BY silo",
  'SELECT a.silo, count(*) FROM readings a JOIN readings b USING (silo, ts, meter) GROUP BY 1 ORDER BY 1',
  `SELECT a.silo, count(b.ts) FROM readings a LEFT JOIN readings b ON a.silo = b.silo AND a.ts = b.ts AND b.load > 60
     GROUP BY 1 ORDER BY 1`,
  `SELECT b.meter, count(*) FROM berlin.readings b LEFT JOIN paris.readings p ON b.ts = p.ts AND b.meter = p.meter
     AND p.load > 60 WHERE p.load IS NULL GROUP BY 1 ORDER BY 1`,
  'SELECT count(*) FROM berlin.readings b FULL JOIN paris.readings p ON b.ts = p.ts AND b.load = p.load',
  `SELECT meter, load, rank() OVER (PARTITION BY silo ORDER BY load DESC, ts) r FROM readings
     ORDER BY r, silo, meter, load LIMIT 3`,
  `WITH t AS (SELECT meter, count(*) n FROM readings GROUP BY meter) SELECT * FROM t a JOIN t b ON a.meter = b.meter + 1`,
  'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT sum(i) FROM n',
  `WITH RECURSIVE up(m) AS (SELECT min(meter) FROM berlin.readings UNION SELECT p.meter::integer FROM up, paris.readings p
     WHERE p.meter = up.m + 1) SELECT m FROM up ORDER BY m`,
  'SELECT DISTINCT ON (silo) silo, load FROM readings ORDER BY silo, load DESC',
  `SELECT meter, (SELECT max(p.load) FROM paris.readings p WHERE p.meter = b.meter) FROM berlin.readings b
     GROUP BY meter ORDER BY 1`,
  `SELECT count(*) FROM berlin.readings b
     WHERE load > (SELECT avg(p.load) FROM paris.readings p WHERE p.meter = b.meter AND p.ts < '2024-01-02')`,
  `SELECT x, (SELECT count(*) FROM paris.readings p WHERE p.meter = x) FROM generate_series(1, 3) x ORDER BY x`,
  'SELECT x FROM generate_series(1, 3) x WHERE NOT EXISTS (SELECT 1 FROM berlin.readings WHERE meter = x)',
  'SELECT count(*) FROM berlin.readings WHERE load NOT IN (SELECT load FROM paris.readings WHERE load > 60)',
  'SELECT count(*) FROM berlin.readings WHERE (ts, meter) IN (SELECT ts, meter FROM oslo.readings WHERE load > 60)',
  'SELECT silo, meter, count(*) FROM readings GROUP BY ROLLUP (silo, meter) ORDER BY 1 NULLS FIRST, 2 NULLS FIRST',
  `SELECT a.x, l.load FROM (VALUES (1), (2)) a(x),
     LATERAL (SELECT load FROM berlin.readings r WHERE r.meter = a.x ORDER BY load LIMIT 1) l ORDER BY 1`,
  'SELECT meter FROM berlin.readings INTERSECT SELECT meter FROM paris.readings ORDER BY 1',
  'SELECT ts FROM berlin.readings EXCEPT SELECT ts FROM oslo.readings WHERE load < 60 ORDER BY 1 LIMIT 5',
  "SELECT count(*) FILTER (WHERE load > 60), bool_or(load > 70), string_agg(DISTINCT silo, ',' ORDER BY silo) FROM readings",
  'SELECT silo, ts, meter FROM readings ORDER BY silo, ts FETCH FIRST 1 ROW WITH TIES',
  'SELECT count(*) FROM readings r WHERE r.load > ALL (SELECT avg(load) FROM berlin.readings GROUP BY meter)',
  'SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY load) FROM readings',
  "SELECT date_trunc('day', ts) d, count(*) FROM readings GROUP BY d ORDER BY d LIMIT 2",
  "SELECT silo || '-' || meter AS k, extract(hour FROM ts) h, 7 / meter FROM readings ORDER BY ts, k LIMIT 4",
  'SELECT meter, sum(load) OVER w - load FROM berlin.readings WINDOW w AS (ORDER BY ts, meter ROWS 2 PRECEDING) ORDER BY ts, meter LIMIT 5',
  'SELECT max(n) FROM (SELECT meter, count(*) n FROM readings GROUP BY meter) t',
  'SELECT 1 FROM readings WHERE false',
  'SELECT count(*) FROM (SELECT * FROM readings LIMIT 7) t',
] as const;

let federation: Federation;
let oracle: TestDatabase;

beforeAll(async () => {
  federation = await openFederation(inject('postgres'), ROWS);
  oracle = await testDatabase(inject('postgres'));
  const silos = ['berlin', 'paris', 'oslo'];
  for (const [i, silo] of silos.entries()) {
    await oracle.client.query(`CREATE SCHEMA ${silo}; CREATE TABLE ${silo}.readings AS ${READINGS(ROWS, 3 * i)}`);
  }
  const all = silos.map((silo) => `SELECT *, '${silo}' AS silo FROM ${silo}.readings`).join(' UNION ALL ');
  await oracle.client.query(`CREATE VIEW readings AS ${all}`);
});

afterAll(async () => {
  await federation?.[Symbol.asyncDispose]();
  await oracle?.[Symbol.asyncDispose]();
});

/** Floating point sums depend on their order: ten digits are compared. */
const comparable = (rows: readonly (readonly (string | null)[])[]): readonly (readonly (string | null)[])[] =>
  rows.map((row) =>
    row.map((cell) => (cell !== null && /^-?\d+\.\d+$/.test(cell) ? Number(cell).toPrecision(10) : cell)),
  );

async function expected(sql: string): Promise<readonly (readonly (string | null)[])[]> {
  const asText = { getTypeParser: () => (text: string) => text };
  const { rows } = await oracle.client.query<string[]>({ text: sql, rowMode: 'array', types: asText });
  return comparable(rows);
}

describe.each(['on', 'off'])('with pushdown %s', (pushdown) => {
  beforeAll(async () => {
    await run(federation.session, `SET causeway.pushdown = ${pushdown}`);
  });

  it.each(QUERIES)('%s', async (sql) => {
    expect(comparable(await run(federation.session, sql))).toEqual(await expected(sql));
  });
});
