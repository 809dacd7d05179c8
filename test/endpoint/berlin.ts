/** A silo with one table of every kind of value, behind a real endpoint: what client tests talk to. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { EngineBackend } from '../../src/endpoint/engine-backend.ts';
import { Endpoint, type EndpointOptions } from '../../src/endpoint/server.ts';
import { Engine } from '../../src/engine/engine.ts';

export const READINGS = 100_000;

const SCHEMA = [
  'CREATE TABLE meters (id integer PRIMARY KEY, city varchar NOT NULL, installed date)',
  "INSERT INTO meters SELECT i, 'city ' || i % 7, date '2020-01-01' + i::int FROM range(1, 51) t(i)",
  `CREATE TABLE readings AS SELECT i::int AS n, (1 + i % 50)::int AS meter_id,
     timestamptz '2024-01-01 00:00:00+00' + to_minutes(i::int) AS ts, (i * 0.125)::decimal(12, 3) AS mw, i % 3 = 0 AS ok,
     CASE WHEN i % 5 > 0 THEN i / 7.0::double END AS factor, 'Zähler ' || i AS label FROM range(0, ${READINGS}) t(i)`,
  `CREATE TABLE kinds (id integer PRIMARY KEY, b boolean, i2 smallint, i8 bigint, f4 real, f8 double, n decimal(20, 5),
     t varchar, raw blob, d date, tm time, ts timestamp, tz timestamptz, u uuid)`,
  `INSERT INTO kinds VALUES
     (1, true, -32768, 9007199254740993, 1.5, 0.1, 12345.67890, 'Grüße 🚗', '\\x00\\xFF'::blob, '2024-02-29', '23:59:59.5',
      '2024-02-29 12:00:00.000001', '2024-02-29 12:00:00+00', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'),
     (2, NULL, NULL, NULL, NULL, NULL, NULL, '', NULL, NULL, NULL, NULL, NULL, NULL)`,
];

export interface Berlin extends AsyncDisposable {
  readonly port: number;
  readonly endpoint: Endpoint;
}

/** An engine with the silo `berlin`, and an endpoint on a free port. */
export async function startBerlin(options: Partial<EndpointOptions> = {}): Promise<Berlin> {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-clients-'));
  const file = join(directory, 'berlin.duckdb');
  const instance = await DuckDBInstance.create(file);
  const connection = await instance.connect();
  for (const statement of SCHEMA) await connection.run(statement);
  connection.closeSync();
  instance.closeSync();
  const engine = await Engine.open({ directory: join(directory, 'catalog') });
  const session = engine.openSession();
  for await (const _ of session.execute(`CREATE SILO berlin USING duckdb OPTIONS (path '${file}')`)) void _;
  await session[Symbol.asyncDispose]();
  const endpoint = await Endpoint.listen({ backend: new EngineBackend(engine), port: 0, ...options });
  return {
    port: endpoint.port,
    endpoint,
    async [Symbol.asyncDispose]() {
      await endpoint[Symbol.asyncDispose]();
      await engine[Symbol.asyncDispose]();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
