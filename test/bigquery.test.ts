/** A BigQuery silo in a session: native queries, writing, what a statement costs before it runs, and what must never be seen. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Engine } from '../src/engine/engine.ts';
import type { Session } from '../src/engine/session.ts';
import { siloOptions } from './servers/bigquery/place.ts';
import { Refusal } from './servers/bigquery/refusal.ts';
import { type BigQueryTestServer, startBigQuery } from './servers/bigquery/server.ts';
import { run } from './support/federation.ts';

const DAYS = 365;
/** Enough that a day of them is more than the least that is billed. */
const ROWS_A_DAY = 4000;

describe('a bigquery silo', () => {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-bigquery-'));
  let server: BigQueryTestServer;
  let engine: Engine;
  let session: Session;

  beforeAll(async () => {
    server = await startBigQuery();
    await server.sql.run(
      `CREATE TABLE orders AS SELECT range AS id, range % 3 AS customer, CAST(range AS DECIMAL(12, 2)) AS "Net Amount",
         {'sku': 'a' || range, 'n': [range, NULL]} AS item, [range, range + 1] AS steps FROM range(12)`,
    );
    await server.sql.run(
      `CREATE TABLE readings AS SELECT DATE '2024-01-01' + CAST(range % ${DAYS} AS INTEGER) AS day,
         TIMESTAMP '2024-01-01' + to_hours(CAST(range AS INTEGER)) AS ts, range AS meter, CAST(range % 7 AS DOUBLE) AS mw
       FROM range(${DAYS * ROWS_A_DAY})`,
    );
    server.partitions.set('readings', 'day');
    engine = await Engine.open({ directory });
    session = engine.openSession();
    const options = Object.entries({ ...siloOptions(server.url), labels: 'team=energy' });
    const list = options.map(([name, value]) => `${name} '${value}'`).join(', ');
    await run(session, `CREATE SILO bq USING bigquery OPTIONS (${list})`);
  });
  afterAll(async () => {
    await engine?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });
  beforeEach(() => run(session, 'RESET causeway.max_money'));

  /** Query jobs on the table that were no dry runs. */
  const ran = (table: string) =>
    server.log.filter(
      ({ configuration }) => configuration?.dryRun === false && configuration.query?.query.includes(table),
    );
  const explain = async (text: string) => (await run(session, `EXPLAIN ${text}`)).flat().join('\n');

  test('a long result comes through the Storage API, page by page with a notice where it may not be used', async () => {
    const options = Object.entries(siloOptions(server.url, server.storage.endpoint));
    await run(session, `CREATE SILO big USING bigquery OPTIONS (${options.map(([k, v]) => `${k} '${v}'`).join(', ')})`);
    const text = 'SELECT meter, mw FROM big.readings WHERE meter < 30000';
    const notices: string[] = [];
    const read = () => run(session, text, { onNotice: ({ message }) => notices.push(message) });
    expect(await read()).toHaveLength(30_000);
    expect(server.storage.log.some(({ method }) => method === 'ReadRows')).toBe(true);
    expect(notices).toEqual([]);
    server.storage.fault = () => ({ code: 7, details: 'API disabled' });
    expect(await read()).toHaveLength(30_000);
    expect(notices).toEqual([expect.stringMatching(/^silo "big": the result is read page by page.*API disabled/)]);
  });

  test('ANALYZE measures the columns, for what the dry run says', async () => {
    expect((await explain('SELECT mw FROM bq.readings WHERE mw = 3')).replace(/\s+/g, ' ')).toContain(
      'ANALYZE bq.readings reads the table for them',
    );
    const notices: string[] = [];
    const rows = await run(session, 'ANALYZE bq.readings', { onNotice: ({ message }) => notices.push(message) });
    expect(notices.join()).toMatch(/readings is read to measure them, for about [\d.e-]+ \(dry run: /);
    const known = new Map(rows.map(([column, ...rest]) => [column, rest.map(Number)]));
    expect(known.get('mw')?.slice(0, 3)).toEqual([DAYS * ROWS_A_DAY, expect.closeTo(7, -0.5), 0]);
    const { statistics } = engine.planner;
    const loaded = await statistics.load([{ silo: 'bq', table: 'readings' }], new AbortController().signal);
    expect(loaded.of({ silo: 'bq', table: 'readings' })?.columns).toMatchObject({
      mw: { min: 0, max: 6 },
      day: { min: '2024-01-01', max: '2024-12-30' },
    });
  });

  test('exact numbers, records and lists as JSON', async () => {
    expect(await run(session, 'SELECT customer, sum("Net Amount") FROM bq.orders GROUP BY 1 ORDER BY 1')).toEqual([
      ['0', '18.00'],
      ['1', '22.00'],
      ['2', '26.00'],
    ]);
    expect(await run(session, "SELECT item, steps, item ->> 'sku' FROM bq.orders WHERE id = 7")).toEqual([
      ['{"sku":"a7","n":[7,null]}', '[7,8]', 'a7'],
    ]);
  });

  test('QUALIFY and UNNEST are there in a native query, which is judged as one reading statement', async () => {
    const native =
      'SELECT customer, id FROM orders QUALIFY row_number() OVER (PARTITION BY customer ORDER BY id DESC) = 1';
    expect(await run(session, `SELECT id FROM bq.query('${native}') ORDER BY customer`)).toEqual([
      ['9'],
      ['10'],
      ['11'],
    ]);
    for (const [writing, sqlstate] of [
      ['DROP TABLE orders', '25006'],
      ['DELETE FROM orders WHERE true', '25006'],
      ['SELECT 1; SELECT 2', '25006'],
    ]) {
      await expect(run(session, `SELECT * FROM bq.query('${writing}')`)).rejects.toMatchObject({ sqlstate });
    }
    expect(await run(session, 'SELECT count(*) FROM bq.orders')).toEqual([['12']]);
  });

  test('a table is created and appended to, whole or not at all', async () => {
    await run(session, 'CREATE TABLE bq.copied AS SELECT id, "Net Amount" AS net FROM bq.orders');
    await run(session, 'INSERT INTO bq.copied SELECT 100, 1.25');
    expect(await run(session, 'SELECT count(*), sum(net) FROM bq.copied')).toEqual([['13', '67.25']]);
  });

  test('jobs have labels, a location and a name of ours', async () => {
    await run(session, 'SELECT max(id) FROM bq.orders');
    expect(ran('orders').at(-1)?.configuration).toMatchObject({ labels: { causeway: 'query', team: 'energy' } });
    const pages = server.log.filter(({ path }) => path.includes('/queries/causeway_'));
    expect(pages.every(({ query }) => query.location === 'EU')).toBe(true);
  });

  test('EXPLAIN tells the bytes of a dry run and their price, and a partition’s condition makes them fewer', async () => {
    const before = ran('readings').length;
    const all = await explain('SELECT sum(mw) FROM bq.readings');
    const some = await explain("SELECT sum(mw) FROM bq.readings WHERE day = DATE '2024-02-29'");
    // 8 bytes of mw; with the condition 8 of day as well, in one of 365 partitions.
    expect(all).toContain('dry run: 11 MiB · price 0.000066');
    expect(some).toContain('dry run: 63 KiB, billed as 10 MiB · price 0.000060');
    expect(some).toContain("t1.`day` = DATE '2024-02-29'");
    expect(ran('readings')).toHaveLength(before);
  });

  test('a statement above the budget is refused before it runs, with the estimate; EXPLAIN ANALYZE too', async () => {
    await run(session, "SET causeway.max_money = '0.00001'");
    const before = ran('readings').length;
    for (const text of ['SELECT sum(mw) FROM bq.readings', 'EXPLAIN ANALYZE SELECT sum(mw) FROM bq.readings']) {
      await expect(run(session, text)).rejects.toMatchObject({
        sqlstate: '53400',
        message: 'the statement would cost about 0.000066, and causeway.max_money allows 0.000010',
        detail: 'bq: 0.000066 (dry run: 11 MiB)',
      });
    }
    await expect(
      run(
        session,
        `TRAIN MODEL m PREDICT mw FORECAST BY ts WINDOW 8 HORIZON 1 USING lstm (hidden => 4, epochs => 1)
         FEDERATE fedavg (rounds => 1) AS SELECT ts, mw FROM bq.readings`,
      ),
    ).rejects.toMatchObject({ sqlstate: '53400', detail: expect.stringContaining('dry run:') });
    expect(ran('readings')).toHaveLength(before);
    await run(session, "SET causeway.max_money = '1'");
    expect(await run(session, 'SELECT count(*) FROM bq.readings')).toEqual([[String(DAYS * ROWS_A_DAY)]]);
  });

  test('the service itself stops what would be billed for more than max_bytes_billed', async () => {
    const list = Object.entries(siloOptions(server.url)).map(([name, value]) => `${name} '${value}'`);
    await run(session, `CREATE SILO capped USING bigquery OPTIONS (${list.join(', ')}, max_bytes_billed '1000000')`);
    await expect(run(session, 'SELECT sum(mw) FROM capped.readings')).rejects.toMatchObject({
      sqlstate: '53400',
      message: expect.stringContaining('bytes billed'),
      hint: expect.stringContaining('max_bytes_billed'),
    });
  });

  test('two datasets of one project, seen by the same eyes, are one place', async () => {
    await server.sql.run('CREATE SCHEMA shop');
    await server.sql.run(
      "CREATE TABLE shop.customers AS SELECT range AS id, 'customer ' || range AS name FROM range(3)",
    );
    const list = Object.entries({ ...siloOptions(server.url), dataset: 'shop' }).map(
      ([name, value]) => `${name} '${value}'`,
    );
    await run(session, `CREATE SILO shop USING bigquery OPTIONS (${list.join(', ')})`);
    const join = `SELECT c.name, count(*) FROM bq.orders o JOIN shop.customers c ON o.customer = c.id GROUP BY 1 ORDER BY 1`;
    expect(await run(session, join)).toEqual([
      ['customer 0', '4'],
      ['customer 1', '4'],
      ['customer 2', '4'],
    ]);
    const plan = await explain(join);
    expect(plan).toMatch(/^Result at (bq|shop) /);
    expect(plan).toMatch(/`(shop`\.`customers|test`\.`orders)`/);
  });

  test('the credentials are in no message, plan, listing or record', async () => {
    const token = 'ya29.hunter2-hunter2-hunter2';
    const list = Object.entries({ ...siloOptions(server.url), access_token: token }).map(
      ([name, value]) => `${name} '${value}'`,
    );
    const seen: string[] = [];
    const look = async (text: string) => {
      const rows = await run(session, text).catch((thrown: Error) => [
        [thrown.message, String(thrown.stack), JSON.stringify(thrown)],
      ]);
      seen.push(...rows.flat().map(String));
    };
    for (const text of [
      `CREATE SILO guarded USING bigquery OPTIONS (${list.join(', ')})`,
      'SHOW SILOS',
      'SELECT * FROM causeway.silos',
      'EXPLAIN ANALYZE SELECT * FROM guarded.orders',
      'SELECT * FROM causeway.queries',
      'SELECT no_such FROM guarded.orders',
      "SELECT * FROM guarded.query('SELECT nonsense(')",
    ]) {
      await look(text);
    }
    server.fault = () => ({ refusal: new Refusal(403, 'accessDenied', `Access Denied for ${token}`) });
    await look('SELECT max(id) FROM guarded.orders');
    server.fault = () => undefined;
    expect(seen.join('\n')).toContain('Access Denied for ***');
    expect(seen.filter((text) => text.includes(token))).toEqual([]);
  });
});
