import { afterAll, beforeAll, expect, test } from 'vitest';
import { numeric, scalar } from '../../plan/types.ts';
import type { CatalogSnapshot, TableEntry } from '../backend.ts';
import { CatalogOracle } from './catalog-oracle.ts';
import { OracleError, readDataRow, readErrorFields } from './messages.ts';
import { Oracle } from './oracle.ts';

const column = (name: string, type = scalar('integer'), nullable = true) => ({ name, type, nullable });

const meters: TableEntry = {
  name: 'meters',
  kind: 'table',
  columns: [column('id', scalar('integer'), false), column('city', { kind: 'varchar', length: 80 } as never)],
  primaryKey: ['id'],
  comment: "Berlin's meters",
  rows: 1200,
};
const readings: TableEntry = {
  name: 'readings',
  kind: 'table',
  columns: [
    { ...column('meter_id', scalar('integer'), false), comment: 'whose' },
    column('ts', scalar('timestamptz'), false),
    column('mw', numeric(12, 3)),
  ],
  primaryKey: ['meter_id', 'ts'],
  foreignKeys: [{ columns: ['meter_id'], references: { table: 'meters', columns: ['id'] } }],
  rows: 1_000_000,
};

const catalog = {
  version: 1,
  current: {
    schemas: [
      { name: 'berlin', tables: [readings, meters] },
      { name: 'public', tables: [{ name: 'load', kind: 'view', columns: [column('mw')] }] },
    ],
    models: [{ name: 'load24', features: [column('mw')], outputs: [column('mw'), column('error')] }],
    roles: [],
  } as CatalogSnapshot,
  snapshot: async () => catalog.current,
};

let oracle: Oracle;
let questions: CatalogOracle;
beforeAll(async () => {
  oracle = await Oracle.start({ exchangeTimeout: 2000 });
  questions = new CatalogOracle(oracle, catalog);
  await questions.refresh();
  await questions.addUser('eva');
});
afterAll(() => oracle[Symbol.asyncDispose]());

const session = { role: 'eva', settings: [] };

async function rows(text: string, settings: readonly (readonly [string, string])[] = []): Promise<(string | null)[][]> {
  const { messages } = await questions.run({ role: 'eva', settings }, text, [], undefined, {});
  const error = messages.find(({ type }) => type === 'E');
  if (error) throw new OracleError(readErrorFields(error.body));
  return messages.filter(({ type }) => type === 'D').map(({ body }) => readDataRow(body));
}

const sqlstate = (text: string): Promise<string> =>
  rows(text).then(
    () => 'no error',
    (error: OracleError) => error.sqlstate,
  );

test('tables, keys, comments, row counts, views and models are mirrored', async () => {
  expect(
    await rows(
      "SELECT conrelid::regclass, contype, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'berlin.readings'::regclass AND contype IN ('p', 'f') ORDER BY contype",
    ),
  ).toEqual([
    ['berlin.readings', 'f', 'FOREIGN KEY (meter_id) REFERENCES berlin.meters(id)'],
    ['berlin.readings', 'p', 'PRIMARY KEY (meter_id, ts)'],
  ]);
  expect(
    await rows(
      "SELECT obj_description('berlin.meters'::regclass), reltuples::int FROM pg_class WHERE oid = 'berlin.meters'::regclass",
    ),
  ).toEqual([["Berlin's meters", '1200']]);
  expect(await rows("SELECT n_live_tup FROM pg_stat_user_tables WHERE relname = 'readings'")).toEqual([['1000000']]);
  expect(await rows("SELECT table_type FROM information_schema.tables WHERE table_name = 'load'")).toEqual([['VIEW']]);
  expect(await rows("SELECT pg_get_function_result('ml.load24'::regproc)")).toEqual([
    ['TABLE(predicted_mw integer, error integer)'],
  ]);
  expect(await rows('SELECT current_user, current_database()')).toEqual([['eva', 'causeway']]);
});

test.each([
  ['SELECT * FROM berlin.readings WHERE meter_id = $1', true, false],
  ['SELECT count(*) FROM load', true, false],
  ['SELECT EXISTS (SELECT FROM berlin.meters)', true, false],
  ['SELECT relname, (SELECT count(*) FROM berlin.meters) FROM pg_class', true, true],
  ["SELECT 'berlin.readings'::regclass", false, false],
  ['SELECT relname FROM pg_class', false, true],
  ['SELECT 1', false, false],
])('what does it read? %s', async (text, readsUserRelations, readsCatalog) => {
  expect(await questions.facts(session, text, [], {})).toMatchObject({ readsUserRelations, readsCatalog });
});

