/** `SET causeway.max_money`: nothing runs that would cost more. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Engine } from '../src/engine/engine.ts';
import type { Session } from '../src/engine/session.ts';
import { type SnowflakeTestServer, startSnowflake } from './servers/snowflake/server.ts';
import { run } from './support/federation.ts';

describe('a budget', () => {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-budget-'));
  let server: SnowflakeTestServer;
  let engine: Engine;
  let session: Session;

  beforeAll(async () => {
    server = await startSnowflake();
    await server.sql.run(
      `CREATE TABLE "SALES" AS SELECT range AS "ID", TIMESTAMP '2024-01-01' + to_hours(CAST(range AS INTEGER)) AS "TS", CAST(range % 7 AS DOUBLE) AS "AMOUNT" FROM range(2000)`,
    );
    engine = await Engine.open({ directory });
    session = engine.openSession();
    const login = `account 'test', url '${server.url}', user 'ann', password 'secret', database 'TEST'`;
    await run(session, `CREATE SILO priced USING snowflake OPTIONS (${login})`);
    await run(session, 'ALTER SILO priced SET (price_per_hour => 12)');
    await run(session, `CREATE SILO unpriced USING snowflake OPTIONS (${login})`);
  });
  afterAll(async () => {
    await engine?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });
  beforeEach(() => run(session, 'RESET causeway.max_money'));

  /** Statements that the warehouse ran on the table, its catalog aside. */
  const ran = () => server.log.filter(({ sql }) => sql?.includes('"SALES"')).length;

  test('above which a statement is refused, with the estimate, before it runs', async () => {
    await run(session, "SET causeway.max_money = '0.0000001'");
    const before = ran();
    await expect(run(session, 'SELECT sum(amount) FROM priced.sales')).rejects.toMatchObject({
      sqlstate: '53400',
      message: expect.stringMatching(/would cost about 0\.00\d+, and causeway\.max_money allows 1\.0e-7/),
      detail: expect.stringContaining('priced:'),
    });
    expect(ran()).toBe(before);
  });

  test('under which it runs, and EXPLAIN shows the price', async () => {
    await run(session, "SET causeway.max_money = '1'");
    expect(await run(session, 'SELECT count(*) FROM priced.sales')).toEqual([['2000']]);
    const plan = (await run(session, 'EXPLAIN SELECT count(*) FROM priced.sales')).flat().join('\n');
    expect(plan).toMatch(/price 0\.00\d+/);
    expect(plan).not.toContain('secret');
  });

  test('cannot be kept where a silo bills and has no price', async () => {
    await run(session, "SET causeway.max_money = '1'");
    const before = ran();
    await expect(run(session, 'SELECT count(*) FROM unpriced.sales')).rejects.toMatchObject({
      sqlstate: '22023',
      message: expect.stringContaining('nobody said what it costs'),
      hint: expect.stringContaining('ALTER SILO unpriced SET (price_per_hour'),
    });
    expect(ran()).toBe(before);
  });

  test('goes by the silo’s own estimate where it gives one', async () => {
    const { silo } = await engine.silos.open('priced');
    silo.estimate = async (text) => ({ money: 12.5, basis: `dry run of ${text.length > 0 ? '2.5 TB' : ''}` });
    try {
      await run(session, "SET causeway.max_money = '10'");
      await expect(run(session, 'SELECT max(amount) FROM priced.sales')).rejects.toMatchObject({
        message: 'the statement would cost about 13, and causeway.max_money allows 10',
        detail: 'priced: 13 (dry run of 2.5 TB)',
      });
      await run(session, "SET causeway.max_money = '13'");
      expect(await run(session, 'SELECT max(amount) FROM priced.sales')).toEqual([['6']]);
    } finally {
      delete silo.estimate;
    }
  });

  test('is asked again for a statement that comes again', async () => {
    const { silo } = await engine.silos.open('priced');
    let money = 1;
    silo.estimate = async () => ({ money, basis: 'dry run' });
    try {
      await run(session, "SET causeway.max_money = '10'");
      const query = 'SELECT min(amount) FROM priced.sales';
      for (let i = 0; i < 4; i++) expect(await run(session, query)).toEqual([['0']]);
      money = 11;
      await expect(run(session, query)).rejects.toMatchObject({ sqlstate: '53400' });
    } finally {
      delete silo.estimate;
    }
  });

  test('holds for TRAIN', async () => {
    await run(session, "SET causeway.max_money = '0.0000001'");
    const before = ran();
    await expect(
      run(
        session,
        `TRAIN MODEL m PREDICT amount FORECAST BY ts WINDOW 8 HORIZON 1 USING lstm (hidden => 4, epochs => 1)
         FEDERATE fedavg (rounds => 1) AS SELECT ts, amount FROM priced.sales`,
      ),
    ).rejects.toMatchObject({ sqlstate: '53400' });
    expect(ran()).toBe(before);
  });

  test('is off, or an amount', async () => {
    await expect(run(session, "SET causeway.max_money = 'much'")).rejects.toMatchObject({ sqlstate: '22023' });
  });

  test('no secret is shown', async () => {
    const shown = (await run(session, 'SHOW SILOS')).flat().join('\n');
    expect(shown).toContain("password '***'");
    expect(shown).not.toContain('secret');
  });
});
