/** Statistics that are missing, late, absurd, old or wrong, a stored cost model of another version: the answer comes all the same. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RecordBatch } from 'apache-arrow';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { Connector, Silo, TableStatistics } from '../../connectors/connector.ts';
import { postgres } from '../../connectors/postgres/connector.ts';
import { MODEL_VERSION, type StoredSite } from '../../optimizer/cost/model.ts';
import type { StoredStatistics } from '../../optimizer/statistics/cache.ts';
import { Engine } from '../../src/engine/engine.ts';
import type { Session } from '../../src/engine/session.ts';
import { type TestDatabase, testDatabase } from '../servers/postgres.ts';
import { run } from '../support/federation.ts';

const ORDERS = 200_000;
/** What the orders' silo answers when it is asked for statistics, given the truth. */
let reported: (truth: TableStatistics | undefined) => Promise<TableStatistics | undefined>;
const truthful = async (truth: TableStatistics | undefined) => truth;

const databases: TestDatabase[] = [];
const directory = mkdtempSync(join(tmpdir(), 'causeway-statistics-'));
let engine: Engine;
let session: Session;

/** PostgreSQL whose statistics are what a test says, and whose `orders` come slowly unless they are asked for by key. */
const doctored: Connector = {
  ...postgres,
  async connect(options, signal) {
    const silo = await postgres.connect(options, signal);
    const slowly = async function* (batches: AsyncIterable<RecordBatch>) {
      for await (const batch of batches) {
        await sleep(10);
        yield batch;
      }
    };
    const wrapped: Silo = {
      context: silo.context,
      tables: (stop) => silo.tables(stop),
      async statistics(table, stop) {
        const truth = await silo.statistics(table, stop);
        return table.table === 'orders' ? reported(truth) : truth;
      },
      async run(fragment, stop) {
        const result = await silo.run(fragment, stop);
        const whole = fragment.kind === 'sql' && fragment.text.includes('"orders"') && !fragment.text.includes(' IN (');
        return whole && result.kind === 'batches' ? { ...result, batches: slowly(result.batches) } : result;
      },
      [Symbol.asyncDispose]: () => silo[Symbol.asyncDispose](),
    };
    return wrapped;
  },
};

async function open(): Promise<void> {
  engine = await Engine.open({ directory: join(directory, 'catalog'), connectors: { postgres: doctored } });
  session = engine.openSession();
}

async function reopen(between: (engine: Engine) => void = () => {}): Promise<void> {
  between(engine);
  await engine[Symbol.asyncDispose]();
  await open();
}

