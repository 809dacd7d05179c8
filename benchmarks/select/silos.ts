/** Generated data in three places, and an engine that knows them: PostgreSQL, a DuckDB file, Parquet files. */
import { createReadStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { Engine } from '../../src/engine/engine.ts';
import type { Session } from '../../src/engine/session.ts';
import { startServer, testDatabase } from '../../test/servers/postgres.ts';
import { cachedData } from './cached-data.ts';
import { TABLES, type Table } from './tpch-data.ts';

export interface Silos extends AsyncDisposable {
  readonly engine: Engine;
  readonly session: Session;
  readonly postgresUrl: string;
  /** One local DuckDB that holds all tables: the peer. */
  readonly local: DuckDBConnection;
}

/**
 * Silos `pg`, `duck` and `lake`, each with all eight tables; `pg_b` and `pg_c` are the same database as `pg` under other roles,
 * which makes them other places.
 */
export async function openBenchmarkSilos(scale: number): Promise<Silos> {
  const folder = mkdtempSync(join(tmpdir(), 'causeway-bench-'));
  const data = await cachedData(scale);
  const instance = await DuckDBInstance.create(':memory:');
  const local = await instance.connect();
  const { server, stop } = await startServer();
  const database = await testDatabase(server);
  for (const table of TABLES) {
    await local.run(`CREATE TABLE ${table} AS FROM '${join(data.parquet, `${table}.parquet`)}'`);
    await copyToPostgres(local, database.client, table, folder);
  }
  await database.client.query('VACUUM ANALYZE');
  const other = async (role: string): Promise<string> => {
    await database.client.query(
      `DROP ROLE IF EXISTS ${role}; CREATE ROLE ${role} LOGIN PASSWORD '${role}' IN ROLE pg_read_all_data`,
    );
    const url = new URL(database.url);
    url.username = url.password = role;
    return url.href;
  };

  const engine = await Engine.open({ directory: join(folder, 'catalog') });
  const session = engine.openSession();
  await rowsOf(
    session,
    `CREATE SILO pg USING postgres OPTIONS (url '${database.url}');
     CREATE SILO pg_b USING postgres OPTIONS (url '${await other('reader_b')}');
     CREATE SILO pg_c USING postgres OPTIONS (url '${await other('reader_c')}');
     CREATE SILO duck USING duckdb OPTIONS (path '${data.database}', read_only 'true');
     CREATE SILO lake USING files OPTIONS (path '${data.parquet}')`,
  );
  return {
    engine,
    session,
    postgresUrl: database.url,
    local,
    async [Symbol.asyncDispose]() {
      await engine[Symbol.asyncDispose]();
      local.closeSync();
      instance.closeSync();
      await database[Symbol.asyncDispose]();
      await stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const POSTGRES_TYPES: Readonly<Record<string, string>> = {
  INTEGER: 'integer',
  BIGINT: 'bigint',
  VARCHAR: 'text',
  DATE: 'date',
};

async function copyToPostgres(local: DuckDBConnection, client: pg.Client, table: Table, folder: string): Promise<void> {
  const described = await local.runAndReadAll(`DESCRIBE ${table}`);
  const columns = described
    .getRows()
    .map(([name, type]) => `${name} ${POSTGRES_TYPES[String(type)] ?? 'numeric(15,2)'}`);
  await client.query(`CREATE TABLE ${table} (${columns.join(', ')})`);
  const file = join(folder, 'load.csv');
  await local.run(`COPY ${table} TO '${file}' (FORMAT csv, HEADER false)`);
  await pipeline(createReadStream(file), client.query(copyFrom(`COPY ${table} FROM STDIN (FORMAT csv)`)));
  const [key] = columns[0]!.split(' ');
  if (table !== 'lineitem' && table !== 'partsupp') await client.query(`ALTER TABLE ${table} ADD PRIMARY KEY (${key})`);
}

/** Runs a script to its end; the rows of its last statement are counted. */
export async function rowsOf(session: Session, text: string): Promise<number> {
  let rows = 0;
  for await (const result of session.execute(text)) {
    rows = 0;
    for await (const batch of result.batches) rows += batch.numRows;
  }
  return rows;
}
