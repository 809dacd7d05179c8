/** The endpoint from outside, through an unmodified client (node-postgres), over a stand-in for the engine. */
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { numeric, scalar } from '../plan/types.ts';
import { Endpoint } from './server.ts';
import { PgliteBackend } from './testing/pglite-backend.ts';

const SCHEMA = `
CREATE SCHEMA berlin;
CREATE TABLE berlin.meters (id integer PRIMARY KEY, city text, installed date);
CREATE TABLE berlin.readings (meter_id integer, ts timestamptz, mw numeric(12, 3), ok boolean, factor double precision);
INSERT INTO berlin.meters SELECT i, 'city ' || i % 7, date '2020-01-01' + i FROM generate_series(1, 50) i;
INSERT INTO berlin.readings SELECT 1 + i % 50, timestamptz '2024-01-01 UTC' + i * interval '1 hour', i * 0.125,
  i % 3 = 0, CASE WHEN i % 5 > 0 THEN i / 7.0 END FROM generate_series(0, 4999) i;
`;

const column = (name: string, type = scalar('integer'), nullable = true) => ({ name, type, nullable });

let backend: PgliteBackend;
let endpoint: Endpoint;
beforeAll(async () => {
  backend = await PgliteBackend.start(SCHEMA, {
    schemas: [
      {
        name: 'berlin',
        tables: [
          {
            name: 'meters',
            kind: 'table',
            primaryKey: ['id'],
            rows: 50,
            columns: [
              column('id', scalar('integer'), false),
              column('city', scalar('text')),
              column('installed', scalar('date')),
            ],
          },
          {
            name: 'readings',
            kind: 'table',
            rows: 5000,
            columns: [
              column('meter_id'),
              column('ts', scalar('timestamptz')),
              column('mw', numeric(12, 3)),
              column('ok', scalar('boolean')),
              column('factor', scalar('double')),
            ],
          },
          { name: 'endless', kind: 'table', columns: [column('n')] },
        ],
      },
    ],
    models: [],
    roles: [],
  });
  await backend.database.exec('CREATE TABLE berlin.endless (n integer)');
  endpoint = await Endpoint.listen({ backend, port: 0, catalogTimeout: 3000 });
}, 180_000);
afterAll(async () => {
  await endpoint?.[Symbol.asyncDispose]();
  await backend?.[Symbol.asyncDispose]();
});

async function client(options: pg.ClientConfig = {}): Promise<pg.Client & AsyncDisposable> {
  const connected = new pg.Client({
    host: '127.0.0.1',
    port: endpoint.port,
    user: 'eva',
    database: 'causeway',
    ...options,
  });
  connected.on('error', () => {});
  await connected.connect();
  return Object.assign(connected, { [Symbol.asyncDispose]: () => connected.end() });
}

const failure = (promise: Promise<unknown>): Promise<Record<string, string>> =>
  promise.then(
    () => {
      throw new Error('no error');
    },
    (error) => error,
  );

test('a silo is queried, simple and with parameters', async () => {
  await using eva = await client();
  const simple = await eva.query('SELECT city, count(*) FROM berlin.meters GROUP BY city ORDER BY city LIMIT 2');
  expect(simple.rows).toEqual([
    { city: 'city 0', count: '7' },
    { city: 'city 1', count: '8' },
  ]);
  expect(simple.fields.map(({ dataTypeID }) => dataTypeID)).toEqual([25, 20]);
  const extended = await eva.query(
    'SELECT id, installed::text FROM berlin.meters WHERE id = $1 OR city = $2 ORDER BY id LIMIT 2',
    [2, 'city 1'],
  );
  expect(extended.rows).toEqual([
    { id: 1, installed: '2020-01-02' },
    { id: 2, installed: '2020-01-03' },
  ]);
  expect(extended.command).toBe('SELECT');
  expect(extended.rowCount).toBe(2);
});

test('the whole of a table comes out as PostgreSQL itself gives it, in text and in binary', async () => {
  const text = 'SELECT * FROM berlin.readings ORDER BY ts';
  const { rows: expected } = await backend.database.query(text, [], { rowMode: 'array' });
  await using eva = await client();
  for (const binary of [false, true]) {
    const { rows } = await eva.query({ text, rowMode: 'array', binary } as pg.QueryArrayConfig);
    expect(rows).toHaveLength(5000);
    expect(rows.map((row) => row.map((v) => (v instanceof Date ? v.toISOString() : String(v))))).toEqual(
      (expected as unknown[][]).map((row) => row.map((v) => (v instanceof Date ? v.toISOString() : String(v)))),
    );
  }
});