beforeAll(async () => {
  databases.push(await testDatabase(inject('postgres')), await testDatabase(inject('postgres')));
  const [a, b] = databases as [TestDatabase, TestDatabase];
  await a.client.query(`
    CREATE TABLE customers AS SELECT i AS id, i % 100 AS city FROM generate_series(1, 2000) AS s(i); ANALYZE`);
  await b.client.query(`
    CREATE TABLE orders AS SELECT i AS id, 1 + i % 2000 AS customer, repeat('note ' || i, 5) AS note
      FROM generate_series(1, ${ORDERS}) AS s(i);
    CREATE INDEX ON orders (customer); ANALYZE`);
  await open();
  await run(
    session,
    `CREATE SILO a USING postgres OPTIONS (url '${a.url}'); CREATE SILO b USING postgres OPTIONS (url '${b.url}')`,
  );
}, 60_000);
afterAll(async () => {
  await engine?.[Symbol.asyncDispose]();
  for (const database of databases) await database[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});

const JOINED = `SELECT count(*), max(o.note) IS NOT NULL FROM b.orders o JOIN a.customers c ON o.customer = c.id WHERE c.city = 7`;
/** 20 customers live in a city; each has a hundred orders. */
const ANSWER = [['2000', 't']];

async function asked(text = JOINED): Promise<{ rows: (string | null)[][]; notices: string[] }> {
  const notices: string[] = [];
  const rows = await run(session, text, { onNotice: ({ message }) => notices.push(message) });
  return { rows, notices };
}

/** Statistics are asked for anew. */
const forgotten = (): void => engine.planner.forget('b');

describe('statistics', () => {
  it('that do not come in time are not waited for', async () => {
    reported = () => new Promise(() => {});
    forgotten();
    const { rows, notices } = await asked();
    expect(rows).toEqual(ANSWER);
    expect(notices).toContain('b.orders: no statistics within 300 ms; defaults are used');
    expect((await asked(`EXPLAIN ${JOINED}`)).rows.flat().join('\n')).toMatch(/Rows of b/);
    await reopen();
  });

  it('that fail are named', async () => {
    reported = () => Promise.reject(new Error('no rights on pg_stats'));
    forgotten();
    const { rows, notices } = await asked();
    expect(rows).toEqual(ANSWER);
    expect(notices.join('\n')).toMatch(/b\.orders: .*no rights on pg_stats; default statistics are used/);
  });

  it('that are absurd are dropped, and it is said which', async () => {
    reported = async (truth) => ({ ...truth!, rows: -5 });
    forgotten();
    expect(await asked()).toEqual({ rows: ANSWER, notices: ['b.orders: the silo reports -5 rows; defaults are used'] });
    reported = async () => ({
      rows: ORDERS,
      columns: { customer: { distinct: Number.NaN, nullFraction: -1 }, note: { width: Number.POSITIVE_INFINITY } },
    });
    forgotten();
    const { rows, notices } = await asked();
    expect(rows).toEqual(ANSWER);
    expect(notices).toEqual([
      'b.orders.customer: absurd distinct, nullFraction ignored',
      'b.orders.note: absurd width ignored',
    ]);
  });

  it('that are old are used, and ANALYZE is advised', async () => {
    reported = truthful;
    forgotten();
    await asked();
    await reopen(({ catalog }) => {
      const store = catalog.learned<StoredStatistics>('statistics');
      for (const [key, stored] of [...store.load()]) store.save(key, { ...stored, at: stored.at - 30 * 86_400_000 });
    });
    const { rows, notices } = await asked();
    expect(rows).toEqual(ANSWER);
    expect(notices.sort()).toEqual([
      'a.customers: statistics are 30 days old; run ANALYZE a.customers',
      'b.orders: statistics are 30 days old; run ANALYZE b.orders',
    ]);
    await asked('ANALYZE a.customers; ANALYZE b.orders');
    expect((await asked()).notices).toEqual([]);
  });

  it('that are wrong by a thousand are found out while the statement runs', async () => {
    reported = async (truth) => ({ ...truth!, rows: 20 });
    await reopen();
    forgotten();
    const { rows } = await asked(`EXPLAIN ANALYZE ${JOINED}`);
    const text = rows.flat().join('\n');
    expect(text).toMatch(/Planned anew while it ran\n +after .*: b \(\d\) had [\d,]+ rows so far, \d+ were expected/);
    expect(text).toMatch(/20 keys sent/);
    expect(text).toMatch(/what was stopped had sent/);
    const sent = await asked(
      `SELECT DISTINCT silo, kind FROM causeway.egress WHERE statement LIKE '%o.note%' ORDER BY 1, 2`,
    );
    expect(sent.rows).toEqual([
      ['a', 'keys'],
      ['a', 'rows'],
      ['b', 'rows'],
    ]);
    await reopen();
    forgotten();
    expect((await asked(JOINED)).rows).toEqual(ANSWER);
    await reopen();
    forgotten();
    await asked('SET causeway.replan = off');
    expect((await asked(`EXPLAIN ANALYZE ${JOINED}`)).rows.flat().join('\n')).not.toMatch(/Planned anew/);
  }, 30_000);
});

it('a cost model of another version is left aside, and told of once', async () => {
  reported = truthful;
  await asked();
  await reopen(({ catalog, planner }) => {
    planner.model.save();
    const store = catalog.learned<StoredSite>('speed');
    for (const [key, stored] of [...store.load()]) store.save(key, { ...stored, version: MODEL_VERSION + 1 });
  });
  const first = await asked();
  expect(first.rows).toEqual(ANSWER);
  expect(first.notices).toContain('the cost model of b is of another version and was left aside; run CALIBRATE SILO b');
  expect((await asked()).notices).toEqual([]);
});

it('CALIBRATE measures with tables that were never analysed', async () => {
  reported = truthful;
  const fresh = await testDatabase(inject('postgres'));
  databases.push(fresh);
  await fresh.client.query(`CREATE TABLE readings (id integer, mw double precision) WITH (autovacuum_enabled = false);
    INSERT INTO readings SELECT i, i / 7.0 FROM generate_series(1, 30000) AS s(i)`);
  await asked(`CREATE SILO c USING postgres OPTIONS (url '${fresh.url}')`);
  const { rows, notices } = await asked('CALIBRATE SILO c');
  expect(rows.length).toBeGreaterThan(5);
  expect(notices).toEqual([]);
});

it('a statement with parameters is planned anew with their values', async () => {
  reported = async (truth) => ({ ...truth!, rows: 20 });
  await reopen();
  forgotten();
  const text = JOINED.replace('c.city = 7', 'c.city = $1 AND o.id > $2');
  // From the third time on by a plan that was made without the values; what is read by key teaches nothing about the whole.
  for (let time = 0; time < 4; time++) {
    expect(await run(session, text, { parameters: [String(7 + time), '0'] })).toEqual(ANSWER);
  }
  expect(await run(session, text, { parameters: ['7', '100000'] })).toEqual([['1000', 't']]);
});
