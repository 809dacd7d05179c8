/** Users and privileges, from an open server to one with passwords, seen through a client. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Engine } from '../engine/engine.ts';
import { catalogUsers } from './auth/catalog-users.ts';
import { EngineBackend } from './engine-backend.ts';
import { Endpoint } from './server.ts';

let directory: string;
let engine: Engine;
let endpoint: Endpoint;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'causeway-roles-'));
  const file = join(directory, 'berlin.duckdb');
  const instance = await DuckDBInstance.create(file);
  const connection = await instance.connect();
  await connection.run('CREATE TABLE meters AS SELECT 1 AS id; CREATE TABLE salaries AS SELECT 1 AS id');
  connection.closeSync();
  instance.closeSync();
  engine = await Engine.open({ directory: join(directory, 'catalog') });
  endpoint = await Endpoint.listen({
    backend: new EngineBackend(engine),
    users: catalogUsers(engine.catalog.roles),
    port: 0,
  });
  await as('anybody', undefined, async (client) => {
    await client.query(`CREATE SILO berlin USING duckdb OPTIONS (path '${file}')`);
    await client.query("CREATE USER ada PASSWORD 'geheim' SUPERUSER");
  });
}, 120_000);

afterAll(async () => {
  await endpoint?.[Symbol.asyncDispose]();
  await engine?.[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});

async function as<T>(user: string, password: string | undefined, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port: endpoint.port,
    user,
    database: 'causeway',
    ...(password === undefined ? {} : { password }),
  });
  client.on('error', () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

const sqlstate = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'no error',
    (error) => String(error.code),
  );

test('the first user closes the door to everybody else', async () => {
  expect(await sqlstate(as('anybody', 'x', (client) => client.query('SELECT 1')))).toBe('28P01');
  expect(await sqlstate(as('ada', 'wrong', (client) => client.query('SELECT 1')))).toBe('28P01');
  expect(await sqlstate(as('ada', 'geheim', (client) => client.query('SELECT * FROM berlin.salaries')))).toBe(
    'no error',
  );
});

test('privileges decide what is read, and what is listed', async () => {
  await as('ada', 'geheim', async (client) => {
    await client.query("CREATE ROLE analysts; CREATE USER eva PASSWORD 'eva''s'; GRANT analysts TO eva");
    await client.query('GRANT SELECT ON berlin.meters TO analysts');
  });
  const listed = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'berlin'";
  await as('eva', "eva's", async (client) => {
    expect((await client.query('SELECT * FROM berlin.meters')).rows).toEqual([{ id: 1 }]);
    expect(await sqlstate(client.query('SELECT * FROM berlin.salaries'))).toBe('42501');
    expect(
      await sqlstate(client.query('SELECT * FROM berlin.meters WHERE id IN (SELECT id FROM berlin.salaries)')),
    ).toBe('42501');
    expect(await sqlstate(client.query("SELECT * FROM berlin.query('SELECT * FROM salaries')"))).toBe('42501');
    expect(await sqlstate(client.query('CREATE VIEW v AS SELECT 1'))).toBe('42501');
    expect(await sqlstate(client.query("ALTER USER eva PASSWORD 'x' SUPERUSER"))).toBe('42501');
    expect(await sqlstate(client.query('TRAIN MODEL m PREDICT id AS SELECT id FROM berlin.meters'))).toBe('42501');
    expect((await client.query(listed)).rows).toEqual([{ table_name: 'meters' }]);
  });
  await as('ada', 'geheim', (client) => client.query('REVOKE SELECT ON berlin.meters FROM analysts'));
  await as('eva', "eva's", async (client) => {
    expect(await sqlstate(client.query('SELECT * FROM berlin.meters'))).toBe('42501');
    expect((await client.query(listed)).rows).toEqual([]);
  });
  await as('ada', 'geheim', (client) => client.query('DROP USER eva'));
  expect(await sqlstate(as('eva', "eva's", (client) => client.query('SELECT 1')))).toBe('28P01');
});

test('no password is kept, only what it is checked against', () => {
  for (const role of engine.catalog.roles.list()) expect(role.verifier ?? '').not.toContain('geheim');
});
