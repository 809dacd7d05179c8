/** What a user of a BI tool would notice, beside a real PostgreSQL 18 with the same tables. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import copyStreams from 'pg-copy-streams';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { catalogUsers } from '../../src/endpoint/auth/catalog-users.ts';
import { EngineBackend } from '../../src/endpoint/engine-backend.ts';
import { Endpoint } from '../../src/endpoint/server.ts';
import { selfSigned } from '../../src/endpoint/testing/self-signed.ts';
import { Engine } from '../../src/engine/engine.ts';
import { type TestDatabase, testDatabase } from '../servers/postgres.ts';
import { BI_STATEMENTS, CHARTS } from './bi-statements.ts';

const TABLES = `CREATE SCHEMA berlin;
  CREATE TABLE berlin.meters (id integer PRIMARY KEY, city varchar(40) NOT NULL, code char(4), installed date);
  COMMENT ON TABLE berlin.meters IS 'one line per meter';
  COMMENT ON COLUMN berlin.meters.code IS 'as printed on it';
  INSERT INTO berlin.meters SELECT i, 'city ' || i % 7, 'M' || i, date '2020-01-01' + i FROM generate_series(1, 12) i;
  CREATE TABLE berlin.readings (n bigint PRIMARY KEY, meter_id integer REFERENCES berlin.meters (id),
    ts timestamptz NOT NULL, mw numeric(10, 3), ok boolean);
  INSERT INTO berlin.readings SELECT i, 1 + i % 12, timestamptz '2024-01-01Z' + i * interval '5 minutes', i * 0.125, i % 3 = 0
    FROM generate_series(1, 5000) i;
  CREATE TABLE berlin.kinds (id integer PRIMARY KEY, i2 smallint, i8 bigint, f4 real, f8 double precision, n numeric, t text,
    raw bytea, d date, tm time, ts timestamp, tz timestamptz, iv interval, u uuid, j jsonb, a integer[], s text[]);
  INSERT INTO berlin.kinds VALUES
    (1, -32768, 9007199254740993, 1.5, 0.1, 12345678901234567890.123456789, 'Grüße 🚗', '\\x00ff', '2024-02-29', '23:59:59.5',
     '2024-02-29 12:00:00.000001', '2024-02-29 12:00:00+00', '1 mon -2 days 03:04:05.678',
     'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{"a": [1, null]}', '{1,NULL,-3}', '{a,"b c","",NULL}'),
    (2, NULL, NULL, NULL, NULL, NULL, '', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (3, 0, 0, 'NaN', '-Infinity', 'NaN', 'x', '', 'infinity', '00:00', '-infinity', 'infinity', '0', NULL, '"ü"', '{}', '{}');
  CREATE VIEW berlin.cities AS SELECT city, count(*) AS meters FROM berlin.meters GROUP BY city;
  ANALYZE`;

/** What must happen, on however busy a machine. */
const SOON = { timeout: 30_000 };

let database: TestDatabase;
let directory: string;
let engine: Engine;
let endpoint: Endpoint;
let client: pg.Client;

