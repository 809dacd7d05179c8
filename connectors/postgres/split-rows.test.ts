import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { scalar } from '../../src/plan/types.ts';
import { type TestDatabase, testDatabase } from '../../test/servers/postgres.ts';
import type { Silo, SqlFragment } from '../connector.ts';
import { postgres } from './connector.ts';
import { pageRanges } from './split-rows.ts';

const ROWS = 60_000;
const columns = [
  { name: 'id', type: scalar('integer') },
  { name: 'amount', type: scalar('integer') },
];

let database: TestDatabase;
let silo: Silo;

beforeAll(async () => {
  database = await testDatabase(inject('postgres'));
  await database.client.query(`
    CREATE TABLE accounts AS SELECT i AS id, 10 AS amount FROM generate_series(1, ${ROWS}) i;
    CREATE UNIQUE INDEX ON accounts (id);
    CREATE VIEW seen AS SELECT * FROM accounts;
    CREATE TABLE empty (id int, amount int)`);
  silo = await postgres.connect({ url: database.url, connections: '4' }, new AbortController().signal);
});
afterAll(async () => {
  await silo?.[Symbol.asyncDispose]();
  await database?.[Symbol.asyncDispose]();
});

const inParts = (table: string, connections = 4): SqlFragment => ({
  kind: 'sql',
  text: `SELECT id, amount FROM ${table}`,
  columns,
  split: {
    table: { table },
    connections,
    textFor: (predicate) => `SELECT id, amount FROM (SELECT id, amount FROM ${table} WHERE ${predicate}) AS part`,
  },
});

async function totals(fragment: SqlFragment, from = silo, signal = new AbortController().signal) {
  const result = await from.run(fragment, signal);
  if (result.kind !== 'batches') throw new Error('expected batches');
  const ids = new Set<number>();
  let rows = 0;
  let amount = 0;
  for await (const batch of result.batches) {
    for (let row = 0; row < batch.numRows; row++) {
      ids.add(batch.getChildAt(0)!.get(row));
      amount += batch.getChildAt(1)!.get(row);
    }
    rows += batch.numRows;
  }
  return { rows, ids: ids.size, amount };
}

const ALL = { rows: ROWS, ids: ROWS, amount: ROWS * 10 };

test('ranges cover all pages once', () => {
  expect(pageRanges(undefined, 8)).toEqual(['TRUE']);
  expect(pageRanges(1, 8)).toEqual(['TRUE']);
  expect(pageRanges(10, 3)).toEqual([
    "ctid < '(3,0)'::tid",
    "ctid >= '(3,0)'::tid AND ctid < '(6,0)'::tid",
    "ctid >= '(6,0)'::tid",
  ]);
});

describe('a table in parts', () => {
  test('is the whole table, also where it has no pages of its own', async () => {
    expect(await totals(inParts('accounts'))).toEqual(ALL);
    expect(await totals(inParts('seen'))).toEqual(ALL);
    expect(await totals(inParts('empty'))).toEqual({ rows: 0, ids: 0, amount: 0 });
  });

  test('is of one moment, whatever is written meanwhile', async () => {
    let writing = true;
    let transfers = 0;
    const writer = (async () => {
      while (writing) {
        // The money moves, and so do the rows: updated ones stand on other pages afterwards.
        await database.client.query('BEGIN');
        await database.client.query('UPDATE accounts SET amount = amount - 1 WHERE id % 50 = $1', [transfers % 50]);
        await database.client.query('UPDATE accounts SET amount = amount + 1 WHERE id % 50 = $1', [
          (transfers + 7) % 50,
        ]);
        await database.client.query('COMMIT');
        transfers++;
      }
    })();
    while (transfers === 0) await new Promise((next) => setTimeout(next, 1));
    for (let i = 0; i < 5; i++) expect(await totals(inParts('accounts'))).toEqual(ALL);
    writing = false;
    await writer;
    expect(transfers).toBeGreaterThan(1);
  });

  test('takes no more connections than there are, and waits for none', async () => {
    await using narrow = await postgres.connect({ url: database.url, connections: '2' }, new AbortController().signal);
    const answers = await Promise.all(Array.from({ length: 5 }, () => totals(inParts('accounts'), narrow)));
    expect(answers).toEqual(answers.map(() => ALL));
  });

  test('can be left and cancelled; the silo goes on', async () => {
    const result = await silo.run(inParts('accounts'), new AbortController().signal);
    if (result.kind !== 'batches') throw new Error('expected batches');
    for await (const _ of result.batches) break;
    const user = new AbortController();
    const slow = totals(
      {
        ...inParts('accounts'),
        split: {
          ...inParts('accounts').split!,
          textFor: (predicate) =>
            `SELECT id, amount FROM accounts, pg_sleep(10) WHERE ${predicate.replaceAll('ctid', 'accounts.ctid')}`,
        },
      },
      silo,
      user.signal,
    );
    setTimeout(() => user.abort(), 50);
    await expect(slow).rejects.toMatchObject({ sqlstate: '57014' });
    expect(await totals(inParts('accounts'))).toEqual(ALL);
  });

  test('fails as a whole when a part fails', async () => {
    const broken = inParts('accounts');
    const textFor = (predicate: string): string =>
      predicate.includes('>=') ? `SELECT id, 1 / 0 FROM accounts WHERE ${predicate}` : broken.split!.textFor(predicate);
    await expect(totals({ ...broken, split: { ...broken.split!, textFor } })).rejects.toMatchObject({
      sqlstate: '22012',
    });
    expect(await totals(inParts('accounts'))).toEqual(ALL);
  });
});
