/** TPC-H data, queries and answers of the shared test data, and their loading into a database and into files. */
import { createReadStream, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { DuckDBInstance } from '@duckdb/node-api';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';

const FOLDER = resolve(import.meta.dirname, '../../../shared/data/tpch_sf0005');

export const tpchIsThere = existsSync(FOLDER);

export const TPCH_TABLES = [
  'region',
  'nation',
  'supplier',
  'part',
  'partsupp',
  'customer',
  'orders',
  'lineitem',
] as const;

export interface TpchQuery {
  readonly name: string;
  readonly text: string;
  /** Numbers are rounded to 10 significant digits. */
  readonly answer: readonly (readonly string[])[];
}

export function tpchQueries(): readonly TpchQuery[] {
  return readdirSync(join(FOLDER, 'queries'))
    .filter((file) => file.endsWith('.sql'))
    .map((file) => {
      const name = file.replace('.sql', '');
      const answer = readFileSync(join(FOLDER, 'answers', `${name}.csv`), 'utf8');
      return {
        name,
        text: readFileSync(join(FOLDER, 'queries', file), 'utf8'),
        answer: answer
          .trimEnd()
          .split('\n')
          .slice(1)
          .map((line) => line.split('|')),
      };
    });
}

const csv = (table: string): string => join(FOLDER, 'data', `${table}.csv.gz`);
const schema = (): string => readFileSync(join(FOLDER, 'schema.sql'), 'utf8');

export async function loadIntoPostgres(client: pg.Client): Promise<void> {
  await client.query(schema());
  for (const table of TPCH_TABLES) {
    const copy = client.query(copyFrom(`COPY ${table} FROM STDIN (FORMAT csv, DELIMITER '|')`));
    await pipeline(createReadStream(csv(table)), createGunzip(), copy);
  }
  await client.query('ANALYZE');
}

export interface TpchFiles extends Disposable {
  /** All of it stands here; gone when disposed of. */
  readonly folder: string;
  /** A .duckdb file with all tables. */
  readonly database: string;
  /** A folder of Parquet files, one per table. */
  readonly parquet: string;
}

export async function tpchFiles(): Promise<TpchFiles> {
  const folder = mkdtempSync(join(tmpdir(), 'causeway-tpch-'));
  const database = join(folder, 'tpch.duckdb');
  const parquet = mkdtempSync(join(folder, 'parquet-'));
  const instance = await DuckDBInstance.create(database);
  const connection = await instance.connect();
  await connection.run(schema());
  for (const table of TPCH_TABLES) {
    await connection.run(`COPY ${table} FROM '${csv(table)}' (FORMAT csv, DELIMITER '|', HEADER false)`);
    await connection.run(`COPY ${table} TO '${join(parquet, `${table}.parquet`)}' (FORMAT parquet)`);
  }
  connection.closeSync();
  instance.closeSync();
  return { folder, database, parquet, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

/** True when the rows are the answer: the same in order, numbers to a relative 1e-6. */
export function differenceTo(
  answer: readonly (readonly string[])[],
  rows: readonly (readonly (string | null)[])[],
): string | undefined {
  if (rows.length !== answer.length) return `${rows.length} rows instead of ${answer.length}`;
  for (const [i, row] of rows.entries()) {
    for (const [c, expected] of answer[i]!.entries()) {
      const value = row[c] ?? 'NULL';
      const [a, b] = [Number(value), Number(expected)];
      const near = Math.abs(a - b) <= 1e-6 * Math.max(Math.abs(a), Math.abs(b));
      if (value !== expected && !near) return `row ${i + 1}, column ${c + 1}: ${value} instead of ${expected}`;
    }
  }
  return undefined;
}