test('the catalog answers browsing, and never for a silo', async () => {
  await using eva = await client();
  const { rows } = await eva.query(
    "SELECT table_name FROM information_schema.tables WHERE table_schema = 'berlin' ORDER BY 1",
  );
  expect(rows.map((row) => row.table_name)).toEqual(['endless', 'meters', 'readings']);
  expect((await eva.query('SELECT count(*)::int AS n FROM berlin.meters')).rows).toEqual([{ n: 50 }]);
  expect((await eva.query('SELECT current_user, current_database()')).rows).toEqual([
    { current_user: 'eva', current_database: 'causeway' },
  ]);
  const mixed = await failure(eva.query('SELECT * FROM berlin.meters, pg_class'));
  expect(mixed.code).toBe('0A000');
});

test('errors name SQLSTATE and place, also in the second statement of a script', async () => {
  await using eva = await client();
  expect(await failure(eva.query('SELECT 1 AS é; SELECT nosuch FROM berlin.meters'))).toMatchObject({
    code: '42703',
    position: '23',
  });
  expect(await failure(eva.query('SELECT relnam FROM pg_class'))).toMatchObject({ code: '42703', position: '8' });
  expect(await failure(eva.query('SELECT $1::int + nosuch FROM berlin.meters', [1]))).toMatchObject({
    code: '42703',
    position: '18',
  });
  expect(await failure(eva.query('UPDATE berlin.meters SET id = 1'))).toMatchObject({ code: '25006' });
  expect(await failure(eva.query("SELECT 'unterminated"))).toMatchObject({ code: '42601' });
  expect((await eva.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
});

test('transactions, as far as a reader has them', async () => {
  await using eva = await client();
  await eva.query("BEGIN; SET application_name = 'inside'");
  expect(await failure(eva.query('SELECT nosuch'))).toMatchObject({ code: '42703' });
  expect(await failure(eva.query('SELECT 1'))).toMatchObject({ code: '25P02' });
  expect((await eva.query('COMMIT')).command).toBe('ROLLBACK');
  expect((await eva.query('SHOW application_name')).rows).toEqual([{ application_name: '' }]);
  await eva.query("BEGIN; SAVEPOINT a; SET LOCAL TimeZone = 'Asia/Tokyo'");
  expect((await eva.query('SHOW TimeZone')).rows).toEqual([{ TimeZone: 'Asia/Tokyo' }]);
  await failure(eva.query('SELECT nosuch'));
  await eva.query('ROLLBACK TO a');
  expect((await eva.query('SELECT 2 AS two')).rows).toEqual([{ two: 2 }]);
  await eva.query('COMMIT');
  expect((await eva.query('SHOW TimeZone')).rows).toEqual([{ TimeZone: 'UTC' }]);
});

test('sessions do not see each other: settings, prepared names, failed transactions', async () => {
  const zones = ['Europe/Berlin', 'Asia/Kathmandu', 'America/St_Johns', 'UTC', 'Asia/Tokyo', 'America/Caracas'];
  const answers = await Promise.all(
    zones.map(async (zone, i) => {
      await using eva = await client({ user: `user${i}` });
      await eva.query(`SET TIME ZONE '${zone}'; SET search_path = s${i}`);
      if (i % 2 === 0) {
        await eva.query('BEGIN');
        await failure(eva.query('SELECT nosuch'));
        await eva.query('ROLLBACK');
      }
      const seen: string[] = [];
      for (let n = 0; n < 10; n++) {
        const { rows } = await eva.query({
          name: 'same',
          text: `SELECT current_user, '${i}' AS me, current_setting('TimeZone') AS zone, current_setting('search_path') AS path`,
        });
        seen.push(Object.values(rows[0]).join());
      }
      const { rows } = await eva.query('SELECT ts::timestamptz FROM berlin.readings ORDER BY ts LIMIT 1');
      return [...new Set(seen), rows[0].ts.toISOString()];
    }),
  );
  expect(answers).toEqual(zones.map((zone, i) => [`user${i},${i},${zone},s${i}`, '2024-01-01T00:00:00.000Z']));
});

test('values print in the zone of the session', async () => {
  await using eva = await client();
  const raw = { types: { getTypeParser: () => (text: string) => text } };
  await eva.query("SET TimeZone = 'Asia/Kathmandu'");
  const { rows } = await eva.query({
    text: 'SELECT ts FROM berlin.readings ORDER BY ts LIMIT 1',
    ...raw,
  } as pg.QueryConfig);
  expect(rows).toEqual([{ ts: '2024-01-01 05:45:00+05:45' }]);
  expect(await failure(eva.query("SET DateStyle = 'German'"))).toMatchObject({ code: '0A000' });
  expect((await eva.query('SHOW DateStyle')).rows).toEqual([{ DateStyle: 'ISO, MDY' }]);
});

test('cursors: forward, backward, binary, outside transactions', async () => {
  await using eva = await client();
  await eva.query('BEGIN; DECLARE c CURSOR FOR SELECT id FROM berlin.meters ORDER BY id');
  expect((await eva.query('FETCH 3 FROM c')).rows.map((row) => row.id)).toEqual([1, 2, 3]);
  expect((await eva.query('MOVE 10 IN c')).rowCount).toBe(10);
  expect((await eva.query('FETCH NEXT FROM c')).rows).toEqual([{ id: 14 }]);
  expect(await failure(eva.query('FETCH PRIOR FROM c'))).toMatchObject({ code: '55000' });
  await eva.query('ROLLBACK');
  await eva.query('BEGIN; DECLARE s SCROLL CURSOR FOR SELECT id FROM berlin.meters ORDER BY id');
  const ids = async (text: string) => (await eva.query(text)).rows.map((row) => row.id);
  expect(await ids('FETCH LAST FROM s')).toEqual([50]);
  expect(await ids('FETCH BACKWARD 2 FROM s')).toEqual([49, 48]);
  expect(await ids('FETCH ABSOLUTE 5 FROM s')).toEqual([5]);
  expect(await ids('FETCH RELATIVE -2 FROM s')).toEqual([3]);
  expect(await ids('FETCH FORWARD ALL FROM s')).toHaveLength(47);
  expect(await ids('FETCH PRIOR FROM s')).toEqual([50]);
  await eva.query('COMMIT');
  expect(await failure(eva.query('FETCH 1 FROM s'))).toMatchObject({ code: '34000' });
  expect(await failure(eva.query('DECLARE x CURSOR FOR SELECT 1'))).toMatchObject({ code: '25P01' });
  await eva.query('DECLARE h CURSOR WITH HOLD FOR SELECT relname FROM pg_class');
  expect((await eva.query('FETCH 2 FROM h')).rows).toHaveLength(2);
  await eva.query('CLOSE h');
});

test('PREPARE and EXECUTE in SQL', async () => {
  await using eva = await client();
  await eva.query('PREPARE near (integer) AS SELECT id FROM berlin.meters WHERE id BETWEEN $1 AND $1 + 1 ORDER BY 1');
  expect((await eva.query('EXECUTE near (3 + 4)')).rows).toEqual([{ id: 7 }, { id: 8 }]);
  await eva.query('PREPARE cat AS SELECT $1::text || current_user AS who');
  expect((await eva.query("EXECUTE cat ('I am ')")).rows).toEqual([{ who: 'I am eva' }]);
  expect(await failure(eva.query('PREPARE near AS SELECT 1'))).toMatchObject({ code: '42P05' });
  await eva.query('DEALLOCATE near');
  expect(await failure(eva.query('EXECUTE near (1)'))).toMatchObject({ code: '26000' });
  expect((await eva.query('DISCARD ALL')).command).toBe('DISCARD');
});

test('cancel stops the engine within a second, and the session goes on', async () => {
  await using eva = await client();
  await using other = await client();
  const { rows } = await eva.query('SELECT pg_backend_pid() AS pid');
  for (const [endless, how] of [
    ['SELECT n FROM berlin.endless', 'SELECT pg_cancel_backend($1)'],
    ['SELECT pg_sleep(60)', 'SELECT pg_cancel_backend($1)'],
  ] as const) {
    const running = failure(eva.query(endless));
    await new Promise((resolve) => setTimeout(resolve, 100));
    const activity = await other.query('SELECT state, query FROM pg_stat_activity WHERE pid = $1', [rows[0].pid]);
    expect(activity.rows).toEqual([{ state: 'active', query: endless }]);
    await other.query(how, [rows[0].pid]);
    expect(await running).toMatchObject({ code: '57014' });
  }
  await eva.query('SET statement_timeout = 50');
  expect(await failure(eva.query('SELECT n FROM berlin.endless'))).toMatchObject({ code: '57014' });
  expect((await eva.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(backend.running).toBe(0);
  await other.query('SELECT pg_terminate_backend($1)', [rows[0].pid]);
  await failure(eva.query('SELECT 1'));
});

test('TRAIN tells of its progress', async () => {
  await using eva = await client();
  const notices: string[] = [];
  eva.on('notice', ({ message }) => notices.push(message ?? ''));
  const { command } = await eva.query('TRAIN MODEL m PREDICT mw AS SELECT mw FROM berlin.readings');
  expect(command).toBe('TRAIN');
  expect(notices).toEqual(['round 1 of 2']);
});

test('a runaway catalog query does not hold up others for long', async () => {
  await using eva = await client();
  await using other = await client();
  const runaway = failure(eva.query('SELECT count(*) FROM generate_series(1, 1e10)'));
  expect((await other.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  expect(await runaway).toMatchObject({ code: '57014' });
});
