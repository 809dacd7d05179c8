/** Three real silos with one small series cut in three: PostgreSQL, a DuckDB file, Parquet. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import type pg from 'pg';
import { resultRows } from '../../src/cli/cells.ts';
import { Engine, type EngineOptions } from '../../src/engine/engine.ts';
import type { ExecuteOptions } from '../../src/engine/result.ts';
import type { Session } from '../../src/engine/session.ts';
import { type PostgresServer, testDatabase } from '../servers/postgres.ts';

export interface Federation extends AsyncDisposable {
  engine: Engine;
  session: Session;
  readonly directory: string;
  readonly postgresUrl: string;
  /** Of the database behind the silo `berlin`. */
  readonly client: pg.Client;
  /** Closes the engine and opens it again on the same catalog. */
  restart(over?: Partial<EngineOptions>): Promise<void>;
}

/** `readings (ts timestamp, meter integer, load double precision)` with `rows` hours for two meters in every silo. */
export const READINGS = (rows: number, phase: number): string =>
  `SELECT ts, meter, load FROM (
     SELECT TIMESTAMP '2024-01-01' + i * INTERVAL '1 hour' AS ts, m AS meter,
            50 + 10 * m + 8 * sin(2 * pi() * (i + ${phase}) / 24) AS load
     FROM generate_series(0, ${rows - 1}) AS h(i), generate_series(1, 2) AS g(m)) AS all_rows`;

export async function openFederation(server: PostgresServer, rows = 200): Promise<Federation> {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-test-'));
  const database = await testDatabase(server);
  await database.client.query(`CREATE TABLE readings AS ${READINGS(rows, 0)}`);
  mkdirSync(join(directory, 'oslo'));
  const instance = await DuckDBInstance.create(join(directory, 'paris.duckdb'));
  const connection = await instance.connect();
  await connection.run(`CREATE TABLE readings AS ${READINGS(rows, 3)}`);
  await connection.run(`COPY (${READINGS(rows, 6)}) TO '${join(directory, 'oslo', 'readings.parquet')}'`);
  connection.closeSync();
  instance.closeSync();
  const open = async (over: Partial<EngineOptions> = {}): Promise<[Engine, Session]> => {
    const engine = await Engine.open({ directory: join(directory, 'catalog'), ...over });
    return [engine, engine.openSession()];
  };
  const [engine, session] = await open();
  const federation: Federation = {
    engine,
    session,
    directory,
    postgresUrl: database.url,
    client: database.client,
    async restart(over) {
      await federation.engine[Symbol.asyncDispose]();
      [federation.engine, federation.session] = await open(over);
    },
    async [Symbol.asyncDispose]() {
      await federation.engine[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
      rmSync(directory, { recursive: true, force: true });
    },
  };
  await run(
    session,
    `CREATE SILO berlin USING postgres OPTIONS (url '${database.url}');
     CREATE SILO paris USING duckdb OPTIONS (path '${join(directory, 'paris.duckdb')}');
     CREATE SILO oslo USING files OPTIONS (path '${join(directory, 'oslo')}');
     CREATE FEDERATED TABLE readings AS berlin.readings, paris.readings, oslo.readings`,
  );
  return federation;
}

/** Runs a script; the rows of its last statement as text. */
export async function run(session: Session, text: string, options: ExecuteOptions = {}): Promise<(string | null)[][]> {
  let rows: (string | null)[][] = [];
  for await (const result of session.execute(text, options)) {
    rows = [];
    for await (const row of resultRows(result)) rows.push(row);
  }
  return rows;
}
