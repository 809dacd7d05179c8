/** The 22 query texts of TPC-H with their tables named by silos. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { TABLES, type Table } from './tpch-data.ts';

export interface Query {
  readonly name: string;
  readonly text: string;
}

const FOLDER = resolve(import.meta.dirname, '../../../shared/data/tpch_sf0005/queries');

/** Empty where the texts are not there. */
export const QUERIES: readonly Query[] = existsSync(FOLDER)
  ? readdirSync(FOLDER).map((file) => ({
      name: file.replace('.sql', ''),
      text: readFileSync(join(FOLDER, file), 'utf8').replace(/;\s*$/, ''),
    }))
  : [];

/** Each table's silo: large ones in files, two in a DuckDB file, the rest in PostgreSQL. */
const SPREAD: Readonly<Record<Table, string>> = {
  lineitem: 'lake',
  orders: 'lake',
  part: 'duck',
  partsupp: 'duck',
  customer: 'pg',
  supplier: 'pg',
  nation: 'pg',
  region: 'pg',
};

export const spread = (table: Table): string => SPREAD[table];
export const lineitemInPostgres = (table: Table): string => (table === 'lineitem' ? 'pg' : SPREAD[table]);

/** Three PostgreSQL silos instead, so that every byte that moves is seen. */
const SERVERS: Readonly<Record<string, string>> = { lake: 'pg_c', duck: 'pg_b', pg: 'pg' };
export const threeServers = (table: Table): string => SERVERS[SPREAD[table]]!;

/** The query with every table named by its silo. */
export const placed = (text: string, placement: (table: Table) => string): string =>
  TABLES.reduce(
    (sql, table) =>
      sql.replaceAll(new RegExp(`((?:FROM|JOIN|,)\\s+)${table}\\b`, 'gi'), `$1${placement(table)}.${table}`),
    text,
  );
