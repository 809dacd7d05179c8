/** A silo that dies in the middle of a query names itself, and the next statement finds the engine in good order. */
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { type TestDatabase, testDatabase } from './servers/postgres.ts';
import { type OpenSilos, openSilos } from './support/open-silos.ts';

let north: TestDatabase;
let south: TestDatabase;
let silos: OpenSilos;

beforeAll(async () => {
  north = await testDatabase(inject('postgres'));
  south = await testDatabase(inject('postgres'));
  await north.client.query('CREATE TABLE cities AS SELECT i AS id, i::text AS name FROM generate_series(1, 100) i');
  await south.client.query(
    'CREATE VIEW slow AS SELECT i AS id, pg_sleep(0.01)::text AS note FROM generate_series(1, 100000) i',
  );
  await south.client.query('CREATE TABLE quick AS SELECT i AS id FROM generate_series(1, 10) i');
  silos = await openSilos({
    north: { kind: 'postgres', options: { url: north.url } },
    south: { kind: 'postgres', options: { url: south.url } },
  });
});

afterAll(async () => {
  await silos?.[Symbol.asyncDispose]();
  await north?.[Symbol.asyncDispose]();
  await south?.[Symbol.asyncDispose]();
});

const running =
  "FROM pg_stat_activity WHERE datname = current_database() AND query ILIKE '%slow%' AND pid <> pg_backend_pid() AND state = 'active'";

/** Waits until the silo works on the query. */
async function untilRunning(): Promise<void> {
  while ((await south.client.query(`SELECT 1 ${running}`)).rowCount === 0)
    await new Promise((next) => setTimeout(next, 5));
}

it.each([
  ['alone', 'SELECT id, note FROM south.slow'],
  ['in a join', 'SELECT count(*), min(s.note) FROM south.slow s JOIN north.cities c ON s.id = c.id + 0'],
])('when it is asked %s', async (_, sql) => {
  const answer = silos.query(sql);
  const failure = expect(answer).rejects.toMatchObject({ silo: 'south' });
  await untilRunning();
  await south.client.query(`SELECT pg_terminate_backend(pid) ${running}`);
  await failure;
  const { rows } = await silos.query('SELECT count(*) FROM south.quick q JOIN north.cities c ON q.id = c.id');
  expect(rows).toEqual([['10']]);
});

it('ends its query when the statement is cancelled', async () => {
  const user = new AbortController();
  const answer = silos.query('SELECT count(*), min(s.note) FROM south.slow s JOIN north.cities c ON s.id = c.id + 0', {
    signal: user.signal,
  });
  const failure = expect(answer).rejects.toMatchObject({ sqlstate: '57014' });
  await untilRunning();
  user.abort();
  await failure;
  while ((await south.client.query(`SELECT 1 ${running}`)).rowCount !== 0)
    await new Promise((next) => setTimeout(next, 5));
});