beforeAll(async () => {
  database = await testDatabase(inject('postgres'));
  await database.client.query(TABLES);
  // A backend counts rows in by itself only seconds later: until then n_live_tup is 0.
  await database.client.query('SELECT pg_stat_force_next_flush()');
  directory = mkdtempSync(join(tmpdir(), 'causeway-acceptance-'));
  engine = await Engine.open({ directory });
  endpoint = await Endpoint.listen({ backend: new EngineBackend(engine), port: 0 });
  client = await connect();
  await client.query(`CREATE SILO berlin USING postgres OPTIONS (url '${database.url}', schema 'berlin')`);
}, 120_000);
afterAll(async () => {
  await client?.end();
  await endpoint?.[Symbol.asyncDispose]();
  await engine?.[Symbol.asyncDispose]();
  await database?.[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});

async function connect(config: pg.ClientConfig = {}): Promise<pg.Client> {
  const made = new pg.Client({
    host: '127.0.0.1',
    port: endpoint.port,
    user: 'eva',
    database: 'causeway',
    ...config,
  });
  made.on('error', () => {});
  await made.connect();
  return made;
}

const failure = (promise: Promise<unknown>): Promise<{ code?: string; position?: string; message: string }> =>
  promise.then(
    () => ({ message: 'no error' }),
    (error) => error,
  );

/** Names, types and rows as text. */
async function answer(by: pg.Client, text: string) {
  const result = await by.query({ text, rowMode: 'array', types: { getTypeParser: () => String } });
  return {
    columns: result.fields.map(({ name, dataTypeID, dataTypeModifier }) => [name, dataTypeID, dataTypeModifier]),
    rows: result.rows as unknown[][],
  };
}

interface Cancelling {
  connect(port: number, host: string): void;
  cancel(pid: number, secret: number): void;
}

async function copied(by: pg.Client, text: string): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of by.query(copyStreams.to(text))) pieces.push(piece);
  return Buffer.concat(pieces);
}

describe('1: connecting', () => {
  test('with a password over TLS, and in the clear; a wrong password or database says so', async () => {
    const own = await Engine.open({ directory: join(directory, 'users') });
    const { certificate, key } = await selfSigned();
    const guarded = await Endpoint.listen({
      backend: new EngineBackend(own),
      port: 0,
      users: catalogUsers(own.catalog.roles),
      tls: { certificate, key },
    });
    try {
      const session = own.openSession();
      for await (const _ of session.execute("CREATE USER eva PASSWORD 'geheim'")) void _;
      const login = (config: pg.ClientConfig) =>
        connect({ port: guarded.port, password: 'geheim', ...config }).then(
          async (made) => {
            await made.end();
            return 'in';
          },
          (error) => error.code,
        );
      expect(await login({ ssl: { ca: certificate, checkServerIdentity: () => undefined } })).toBe('in');
      expect(await login({})).toBe('in');
      expect(await login({ password: 'wrong' })).toBe('28P01');
      expect(await login({ database: 'nowhere' })).toBe('3D000');
      await session[Symbol.asyncDispose]();
    } finally {
      await guarded[Symbol.asyncDispose]();
      await own[Symbol.asyncDispose]();
    }
  });
});

describe('2, 3, 4: browsing', () => {
  test('row estimates come when the silo has been asked for them', async () => {
    const estimate = "SELECT reltuples FROM pg_class WHERE oid = 'berlin.meters'::regclass";
    await expect.poll(async () => (await client.query(estimate)).rows[0]?.reltuples, SOON).toBe(12);
  });

  test.each(BI_STATEMENTS)('$tool asks for $asks', async ({ text }) => {
    expect(await answer(client, text)).toEqual(await answer(database.client, text));
  });

  test.each(CHARTS)('$tool charts $asks', async ({ text }) => {
    const [ours, theirs] = [await answer(client, text), await answer(database.client, text)];
    expect(ours.rows).toEqual(theirs.rows);
    expect(ours.columns.map(([name, type]) => [name, type])).toEqual(
      theirs.columns.map(([name, type]) => [name, type]),
    );
  });

  test('a pooled connection is cleaned and used again; several statements in one message', async () => {
    await client.query("SET search_path = berlin; SET application_name = 'pool'; SELECT 1; SHOW search_path");
    await client.query('DISCARD ALL');
    expect((await client.query('SHOW application_name')).rows).toEqual([{ application_name: '' }]);
    expect(await failure(client.query('SELECT * FROM meters'))).toMatchObject({ code: '42P01' });
  });

  test('a date is a date: SET search_path and current_schema hold per connection', async () => {
    const other = await connect();
    await client.query('SET search_path = berlin');
    expect((await client.query('SELECT current_schema() AS s')).rows).toEqual([{ s: 'berlin' }]);
    expect((await other.query('SELECT current_schema() AS s')).rows).toEqual([{ s: 'public' }]);
    const { fields } = await client.query('SELECT installed FROM meters LIMIT 1');
    expect(fields[0]!.dataTypeID).toBe(1082);
    await client.query('RESET search_path');
    await other.end();
  });
});

