/**
 * The generated tables on disk, made once per scale: Parquet files and a DuckDB file, in `CAUSEWAY_BENCH_DATA` or the user's
 * cache folder. They are the same at every run, so they are used again.
 */
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { createTables, TABLES } from './tpch-data.ts';

/** To be raised with every change of the generator. */
const VERSION = 1;

/** What generating may take; the rest goes to disk. */
const MEMORY = '4GB';

export interface CachedData {
  /** A folder with `<table>.parquet` for every table. */
  readonly parquet: string;
  /** A DuckDB file with every table. */
  readonly database: string;
}

export async function cachedData(scale: number): Promise<CachedData> {
  const cache = process.env.CAUSEWAY_BENCH_DATA ?? join(homedir(), '.cache', 'causeway', 'benchmarks');
  const folder = join(cache, `tpch-${scale}-v${VERSION}`);
  const data = { parquet: join(folder, 'parquet'), database: join(folder, 'tpch.duckdb') };
  if (existsSync(folder)) return data;
  const making = `${folder}.making`;
  rmSync(making, { recursive: true, force: true });
  mkdirSync(join(making, 'parquet'), { recursive: true });
  const file = join(making, 'tpch.duckdb');
  const instance = await DuckDBInstance.create(file, { memory_limit: MEMORY, temp_directory: join(making, 'spill') });
  const connection = await instance.connect();
  await createTables(connection, scale);
  for (const table of TABLES) {
    await connection.run(`COPY ${table} TO '${join(making, 'parquet', `${table}.parquet`)}'`);
  }
  connection.closeSync();
  instance.closeSync();
  rmSync(join(making, 'spill'), { recursive: true, force: true });
  renameSync(making, folder);
  return data;
}
