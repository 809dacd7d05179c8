/** Row filters, masks and hidden columns, and every way we know of getting round them, seen through a client. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import pg from 'pg';
import copyStreams from 'pg-copy-streams';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Engine } from '../engine/engine.ts';
import { catalogUsers } from './auth/catalog-users.ts';
import { EngineBackend } from './engine-backend.ts';
import { Endpoint } from './server.ts';

let directory: string;
let engine: Engine;
let endpoint: Endpoint;
let ada: pg.Client;
let eva: pg.Client;

const PEOPLE = `CREATE TABLE people AS SELECT * FROM (VALUES
  (1, 'north', 'ann@x.org', 'DE1', 100, 'a'), (2, 'north', 'bob@x.org', 'DE2', 200, 'b'),
  (3, 'south', 'cid@x.org', 'DE3', 666, 'topsecret')) t(id, region, email, iban, salary, note)`;
const LOAD = `CREATE TABLE load AS SELECT timestamp '2024-01-01' + to_hours(i::int) AS ts, (i % 2)::int AS site,
  (sin(i / 4.0) + (i % 2) * 1000)::double AS mw FROM range(0, 240) t(i)`;

async function connect(user: string): Promise<pg.Client> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port: endpoint.port,
    user,
    password: 'geheim',
    database: 'causeway',
  });
  await client.connect();
  return client;
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'causeway-restrictions-'));
  for (const silo of ['berlin', 'paris']) {
    const instance = await DuckDBInstance.create(join(directory, `${silo}.duckdb`));
    const connection = await instance.connect();
    await connection.run(`${PEOPLE}; ${LOAD}; CREATE TABLE secrets AS FROM people`);
    connection.closeSync();
    instance.closeSync();
  }
  engine = await Engine.open({ directory: join(directory, 'catalog') });
  endpoint = await Endpoint.listen({
    backend: new EngineBackend(engine),
    users: catalogUsers(engine.catalog.roles),
    port: 0,
  });
  const first = await connect('anybody');
  await first.query("CREATE USER ada PASSWORD 'geheim' SUPERUSER");
  await first.end();
  ada = await connect('ada');
  await ada.query(`
    CREATE SILO berlin USING duckdb OPTIONS (path '${join(directory, 'berlin.duckdb')}');
    CREATE SILO paris USING duckdb OPTIONS (path '${join(directory, 'paris.duckdb')}');
    CREATE FEDERATED TABLE everybody AS berlin.people, paris.people;
    CREATE VIEW staff AS SELECT * FROM berlin.people;
    CREATE ROLE analysts;
    CREATE USER eva PASSWORD 'geheim'; CREATE USER tom PASSWORD 'geheim';
    GRANT analysts TO eva; GRANT analysts TO tom;
    GRANT SELECT, TRAIN ON ALL TABLES IN SCHEMA berlin TO analysts;
    GRANT SELECT ON everybody TO analysts; GRANT SELECT ON staff TO analysts;
    GRANT SELECT ON causeway.columns TO analysts;
    CREATE POLICY north ON berlin.people FILTER WHERE region = 'north' FOR ROLE analysts;
    CREATE POLICY mail ON berlin.people MASK email WITH left(email, 1) || '***' FOR ROLE analysts;
    CREATE POLICY bank ON berlin.people HIDE (iban) FOR ROLE analysts;
    CREATE POLICY slow ON berlin.secrets FILTER WHERE reverse(reverse(region)) = 'north' FOR ROLE analysts;
    CREATE POLICY site ON berlin.load FILTER WHERE site = 0 FOR ROLE analysts`);
  eva = await connect('eva');
}, 120_000);

afterAll(async () => {
  await eva?.end();
  await ada?.end();
  await endpoint?.[Symbol.asyncDispose]();
  await engine?.[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});

const rows = async (client: pg.Client, text: string, values?: unknown[]): Promise<unknown[][]> =>
  (await client.query({ text, rowMode: 'array', ...(values === undefined ? {} : { values }) })).rows;
const sqlstate = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'no error',
    (error) => String(error.code),
  );

const SEEN = [
  [1, 'north', 'a***', 100, 'a'],
  [2, 'north', 'b***', 200, 'b'],
];

test('a member of the role sees its rows and columns, a superuser all', async () => {
  expect(await rows(eva, 'SELECT * FROM berlin.people ORDER BY id')).toEqual(SEEN);
  expect(await rows(ada, 'SELECT count(*)::int, min(iban) FROM berlin.people')).toEqual([[3, 'DE1']]);
  expect(await rows(eva, 'SELECT count(*)::int, sum(salary)::int FROM berlin.people')).toEqual([[2, 300]]);
});

describe('ways round a restriction', () => {
  test('prepared statements, another search path, another spelling, one of its two ids', async () => {
    expect(await rows(eva, 'SELECT id FROM berlin.people WHERE region = $1', ['south'])).toEqual([]);
    expect(await rows(eva, 'SELECT email FROM berlin.people WHERE id = $1', [2])).toEqual([['b***']]);
    await eva.query('SET search_path = berlin');
    expect(await rows(eva, 'SELECT * FROM people ORDER BY id')).toEqual(SEEN);
    expect(await rows(eva, 'TABLE "People" ORDER BY 1')).toEqual(SEEN);
    await eva.query('RESET search_path');
  });

  test('views and federated tables', async () => {
    expect(await rows(eva, 'SELECT * FROM staff ORDER BY id')).toEqual(SEEN);
    expect(await rows(eva, "SELECT id, email FROM everybody WHERE silo = 'berlin' ORDER BY id")).toEqual([
      [1, 'a***'],
      [2, 'b***'],
    ]);
    expect(await rows(eva, "SELECT count(*)::int FROM everybody WHERE silo = 'paris'")).toEqual([[3]]);
    expect(await sqlstate(eva.query('SELECT iban FROM everybody'))).toBe('42703');
  });

  test('subqueries, joins, set operations, windows', async () => {
    expect(
      await rows(
        eva,
        'SELECT (SELECT max(salary) FROM berlin.people), EXISTS (SELECT FROM berlin.people WHERE id = 3)',
      ),
    ).toEqual([[200, false]]);
    expect(
      await rows(
        eva,
        'SELECT l.id FROM generate_series(1, 3) l(id) LEFT JOIN berlin.people p ON p.id = l.id WHERE p.id IS NULL',
      ),
    ).toEqual([[3]]);
    expect(
      await rows(
        eva,
        'WITH p AS MATERIALIZED (SELECT * FROM berlin.people) SELECT id FROM p UNION SELECT id FROM berlin.people ORDER BY 1',
      ),
    ).toEqual([[1], [2]]);
    expect(await rows(eva, 'SELECT id, count(*) OVER ()::int FROM berlin.people ORDER BY id')).toEqual([
      [1, 2],
      [2, 2],
    ]);
  });

  test('native queries', async () => {
    expect(await sqlstate(eva.query("SELECT * FROM berlin.query('SELECT * FROM people')"))).toBe('42501');
    expect(await sqlstate(ada.query("SELECT * FROM berlin.query('SELECT * FROM people')"))).toBe('no error');
  });

  test('hidden columns are not there, in no clause and no hint', async () => {
    for (const text of [
      'SELECT iban FROM berlin.people',
      "SELECT id FROM berlin.people WHERE iban = 'DE1'",
      'SELECT id FROM berlin.people ORDER BY iban',
      'SELECT (p).iban FROM berlin.people p',
      'SELECT ibam FROM berlin.people',
    ]) {
      const error = await eva.query(text).catch((thrown) => thrown);
      expect(error.code, text).toMatch(/^42|^0A/);
      expect(`${error.hint}`, text).not.toContain('iban');
    }
    expect(
      await rows(eva, 'SELECT p::text FROM (SELECT * FROM berlin.people) p WHERE id = 1').catch(() => 'refused'),
    ).not.toMatchObject([[expect.stringContaining('DE1')]]);
  });

  test('masks hold in predicates, groups and orders too', async () => {
    expect(await rows(eva, "SELECT id FROM berlin.people WHERE email = 'ann@x.org'")).toEqual([]);
    expect(await rows(eva, "SELECT id FROM berlin.people WHERE email LIKE 'a%n%'")).toEqual([]);
    expect(await rows(eva, 'SELECT min(email), length(max(email)) FROM berlin.people')).toEqual([['a***', 4]]);
  });

  test('errors about rows that are not to be seen', async () => {
    for (const text of [
      "SELECT id FROM berlin.secrets WHERE CASE WHEN region = 'south' THEN CAST(note AS integer) END IS NULL ORDER BY id",
      'SELECT id FROM berlin.secrets WHERE sqrt(600 - salary) >= 0 ORDER BY id',
      'SELECT id FROM berlin.secrets GROUP BY id, salary HAVING sqrt(600 - salary) >= 0 ORDER BY id',
      'SELECT s.id FROM berlin.secrets s JOIN generate_series(1, 3) g ON g = s.id AND sqrt(600 - s.salary) >= 0 ORDER BY 1',
    ]) {
      expect(await rows(eva, text), text).toEqual([[1], [2]]);
      // It can fail: for whom sees the row it does.
      expect(await sqlstate(ada.query(text)), text).not.toBe('no error');
    }
  });

  test('predicates that cannot fail read the bare column, so that silos can look it up', async () => {
    const plan = (await rows(eva, 'EXPLAIN SELECT salary FROM berlin.people WHERE id = 1')).join('\n');
    expect(plan).toContain(`t1."id" = 1`);
    const failing = (await rows(eva, 'EXPLAIN SELECT id FROM berlin.people WHERE sqrt(salary) > 1')).join('\n');
    expect(failing).toMatch(/sqrt\(.*CASE WHEN/);
  });

  test('COPY', async () => {
    const stream = eva.query(copyStreams.to('COPY berlin.people TO STDOUT (FORMAT csv)'));
    const pieces: Buffer[] = [];
    for await (const piece of stream) pieces.push(piece);
    const text = Buffer.concat(pieces).toString();
    expect(text.trim().split('\n').toSorted()).toEqual(['1,north,a***,100,a', '2,north,b***,200,b']);
  });

  test('the long way round', async () => {
    const text = 'SELECT list(id ORDER BY id)::text AS ids FROM berlin.people';
    expect(await rows(eva, `${text} QUALIFY true`).catch(() => rows(eva, text))).toEqual([['[1, 2]']]);
    expect(await sqlstate(eva.query('SELECT iban FROM berlin.people QUALIFY true'))).not.toBe('no error');
  });

  test('EXPLAIN runs nothing more than the statement would', async () => {
    const plan = (await rows(eva, 'EXPLAIN ANALYZE SELECT * FROM berlin.people')).join('\n');
    expect(plan).toContain('north');
    expect(plan).not.toMatch(/iban|topsecret/);
  });

  test('training, and what a model answers', async () => {
    const train = (name: string) => `TRAIN MODEL ${name} PREDICT mw FORECAST BY ts PER site WINDOW 4 HORIZON 1
      USING lstm (hidden => 2, epochs => 1, seed => 1) FEDERATE fedavg (rounds => 1, min_silos => 1) AS SELECT ts, site, mw FROM berlin.load`;
    const mine = await eva.query(train('m')).catch((thrown) => thrown);
    const all = await ada.query(train('n'));
    const count = (result: { rows: { rows: number }[] }) => result.rows[0]?.rows;
    expect(count(mine)).toBe(120);
    expect(count(all)).toBe(240);
    expect(await sqlstate(eva.query("SELECT * FROM ml.forecast('n')"))).toBe('42501');
    await ada.query('GRANT PREDICT ON MODEL n TO analysts');
    expect(await rows(eva, "SELECT DISTINCT site FROM ml.forecast('n') ORDER BY 1")).toEqual([['0']]);
    expect(
      await rows(eva, "SELECT DISTINCT site FROM ml.predict('n', (SELECT ts, site, mw FROM berlin.load)) ORDER BY 1"),
    ).toEqual([['0']]);
    expect(await rows(ada, "SELECT DISTINCT site FROM ml.forecast('n') ORDER BY 1")).toEqual([['0'], ['1']]);
  }, 60_000);
});

test('what is hidden is not listed either', async () => {
  const listed =
    "SELECT column_name FROM information_schema.columns WHERE table_schema = 'berlin' AND table_name = 'people' ORDER BY 1";
  expect((await rows(eva, listed)).flat()).toEqual(['email', 'id', 'note', 'region', 'salary']);
  expect((await rows(ada, listed)).flat()).toContain('iban');
  expect(await rows(eva, "SELECT has_column_privilege('berlin.people', 'iban', 'SELECT')")).toEqual([[false]]);
  const own = await rows(eva, 'SELECT silo, name FROM causeway.columns WHERE "table" = \'people\'');
  expect(own).toHaveLength(5);
  expect((await rows(eva, 'DESCRIBE berlin.people')).flat()).not.toContain('iban');
  expect((await rows(eva, 'SHOW TABLES')).flat()).not.toContain('paris');
  expect(await rows(ada, "SELECT name, allows, role FROM causeway.policies WHERE name = 'mail'")).toEqual([
    ['mail', "MASK email WITH left(email, 1) || '***'", 'analysts'],
  ]);
});

test('filters of several roles add up, masks that meet show nothing', async () => {
  await ada.query(`CREATE ROLE southern; GRANT southern TO tom; GRANT southern TO eva;
    CREATE POLICY south ON berlin.people FILTER WHERE region = 'south' FOR ROLE southern;
    CREATE POLICY mail2 ON berlin.people MASK email WITH 'nobody' FOR ROLE southern`);
  expect(await rows(eva, 'SELECT id, email FROM berlin.people ORDER BY id')).toEqual([
    [1, null],
    [2, null],
    [3, null],
  ]);
  await ada.query('DROP POLICY south; DROP POLICY mail2; DROP ROLE southern');
  expect(await rows(eva, 'SELECT * FROM berlin.people ORDER BY id')).toEqual(SEEN);
});

test.each([
  ["CREATE POLICY x ON berlin.people MASK emial WITH 'x' FOR ROLE analysts", '42703', /email/],
  ["CREATE POLICY x ON berlin.people MASK salary WITH 'x' FOR ROLE analysts", '22P02', /./],
  ['CREATE POLICY x ON berlin.people HIDE (nothing) FOR ROLE analysts', '42703', /./],
  ['CREATE POLICY x ON berlin.people FILTER WHERE id IN (SELECT 1) FOR ROLE analysts', '0A000', /./],
  ['CREATE POLICY x ON berlin.people FILTER WHERE nope = 1 FOR ROLE analysts', '42703', /./],
  ['CREATE POLICY x ON berlin.people FILTER WHERE id = 1 FOR ROLE analists', '42704', /analysts/],
  ['CREATE POLICY x ON berlin.people FILTER WHERE id = 1', '42601', /FOR/],
  ['CREATE POLICY north ON berlin.people HIDE (id) FOR ROLE analysts', '42710', /north/],
  ['CREATE POLICY x ON berlin.nowhere HIDE (id) FOR ROLE analysts', '42P01', /nowhere/],
])('refuses %s', async (text, code, words) => {
  const error = await ada.query(text).catch((thrown) => thrown);
  expect(error.code).toBe(code);
  expect(`${error.message} ${error.hint}`).toMatch(words);
});

test('only a superuser makes or drops policies', async () => {
  expect(await sqlstate(eva.query('DROP POLICY north'))).toBe('42501');
  expect(await sqlstate(eva.query('CREATE POLICY y ON berlin.people FILTER WHERE true FOR ROLE analysts'))).toBe(
    '42501',
  );
});
