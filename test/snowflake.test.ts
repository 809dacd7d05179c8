/** A Snowflake silo in a session: names, native queries, writing, and what must never be seen. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Engine } from '../src/engine/engine.ts';
import type { Session } from '../src/engine/session.ts';
import { siloOptions } from './servers/snowflake/place.ts';
import { type SnowflakeTestServer, startSnowflake } from './servers/snowflake/server.ts';
import { run } from './support/federation.ts';

describe('a snowflake silo', () => {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-snowflake-'));
  const SECRET = 'hunter2-hunter2';
  let server: SnowflakeTestServer;
  let engine: Engine;
  let session: Session;

  beforeAll(async () => {
    server = await startSnowflake({ users: { ann: { password: SECRET } } });
    await server.sql.run(
      `CREATE TABLE "ORDERS" AS SELECT range AS "ID", range % 3 AS "CUSTOMER", CAST(range AS DECIMAL(12, 2)) AS "Net Amount" FROM range(12)`,
    );
    engine = await Engine.open({ directory });
    session = engine.openSession();
    const options = Object.entries({ ...siloOptions(server.url), password: SECRET }).map(
      ([name, value]) => `${name} '${value}'`,
    );
    await run(session, `CREATE SILO snow USING snowflake OPTIONS (${options.join(', ')})`);
  });
  afterAll(async () => {
    await engine?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  test('names in capitals are those without quotes here, others stay', async () => {
    expect(await run(session, 'SELECT customer, sum("Net Amount") FROM snow.orders GROUP BY 1 ORDER BY 1')).toEqual([
      ['0', '18.00'],
      ['1', '22.00'],
      ['2', '26.00'],
    ]);
  });

  test('QUALIFY is there in a native query, which is judged as one reading statement', async () => {
    const native = `SELECT customer, id FROM orders QUALIFY row_number() OVER (PARTITION BY customer ORDER BY id DESC) = 1`;
    expect(await run(session, `SELECT id FROM snow.query('${native}') ORDER BY customer`)).toEqual([
      ['9'],
      ['10'],
      ['11'],
    ]);
    // What the parser of the dialect does not know is refused by the silo: it stands as a subquery.
    for (const [writing, sqlstate] of [
      ['DROP TABLE orders', '25006'],
      ['DELETE FROM orders', '42601'],
      ['SELECT 1; SELECT 2', '25006'],
    ]) {
      await expect(run(session, `SELECT * FROM snow.query('${writing}')`)).rejects.toMatchObject({ sqlstate });
    }
    expect(await run(session, 'SELECT count(*) FROM snow.orders')).toEqual([['12']]);
  });

  test('a table is created and appended to, whole or not at all', async () => {
    await run(session, 'CREATE TABLE snow.copied AS SELECT id, "Net Amount" AS net FROM snow.orders');
    await run(session, 'INSERT INTO snow.copied SELECT 100, 1.25');
    expect(await run(session, 'SELECT count(*), sum(net) FROM snow.copied')).toEqual([['13', '67.25']]);
  });

  test('the login is in no message, plan, listing or record', async () => {
    const seen: string[] = [];
    const look = async (text: string) => {
      const rows = await run(session, text).catch((thrown: Error) => [
        [thrown.message, String(thrown.stack), JSON.stringify(thrown)],
      ]);
      seen.push(...rows.flat().map(String));
    };
    for (const text of [
      'SHOW SILOS',
      'SELECT * FROM causeway.silos',
      'EXPLAIN SELECT * FROM snow.orders',
      'EXPLAIN ANALYZE SELECT * FROM snow.orders',
      'SELECT * FROM causeway.queries',
      'SELECT * FROM causeway.egress',
      'SELECT no_such FROM snow.orders',
      `SELECT * FROM snow.query('SELECT nonsense(')`,
      `CREATE SILO again USING snowflake OPTIONS (account 'test', url '${server.url}', user 'ann', password '${SECRET}x', database 'TEST')`,
    ]) {
      await look(text);
    }
    expect(seen.join('\n')).toContain('***');
    // The statement that failed is its user's own text; what Causeway prints of it is not.
    expect(seen.filter((text) => text.includes(SECRET))).toEqual([]);
  });
});
