/** For tests of lakes: files made by DuckDB, a bucket to put them in, and the rows of a scan. */
import { readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { RelationResult, ScanFilter, ScanFragment, Silo } from '../../connectors/connector.ts';
import { scalar } from '../../src/plan/types.ts';
import { splitVersion } from '../../src/sql/select/time-travel.ts';
import type { S3TestServer } from '../servers/s3-server.ts';

let files = 0;

/** A DuckDB as the mediator has it. */
export async function testDuck(): Promise<DuckDBConnection> {
  const instance = await DuckDBInstance.create(':memory:', { enable_external_file_cache: 'false' });
  const connection = await instance.connect();
  await connection.run("SET TimeZone = 'UTC'");
  return connection;
}

/** The bytes of a file that `COPY (query) TO … (options)` writes. */
export async function copyTo(duck: DuckDBConnection, query: string, options = 'FORMAT parquet'): Promise<Buffer> {
  const path = join(tmpdir(), `causeway-test-${process.pid}-${files++}`);
  await duck.run(`COPY (${query}) TO '${path}' (${options})`);
  const bytes = await readFile(path);
  await rm(path);
  return bytes;
}

/** @param table its name, or `name@version` for a state of the past */
export const scanOf = (
  table: string,
  columns: readonly string[],
  filters: readonly ScanFilter[] = [],
  limit?: number,
): ScanFragment => ({
  kind: 'scan',
  table: splitVersion(table),
  sourceColumns: columns,
  columns: columns.map((name) => ({ name, type: scalar('unknown') })),
  filters,
  ...(limit === undefined ? {} : { limit }),
});

/** The rows of a scan as arrays of JSON values, sorted. */
export async function rowsOf(
  silo: Silo,
  fragment: ScanFragment,
  duck: DuckDBConnection,
  signal = new AbortController().signal,
): Promise<unknown[][]> {
  const result = (await silo.run(fragment, signal)) as RelationResult;
  try {
    const rows = (await duck.runAndReadAll(result.select)).getRowsJson() as unknown[][];
    return rows
      .map((row) => JSON.stringify(row))
      .sort()
      .map((row) => JSON.parse(row) as unknown[]);
  } finally {
    await result.release?.();
  }
}

/** Options of a silo of kind s3 in the test server. */
export const s3Options = (
  server: S3TestServer,
  url: string,
  more: Record<string, string> = {},
): Record<string, string> => ({
  url,
  endpoint: server.endpoint,
  region: 'eu-test-1',
  access_key: 'test-access',
  secret_key: 'test-secret',
  ...more,
});

/** Puts every file below `folder` into the bucket, under `prefix`. */
export async function putFolder(server: S3TestServer, prefix: string, folder: string): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    server.put(`${prefix}/${relative(folder, path)}`, await readFile(path));
  }
}

/** Rows as sorted texts that can be compared with what other readers print: `1.0` is `1`, a UTC zone is left out. */
export const texts = (rows: readonly (readonly unknown[])[]): string[] =>
  rows.map((row) => JSON.stringify(row.map((value) => (value === null ? null : plain(String(value)))))).sort();

const plain = (text: string): string => text.replace(/\+00$/, '').replace(/^(-?\d+)\.0$/, '$1');
