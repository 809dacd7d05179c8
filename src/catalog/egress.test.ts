import { DatabaseSync } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';
import { beforeEach, expect, test } from 'vitest';
import { type EgressEntry, type EgressStore, egressStore } from './egress.ts';

let db: DatabaseSync;
let store: EgressStore;

beforeEach(() => {
  db = new DatabaseSync(':memory:');
  db.exec(
    `CREATE TABLE egress (id INTEGER PRIMARY KEY, silo TEXT, statement TEXT, kind TEXT CHECK (kind = 'rows'), bytes INTEGER, at TEXT)`,
  );
  store = egressStore(db);
});

const entry = (silo: string, bytes: number): EgressEntry => ({ silo, statement: 'SELECT 1', kind: 'rows', bytes });
const written = () => db.prepare('SELECT silo, bytes FROM egress ORDER BY id').all();

test('what is recorded is there for the next reader, and written by the next event', async () => {
  store.record([entry('a', 1)]);
  store.record([entry('b', 2), entry('a', 3)]);
  expect(written()).toEqual([]);
  await setImmediate();
  expect(written()).toHaveLength(3);
  store.record([entry('b', 4)]);
  expect(store.totals()).toEqual([
    { silo: 'a', kind: 'rows', bytes: 4 },
    { silo: 'b', kind: 'rows', bytes: 6 },
  ]);
});

test('what cannot be written is kept, and fails the next statement', async () => {
  db.exec('ALTER TABLE egress RENAME TO away');
  store.record([entry('a', 1), entry('b', 2)]);
  await setImmediate();
  expect(() => store.record([entry('c', 3)])).toThrow(/egress/);
  db.exec('ALTER TABLE away RENAME TO egress');
  store.record([]);
  await setImmediate();
  expect(written().map(({ silo }) => silo)).toEqual(['a', 'b', 'c']);
});
