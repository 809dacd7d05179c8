/** The engine behind the endpoint: a client makes a silo, browses it, and asks it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Engine } from '../engine/engine.ts';
import { EngineBackend } from './engine-backend.ts';
import { Endpoint } from './server.ts';

let directory: string;
let engine: Engine;
let endpoint: Endpoint;
let eva: pg.Client;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'causeway-endpoint-'));
  for (const city of ['berlin', 'paris']) {
    const instance = await DuckDBInstance.create(join(directory, `${city}.duckdb`));
    const connection = await instance.connect();
    await connection.run('CREATE TABLE meters (id integer PRIMARY KEY, place varchar, installed date)');
    await connection.run(
      `INSERT INTO meters SELECT i, '${city} ' || i, date '2024-01-01' + i::int FROM range(1, 21) t(i)`,
    );
    connection.closeSync();
    instance.closeSync();
  }
  engine = await Engine.open({ directory: join(directory, 'catalog') });
  endpoint = await Endpoint.listen({ backend: new EngineBackend(engine), port: 0 });
  eva = new pg.Client({ host: '127.0.0.1', port: endpoint.port, user: 'eva', database: 'causeway' });
  await eva.connect();
  for (const city of ['berlin', 'paris']) {
    await eva.query(`CREATE SILO ${city} USING duckdb OPTIONS (path '${join(directory, `${city}.duckdb`)}')`);
  }
  await eva.query('CREATE FEDERATED TABLE meters AS berlin.meters, paris.meters');
}, 120_000);

afterAll(async () => {
  await eva?.end();
  await endpoint?.[Symbol.asyncDispose]();
  await engine?.[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});

const rows = async (text: string, values: unknown[] = []) => (await eva.query(text, values)).rows;

test('a new silo, a federated table and a view show at once, keys and all', async () => {
  await eva.query('CREATE VIEW early AS SELECT id, place FROM meters WHERE id < 3');
  expect(
    await rows(`SELECT table_schema || '.' || table_name AS name, table_type AS kind FROM information_schema.tables
      WHERE table_schema IN ('berlin', 'paris', 'public') ORDER BY 1`),
  ).toEqual([
    { name: 'berlin.meters', kind: 'BASE TABLE' },
    { name: 'paris.meters', kind: 'BASE TABLE' },
    { name: 'public.early', kind: 'VIEW' },
    { name: 'public.meters', kind: 'BASE TABLE' },
  ]);
  expect(
    await rows(
      "SELECT pg_get_constraintdef(oid) AS key FROM pg_constraint WHERE conrelid = 'paris.meters'::regclass AND contype = 'p'",
    ),
  ).toEqual([{ key: 'PRIMARY KEY (id)' }]);
});

test('parameters reach the silos as values', async () => {
  expect(
    await rows('SELECT silo, place FROM meters WHERE id = $1 AND installed > $2::date ORDER BY silo LIMIT $3', [
      7,
      '2024-01-01',
      5,
    ]),
  ).toEqual([
    { silo: 'berlin', place: 'berlin 7' },
    { silo: 'paris', place: 'paris 7' },
  ]);
  expect(await rows('SELECT id FROM berlin.meters WHERE place = $1', [null])).toEqual([]);
  await expect(eva.query('SELECT id FROM berlin.meters WHERE id = $1', ['x'])).rejects.toMatchObject({ code: '22P02' });
});

test('the search path decides what a bare name means', async () => {
  expect(await rows('SELECT count(*)::int AS n FROM meters')).toEqual([{ n: 40 }]);
  await eva.query('SET search_path = paris, public');
  expect(await rows('SELECT count(*)::int AS n FROM meters')).toEqual([{ n: 20 }]);
  await eva.query('RESET search_path');
  expect(await rows('SELECT count(*)::int AS n FROM meters')).toEqual([{ n: 40 }]);
});

test('system tables and our own statements answer through the endpoint', async () => {
  expect(await rows('SELECT name, kind FROM causeway.silos ORDER BY 1')).toEqual([
    { name: 'berlin', kind: 'duckdb' },
    { name: 'paris', kind: 'duckdb' },
  ]);
  expect((await rows('EXPLAIN SELECT * FROM berlin.meters')).length).toBeGreaterThan(0);
  await eva.query('SET causeway.pushdown = off');
  expect(await rows('SHOW causeway.pushdown')).toEqual([{ 'causeway.pushdown': 'off' }]);
  await expect(eva.query('SELECT * FROM berlin.metres')).rejects.toMatchObject({ code: '42P01', position: '15' });
});
