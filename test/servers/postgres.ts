/**
 * A real PostgreSQL for tests: one server per test run, started by vitest's global set-up; one database per caller.
 * UTF-8, locale C, fsync off, a free port on the loopback address, data in a temporary folder that is removed.
 */
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import type { ProbeTable } from '../../connectors/conformance-probes.ts';
import { startPostgres } from '../../src/cli/demo/embedded-postgres.ts';
import { typeName } from '../../src/plan/types.ts';

export interface PostgresServer {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    postgres: PostgresServer;
  }
}

/** vitest's global set-up: starts the server, gives its address to the tests, stops it after the last. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { server, stop } = await startServer();
  project.provide('postgres', server);
  return stop;
}

/** Starts a server; `npm test` has one already (see {@link testDatabase}). */
export async function startServer(): Promise<{ server: PostgresServer; stop: () => Promise<void> }> {
  const { host, port, user, password, ...running } = await startPostgres();
  return { server: { host, port, user, password }, stop: async () => running[Symbol.asyncDispose]() };
}

export interface TestDatabase extends AsyncDisposable {
  readonly server: PostgresServer;
  readonly database: string;
  /** postgresql://… with user and password, as a silo's option url takes it. */
  readonly url: string;
  readonly client: pg.Client;
}

/** A fresh, empty database on `server`, with a client; dropped when disposed of. */
export async function testDatabase(server: PostgresServer): Promise<TestDatabase> {
  const database = `test_${randomUUID().replaceAll('-', '')}`;
  const admin = new pg.Client({ ...server, database: 'postgres' });
  await admin.connect();
  await admin.query(`CREATE DATABASE ${database} TEMPLATE template0 STRATEGY file_copy`);
  await admin.end();
  const client = new pg.Client({ ...server, database });
  await client.connect();
  const { host, port, user, password } = server;
  return {
    server,
    database,
    url: `postgresql://${user}:${password}@${host}:${port}/${database}`,
    client,
    async [Symbol.asyncDispose]() {
      await client.end();
      const last = new pg.Client({ ...server, database: 'postgres' });
      await last.connect();
      await last.query(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
      await last.end();
    },
  };
}

/** Makes tables whose rows are given in PostgreSQL's text form. */
export async function loadTables(client: pg.Client, tables: readonly ProbeTable[]): Promise<void> {
  for (const { name, columns, rows } of tables) {
    const table = client.escapeIdentifier(name);
    const types = columns.map(({ type }) => typeName(type));
    const definitions = columns.map((column, i) => `${client.escapeIdentifier(column.name)} ${types[i]}`);
    await client.query(`CREATE TABLE ${table} (${definitions.join(', ')})`);
    const values = columns.map((_, i) => `v.a[${i + 1}]::${types[i]}`);
    // One JSON array a row: an array of arrays cannot hold rows of arrays.
    const text = `INSERT INTO ${table} SELECT ${values.join(', ')} FROM json_array_elements($1::json) AS j(r),
      LATERAL (SELECT array_agg(x ORDER BY i) AS a FROM json_array_elements_text(r) WITH ORDINALITY AS e(x, i)) AS v`;
    await client.query(text, [JSON.stringify(rows)]);
  }
}