test('5: ten users with their own zones, paths and prepared names', async () => {
  const zones = ['UTC', 'Europe/Berlin', 'Asia/Tokyo', 'America/New_York', 'Asia/Kolkata'];
  const people = await Promise.all(Array.from({ length: 10 }, (_, i) => connect({ user: `user${i}` })));
  await Promise.all(people.map((person, i) => person.query(`SET timezone = '${zones[i % 5]}'`)));
  for (let round = 0; round < 3; round++) {
    const seen = await Promise.all(
      people.map(async (person, i) => [
        (await person.query('SHOW timezone')).rows[0].TimeZone,
        (
          await person.query({
            name: 'same',
            text: `SELECT id + ${i} AS v FROM berlin.meters WHERE id = $1`,
            values: [1],
          })
        ).rows[0].v,
      ]),
    );
    expect(seen.map(([zone, value]) => [zone, value])).toEqual(people.map((_, i) => [zones[i % 5], i + 1]));
  }
  await Promise.all(people.map((person) => person.end()));
});

test.each(['Asia/Kolkata', 'America/New_York', 'Europe/Berlin'])('5: times as clocks in %s show them', async (zone) => {
  for (const by of [client, database.client]) await by.query(`SET timezone = '${zone}'`);
  const spring = "timestamptz '2024-03-30 12:00:00+00'";
  for (const expression of [
    "date_trunc('day', ts)",
    'extract(hour FROM ts)',
    "date_part('dow', ts)",
    'extract(epoch FROM ts)',
    'ts::date',
    'ts::timestamp',
    'ts::time',
    "to_char(ts, 'YYYY-MM-DD HH24:MI')",
    "ts + interval '1 day'",
    `${spring} + interval '1 day'`,
    'ts::timestamp::timestamptz',
    "ts >= timestamp '2024-01-05 00:00'",
    "ts >= date '2024-01-05'",
    "ts >= '2024-01-05 02:30'",
    'current_date',
    "date_trunc('minute', localtimestamp) - date_trunc('minute', now() AT TIME ZONE 'UTC')",
  ]) {
    const text = `SELECT ${expression} AS v FROM berlin.readings WHERE n % 500 = 1 ORDER BY n`;
    expect((await answer(client, text)).rows, expression).toEqual((await answer(database.client, text)).rows);
  }
  const grouped = `SELECT date_trunc('day', ts) AS day, count(*) FROM berlin.readings GROUP BY 1 ORDER BY 1`;
  expect((await answer(client, grouped)).rows).toEqual((await answer(database.client, grouped)).rows);
  for (const by of [client, database.client]) await by.query('RESET timezone');
});

test('6: every value by text and by binary, byte for byte those of PostgreSQL', async () => {
  for (const format of ['text', 'csv', 'binary']) {
    const text = `COPY (SELECT * FROM berlin.kinds ORDER BY id) TO STDOUT (FORMAT ${format})`;
    const [ours, theirs] = [await copied(client, text), await copied(database.client, text)];
    expect(ours.toString(format === 'binary' ? 'hex' : 'utf8')).toBe(
      theirs.toString(format === 'binary' ? 'hex' : 'utf8'),
    );
  }
});

