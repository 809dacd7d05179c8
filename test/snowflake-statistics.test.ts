/** What is known of a Snowflake table: rows from the catalog for nothing, columns by ANALYZE for the price that is told. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Engine } from '../src/engine/engine.ts';
import type { Session } from '../src/engine/session.ts';
import { siloOptions } from './servers/snowflake/place.ts';
import { type SnowflakeTestServer, startSnowflake } from './servers/snowflake/server.ts';
import { run } from './support/federation.ts';

describe('statistics of a snowflake table', () => {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-statistics-'));
  let server: SnowflakeTestServer;
  let engine: Engine;
  let session: Session;

  beforeAll(async () => {
    server = await startSnowflake();
    await server.sql.run(`CREATE TABLE "ORDERS" AS SELECT CAST(range AS DECIMAL(18, 0)) AS "ID",
      CAST(range % 20 AS DECIMAL(4, 0)) AS "KIND", CASE WHEN range % 4 = 0 THEN NULL ELSE 'abc' || range % 9 END AS "NOTE",
      TIMESTAMP '2024-01-01 12:00:00' + to_hours(CAST(range AS INTEGER)) AS "AT", json_object('a', range) AS "DOC" FROM range(1000)`);
    engine = await Engine.open({ directory });
    session = engine.openSession();
    const options = Object.entries(siloOptions(server.url)).map(([name, value]) => `${name} '${value}'`);
    await run(session, `CREATE SILO snow USING snowflake OPTIONS (${options.join(', ')})`);
  });
  afterAll(async () => {
    await engine?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  const analyzed = async () => {
    const notices: string[] = [];
    const rows = await run(session, 'ANALYZE snow.orders', { onNotice: ({ message }) => notices.push(message) });
    return { notices: notices.join('\n'), rows };
  };
  const reads = () => server.log.filter(({ sql }) => sql?.includes('FROM "ORDERS"')).length;
  const explained = async (query: string) => (await run(session, `EXPLAIN ${query}`)).flat().join('\n');

  test('planning reads no table, and EXPLAIN says that columns are guessed', async () => {
    await explained('SELECT id FROM snow.orders WHERE kind = 3');
    // Whoever plans first may not wait for the catalog.
    await expect
      .poll(async () => (await explained('SELECT id FROM snow.orders WHERE kind = 3')).replace(/\s+/g, ' '))
      .toContain('snow.orders: the silo tells nothing of its columns, defaults are used; ANALYZE snow.orders');
    expect(reads()).toBe(0);
  });

  test('ANALYZE above the budget is refused before it reads', async () => {
    await run(session, 'ALTER SILO snow SET (price_per_hour => 12)');
    await run(session, "SET causeway.max_money = '0.0000001'");
    await expect(run(session, 'ANALYZE snow.orders')).rejects.toMatchObject({ sqlstate: '53400' });
    await run(session, 'RESET causeway.max_money');
    expect(reads()).toBe(0);
  });

  test('ANALYZE measures them, and says for how much', async () => {
    const { notices, rows } = await analyzed();
    expect(reads()).toBe(1);
    expect(notices).toMatch(/orders is read to measure them, for about 0\.0\d+ \(about .* s by the cost model\)/);
    const known = new Map(rows.map(([column, ...rest]) => [column, rest.map(Number)]));
    expect(known.get('id')?.[0]).toBe(1000);
    expect(known.get('id')?.[1]).toBeGreaterThan(800);
    expect(known.get('kind')?.[1]).toBeGreaterThan(15);
    expect(known.get('kind')?.[1]).toBeLessThan(25);
    expect(known.get('note')?.[2]).toBeCloseTo(0.25);
    expect(known.get('note')?.[3]).toBe(4);
    const { statistics } = engine.planner;
    const loaded = await statistics.load([{ silo: 'snow', table: 'orders' }], new AbortController().signal);
    expect(loaded.of({ silo: 'snow', table: 'orders' })?.columns).toMatchObject({
      id: { min: 0, max: 999, nullFraction: 0 },
      at: { min: '2024-01-01 12:00:00', max: '2024-02-12 03:00:00' },
      doc: { nullFraction: 0 },
    });
  });

  test('and what it measured decides the estimates', async () => {
    const plan = await explained('SELECT id FROM snow.orders WHERE kind = 3 AND id < 500');
    expect(plan).not.toContain('defaults are used');
    // A twentieth, and a half.
    const [, rows] = /([\d,]+) rows/.exec(plan) ?? [];
    expect(Number(rows)).toBeGreaterThan(15);
    expect(Number(rows)).toBeLessThan(40);
  });
});
