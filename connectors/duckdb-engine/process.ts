/**
 * The one DuckDB of this process: the mediator's engine, and the reader of local databases and files.
 *
 * There is exactly one instance, because two instances that open one database file in one process corrupt it (no lock
 * stops them). Whoever needs DuckDB takes a connection of it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { POSTGRES_MACROS } from './functions.ts';
import { registerScalars } from './scalars.ts';

/**
 * Settings without which DuckDB 1.5 answers wrongly, or reaches out of the machine.
 * `join_filter_pushdown` returns wrong rows below ORDER BY … LIMIT and DISTINCT (duckdb PR 22963). `parquet_metadata_cache` stays off, as by
 * default: it takes a file that was replaced within the second for the one it knows, and answers with the old one's row counts and bounds.
 */
const REQUIRED = {
  autoinstall_known_extensions: 'false',
  autoload_known_extensions: 'false',
  default_null_order: 'postgres',
  enable_external_file_cache: 'false',
  integer_division: 'true',
} as const;
const GLOBALS = ["SET GLOBAL disabled_optimizers = 'join_filter_pushdown'", "SET GLOBAL TimeZone = 'UTC'"];

export interface DuckDBSettings {
  /** `4GB`; half of the machine's (or container's) memory when absent. */
  readonly memoryLimit?: string;
  readonly threads?: number;
  /** Where queries spill; a new folder below the system's temporary one when absent, removed at exit. */
  readonly tempDirectory?: string;
}

let opening: Promise<DuckDBInstance> | undefined;

/** The process's instance, opened at the first call; `settings` count only then. */
export function processDuckDB(settings: DuckDBSettings = {}): Promise<DuckDBInstance> {
  opening ??= open(settings);
  return opening;
}

/** A new connection of the process's instance. Close it with `closeSync()`. */
export async function connectDuckDB(): Promise<DuckDBConnection> {
  return (await processDuckDB()).connect();
}

async function open(settings: DuckDBSettings): Promise<DuckDBInstance> {
  const instance = await DuckDBInstance.create(':memory:', {
    ...REQUIRED,
    threads: String(settings.threads ?? availableParallelism()),
    memory_limit: settings.memoryLimit ?? defaultMemoryLimit(),
    temp_directory: settings.tempDirectory ?? spillDirectory(),
  });
  const connection = await instance.connect();
  for (const setting of GLOBALS) await connection.run(setting);
  registerScalars(connection);
  for (const macro of POSTGRES_MACROS) await connection.run(`CREATE MACRO ${macro}`);
  connection.closeSync();
  return instance;
}

/** Half of what this process may use. DuckDB's own default (80 % of the machine) gets a process killed. */
function defaultMemoryLimit(): string {
  const constrained = process.constrainedMemory();
  const available = constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
  return `${Math.max(256, Math.floor(available / 2 / 1024 / 1024))}MiB`;
}

function spillDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-spill-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  return directory;
}
