/** The demo's data: daily US births as three agencies counted them, from npm packages, loaded into three real silos. */
import { createReadStream, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { CausewayError, SQLSTATE } from '../../plan/errors.ts';

const PACKAGES = {
  nchs: '@stdlib/datasets-cdc-nchs-us-births-1969-1988',
  cdc: '@stdlib/datasets-cdc-nchs-us-births-1994-2003',
  ssa: '@stdlib/datasets-ssa-us-births-2000-2014',
} as const;

export type Agency = keyof typeof PACKAGES;

/** The package's CSV file. @throws CausewayError 58P01 when the package is not installed */
export function birthsFile(agency: Agency): string {
  try {
    const entry = createRequire(import.meta.url).resolve(`${PACKAGES[agency]}/package.json`);
    return join(entry, '..', 'data', 'data.csv');
  } catch (cause) {
    throw new CausewayError(SQLSTATE.undefinedFile, `the demo's data, ${PACKAGES[agency]}, is not installed`, {
      hint: 'Run npm ci (with development dependencies) in the repository.',
      cause,
    });
  }
}

/** `births (day date, births integer)` in a PostgreSQL database. */
export async function loadIntoPostgres(agency: Agency, url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query('CREATE TEMP TABLE raw (year int, month int, date_of_month int, day_of_week int, births int)');
    await pipeline(
      createReadStream(birthsFile(agency)),
      client.query(copyFrom('COPY raw FROM STDIN (FORMAT csv, HEADER)')),
    );
    await client.query(
      'CREATE TABLE births AS SELECT make_date(year, month, date_of_month) AS day, births FROM raw ORDER BY 1',
    );
    await client.query('ALTER TABLE births ADD PRIMARY KEY (day)');
    await client.query('ANALYZE births');
  } finally {
    await client.end();
  }
}

const fromCsv = (agency: Agency): string =>
  `SELECT make_date(year, month, date_of_month) AS day, births::INTEGER AS births
   FROM read_csv('${birthsFile(agency).replaceAll("'", "''")}', header = true) ORDER BY 1`;

/** The same table in a DuckDB file, which must not exist. */
export async function loadIntoDuckDB(agency: Agency, file: string): Promise<void> {
  const instance = await DuckDBInstance.create(file);
  const connection = await instance.connect();
  try {
    await connection.run(`CREATE TABLE births AS ${fromCsv(agency)}`);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** The same table as `births.parquet` in a directory. */
export async function loadIntoParquet(agency: Agency, directory: string): Promise<void> {
  mkdirSync(directory, { recursive: true });
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    const file = join(directory, 'births.parquet').replaceAll("'", "''");
    await connection.run(`COPY (${fromCsv(agency)}) TO '${file}' (FORMAT parquet)`);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