/** Statements of Causeway's at work in the silo. */
async function atWork(pattern: string): Promise<number> {
  const text = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE state = 'active' AND query LIKE $1 AND pid <> pg_backend_pid()`;
  return (await database.client.query(text, [pattern])).rows[0].n;
}

const HUGE = `berlin.query('SELECT i AS n, repeat(''x'', 100) AS t FROM generate_series(1, 10000000) i')`;

test('7: of 10 million rows the first page comes at once, memory stays flat, closing stops the silo', async () => {
  const memory = process.memoryUsage().rss;
  await client.query(`BEGIN; DECLARE c NO SCROLL CURSOR FOR SELECT * FROM ${HUGE}`);
  for (let page = 0; page < 20; page++) {
    expect((await client.query('FETCH 1000 FROM c')).rows.at(-1).n).toBe((page + 1) * 1000);
  }
  expect(process.memoryUsage().rss - memory).toBeLessThan(300e6);
  expect(await atWork('%generate_series(1, 10000000)%')).toBeGreaterThan(0);
  await client.query('CLOSE c; COMMIT');
  await expect.poll(() => atWork('%generate_series(1, 10000000)%'), SOON).toBe(0);
});

describe('8: cancel stops the silo, and the connection stays usable', () => {
  const SLOW = "SELECT * FROM berlin.query('SELECT pg_sleep(60)::text AS s')";
  const pid = async (of: pg.Client) => (await of.query('SELECT pg_backend_pid() AS pid')).rows[0].pid as number;
  test.each<[string, (running: pg.Client, id: number, other: pg.Client) => Promise<unknown>]>([
    [
      'CancelRequest',
      async (running) => {
        // As every client does it: a connection of its own, with the secret of the first.
        const { processID, secretKey } = running as unknown as { processID: number; secretKey: number };
        const canceller = new pg.Client({ host: '127.0.0.1', port: endpoint.port });
        const { connection } = canceller as unknown as { connection: pg.Connection & Cancelling };
        connection.on('error', () => {});
        connection.on('connect', () => connection.cancel(processID, secretKey));
        connection.connect(endpoint.port, '127.0.0.1');
        await once(connection, 'end');
      },
    ],
    ['pg_cancel_backend', (_, id, other) => other.query('SELECT pg_cancel_backend($1)', [id])],
    ['statement_timeout', async () => undefined],
  ])('%s', async (how, stop) => {
    const [running, other] = [await connect(), await connect()];
    const id = await pid(running);
    if (how === 'statement_timeout') await running.query('SET statement_timeout = 700');
    const failed = failure(running.query(SLOW));
    await expect.poll(() => atWork('%pg_sleep(60)%'), SOON).toBe(1);
    await stop(running, id, other);
    expect(await failed).toMatchObject({ code: '57014' });
    await expect.poll(() => atWork('%pg_sleep(60)%'), SOON).toBe(0);
    expect((await running.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await Promise.all([running.end(), other.end()]);
  });

  test('pg_terminate_backend, as Superset cancels', async () => {
    const [running, other] = [await connect(), await connect()];
    const id = await pid(running);
    const failed = failure(running.query(SLOW));
    await expect.poll(() => atWork('%pg_sleep(60)%'), SOON).toBe(1);
    await other.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = '${id}'`);
    expect((await failed).message).not.toBe('no error');
    await expect.poll(() => atWork('%pg_sleep(60)%'), SOON).toBe(0);
    await other.end();
  });
});

test("9: a typing error has its SQLSTATE and its place, in a script's second statement too", async () => {
  for (const text of [
    'SELECT cty FROM berlin.meters',
    'SELECT * FROM berlin.meter',
    'SELEC 1',
    'SELECT 1; SELECT nope FROM berlin.meters',
  ]) {
    const [ours, theirs] = [await failure(client.query(text)), await failure(database.client.query(text))];
    expect([ours.code, ours.position], text).toEqual([theirs.code, theirs.position]);
  }
  await client.query('BEGIN; SAVEPOINT a');
  await failure(client.query('SELECT nope FROM berlin.meters'));
  expect(await failure(client.query('SELECT 1'))).toMatchObject({ code: '25P02' });
  await client.query('ROLLBACK TO a');
  expect((await client.query('SELECT count(*)::int AS n FROM berlin.meters')).rows).toEqual([{ n: 12 }]);
  await client.query('COMMIT');
});