test('columns and parameters of a statement', async () => {
  const facts = await questions.facts(
    session,
    'SELECT mw, city FROM berlin.readings JOIN berlin.meters ON id = meter_id WHERE ts > $1 LIMIT $2',
    [],
    {},
  );
  expect(facts.parameterOids).toEqual([1184, 20]);
  expect(facts.fields).toMatchObject([
    { name: 'mw', typeOid: 1700, typmod: ((12 << 16) | 3) + 4, attribute: 3 },
    { name: 'city', typeOid: 1043, typmod: 84, attribute: 2 },
  ]);
  await expect(questions.facts(session, 'SELECT nosuch FROM berlin.meters', [], {})).rejects.toMatchObject({
    sqlstate: '42703',
    character: 8,
  });
});

test('no way leads from the oracle to an answer of an empty table, or out of its role', async () => {
  expect(await sqlstate("SELECT query_to_xml('SELECT * FROM berlin.meters', true, true, '')")).toBe('42501');
  expect(await sqlstate("SELECT * FROM ts_stat('SELECT city::tsvector FROM berlin.meters')")).toBe('42501');
  expect(await sqlstate("SELECT ml.evaluate('load24')")).toBe('CW0EN');
  expect(await sqlstate('CREATE TABLE public.t (i int)')).toBe('25006');
  expect(await sqlstate("SELECT pg_read_file('/etc/passwd')")).toBe('42501');
  expect(await sqlstate('WITH gone AS (DELETE FROM berlin.meters RETURNING 1) SELECT * FROM gone')).not.toBe(
    'no error',
  );
});

test('settings belong to the session that made them', async () => {
  expect(await rows('SHOW TimeZone', [['TimeZone', 'Europe/Berlin']])).toEqual([['Europe/Berlin']]);
  expect(await rows('SHOW TimeZone')).toEqual([['UTC']]);
  const { settings } = await questions.run(
    { ...session, changes: true },
    "SET search_path = 'berlin'",
    [],
    undefined,
    {},
  );
  expect(Object.fromEntries(settings!)).toEqual({ search_path: 'berlin' });
  expect(await rows('SHOW search_path')).toEqual([['"$user", public']]);
  await questions.run({ ...session, changes: true }, "SET search_path = 'munich'", [], undefined, {});
  await questions.addUser('after a change');
});

test('sessions show in pg_stat_activity, and are ended through a notice', async () => {
  const activity = JSON.stringify([{ pid: 7, usename: 'eva', state: 'active', query: 'SELECT 1' }]);
  expect(
    await rows('SELECT pid, usename, state, query FROM pg_stat_activity', [['causeway.activity', activity]]),
  ).toEqual([['7', 'eva', 'active', 'SELECT 1']]);
  expect(await rows('SELECT pg_backend_pid()', [['causeway.pid', '7']])).toEqual([['7']]);
  const { messages } = await questions.run(session, 'SELECT pg_terminate_backend(7)', [], undefined, {});
  const notice = messages.find(({ type }) => type === 'N');
  expect(Object.fromEntries(readErrorFields(notice!.body))).toMatchObject({ C: 'CW0CT', M: 'terminate 7' });
});

test('a runaway query ends with its thread; the next one keeps its numbers', async () => {
  const before = oracle.starts;
  const numbers = await rows("SELECT 'berlin.meters'::regclass::oid, 'ml.load24'::regproc::oid, 'eva'::regrole::oid");
  await expect(
    questions.run(session, 'SELECT count(*) FROM generate_series(1, 1e10)', [], undefined, { timeout: 200 }),
  ).rejects.toMatchObject({ sqlstate: '57014' });
  const abort = new AbortController();
  setTimeout(() => abort.abort(), 100);
  await expect(
    questions.run(session, 'SELECT count(*) FROM generate_series(1, 1e10) AS again', [], undefined, {
      signal: abort.signal,
    }),
  ).rejects.toMatchObject({ sqlstate: '57014' });
  expect(await rows("SELECT 'berlin.meters'::regclass::oid, 'ml.load24'::regproc::oid, 'eva'::regrole::oid")).toEqual(
    numbers,
  );
  expect(oracle.starts).toBe(before + 2);
});

test('a changed catalog shows, and what did not change keeps its numbers', async () => {
  const before = await rows("SELECT 'berlin.readings'::regclass::oid");
  const changed = { ...meters, columns: [...meters.columns, column('height')] };
  catalog.current = {
    schemas: [
      { name: 'berlin', tables: [readings, changed] },
      { name: 'munich', tables: [{ ...meters, comment: 'new' }] },
    ],
    models: [],
    roles: [],
  };
  catalog.version++;
  await questions.refresh();
  expect(await rows("SELECT 'berlin.readings'::regclass::oid")).toEqual(before);
  expect(
    await rows("SELECT count(*) FROM pg_attribute WHERE attrelid = 'berlin.meters'::regclass AND attnum > 0"),
  ).toEqual([['3']]);
  expect(
    await rows("SELECT to_regclass('public.load'), to_regclass('munich.meters'), to_regproc('ml.load24')"),
  ).toEqual([[null, 'munich.meters', null]]);
});
