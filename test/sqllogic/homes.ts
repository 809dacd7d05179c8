/** Silos that tables are copied to, one or more of each kind that can be filled. */
import { randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import type { BatchResult, ResultColumn } from '../../connectors/connector.ts';
import { connectDuckDB } from '../../connectors/duckdb-engine/process.ts';
import { placeText, storeBatches } from '../../connectors/duckdb-engine/storage.ts';
import { quoteIdentifier, quoteLiteral } from '../../connectors/quoting.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { batchResult } from '../../src/engine/rows.ts';
import type { MariadbServer } from '../servers/mariadb.ts';
import { type PostgresServer, testDatabase } from '../servers/postgres.ts';

/** A silo with what a test needs beside reading it. */
export interface Home {
  readonly name: string;
  readonly kind: string;
  readonly options: Readonly<Record<string, string>>;
  /** Makes a table of these rows. */
  put(table: string, rows: BatchResult): Promise<void>;
  drop(table: string): Promise<void>;
}

const signal = new AbortController().signal;

/** What homes are made of; `closing` takes what must be closed after the engine. */
export interface Surroundings {
  readonly engine: Engine;
  readonly directory: string;
  readonly closing: AsyncDisposableStack;
}

/** A silo that can be written. */
const written = ({ engine }: Surroundings, name: string, kind: string, options: Record<string, string>): Home => ({
  name,
  kind,
  options,
  async put(table, { columns, batches }) {
    const { silo } = await engine.silos.open(name);
    await silo.write!({ table: { table }, columns, batches, mode: 'create' }, signal);
  },
  async drop(table) {
    const { silo } = await engine.silos.open(name);
    await silo.execute!(`DROP TABLE ${quoteIdentifier(table)}`, signal);
  },
});

export const duckdbHome = (around: Surroundings, name: string): Home =>
  written(around, name, 'duckdb', { path: join(around.directory, `${name}.duckdb`), create: 'true' });

export const sqliteHome = (around: Surroundings, name: string): Home =>
  written(around, name, 'sqlite', { path: join(around.directory, `${name}.sqlite`), create: 'true' });

export async function postgresHome(around: Surroundings, name: string, server: PostgresServer): Promise<Home> {
  const { url } = around.closing.use(await testDatabase(server));
  return written(around, name, 'postgres', { url, connections: '4' });
}

export async function mysqlHome(around: Surroundings, name: string, server: MariadbServer): Promise<Home> {
  const { host, port, user, password } = server;
  const client = await createConnection({ host, port, user, password });
  const database = `sqllogic_${randomUUID().replaceAll('-', '')}`;
  await client.query(`CREATE DATABASE ${database} CHARACTER SET utf8mb4`);
  around.closing.defer(async () => {
    await client.query(`DROP DATABASE ${database}`);
    await client.end();
  });
  return written(around, name, 'mysql', { host, port: String(port), user, password, database });
}

/** A folder of Parquet files. One is always there: a folder without a table is no silo. */
export async function filesHome({ directory }: Surroundings, name: string): Promise<Home> {
  const folder = join(directory, name);
  const file = (table: string): string => join(folder, `${table.replaceAll('/', '_')}.parquet`);
  const put = async (table: string, { columns, batches }: BatchResult): Promise<void> => {
    const connection = await connectDuckDB();
    try {
      const scratch = { database: 'memory', schema: 'main', table: randomUUID() };
      await storeBatches(connection, scratch, columns, batches, signal);
      await connection.run(`COPY ${placeText(scratch)} TO ${quoteLiteral(file(table))} (FORMAT parquet)`);
      await connection.run(`DROP TABLE ${placeText(scratch)}`);
    } catch (thrown) {
      // What was written of it is no file.
      await rm(file(table), { force: true });
      throw thrown;
    } finally {
      connection.closeSync();
    }
  };
  await mkdir(folder);
  const columns: ResultColumn[] = [{ name: 'one', type: { kind: 'integer' } }];
  await put('always_there', batchResult(columns, [[1]]));
  return { name, kind: 'files', options: { path: folder }, put, drop: (table) => rm(file(table)) };
}