test('10: COPY out works; writing is refused clearly; a probe for temporary tables fails cleanly', async () => {
  expect(
    (
      await copied(client, 'COPY (SELECT id FROM berlin.meters WHERE id < 3) TO STDOUT (FORMAT csv, HEADER)')
    ).toString(),
  ).toBe('id\n1\n2\n');
  for (const text of [
    'UPDATE berlin.meters SET id = 1',
    'CREATE LOCAL TEMPORARY TABLE "#probe" (c integer) ON COMMIT PRESERVE ROWS',
    'SELECT * INTO TEMPORARY TABLE "#probe" FROM (SELECT 1 AS c) t LIMIT 1',
  ]) {
    expect((await failure(client.query(text))).code, text).toMatch(/^25006$|^0A000$|^42/);
  }
  expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
});

test('11: a runaway catalog query does not stop others; 2,000 tables are browsed', async () => {
  const wide = Array.from({ length: 20 }, (_, i) => `c${i} integer`).join();
  await database.client.query(`CREATE SCHEMA wide`);
  await database.client.query(
    `DO $$ BEGIN FOR i IN 1..2000 LOOP EXECUTE format('CREATE TABLE wide.t%s (id integer PRIMARY KEY, ${wide})', i); IF i % 200 = 0 THEN COMMIT; END IF; END LOOP; END $$`,
  );
  await client.query(`CREATE SILO wide USING postgres OPTIONS (url '${database.url}', schema 'wide')`);
  const other = await connect();
  const runaway = failure(other.query('SELECT count(*) FROM generate_series(1, 1e10)'));
  expect((await client.query('SELECT count(*)::int AS n FROM berlin.meters')).rows).toEqual([{ n: 12 }]);
  expect(await runaway).toMatchObject({ code: '57014' });
  // What is measured is the browsing, not the first look at the silo.
  const listed = "SELECT count(*)::int AS n FROM pg_class WHERE relnamespace = 'wide'::regnamespace AND relkind = 'r'";
  await expect.poll(async () => (await client.query(listed)).rows[0].n, { timeout: 90_000 }).toBe(2000);
  const began = performance.now();
  const { rows } = await client.query(
    "SELECT count(*)::int AS n FROM information_schema.columns WHERE table_schema = 'wide'",
  );
  const columns = await client.query(
    "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relnamespace = 'wide'::regnamespace AND c.relkind = 'r' AND a.attnum > 0",
  );
  process.stdout.write(`2,000 tables browsed in ${(performance.now() - began).toFixed(0)} ms\n`);
  expect([rows[0].n, columns.rowCount]).toEqual([42_000, 42_000]);
  await client.query('DROP SILO wide');
  await other.end();
}, 120_000);

test('12: a new table shows in an open session, and what was there keeps its number', async () => {
  const oids =
    "SELECT relname, oid FROM pg_class WHERE relnamespace = 'berlin'::regnamespace AND relkind = 'r' ORDER BY 1";
  const before = (await client.query(oids)).rows;
  await database.client.query('CREATE TABLE berlin.added (id integer)');
  engine.silos.forgetTables('berlin');
  await client.query('CREATE VIEW some_change AS SELECT 1 AS one');
  await expect.poll(async () => (await client.query(oids)).rows.map(({ relname }) => relname), SOON).toContain('added');
  const after = (await client.query(oids)).rows;
  expect(after.filter(({ relname }) => relname !== 'added')).toEqual(before);
});

test('now() stands still inside a transaction', async () => {
  const now = async () => (await client.query('SELECT now()::text AS now FROM berlin.meters LIMIT 1')).rows[0].now;
  await client.query('BEGIN');
  const first = await now();
  expect(await now()).toBe(first);
  await client.query('COMMIT');
  expect(await now()).not.toBe(first);
});
