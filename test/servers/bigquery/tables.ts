/** Tables of the test server: their resources, and how much a statement would read of them. */
import type { Field } from '../../../connectors/bigquery/types.ts';
import type { WarehouseSql } from '../warehouse/duckdb-sql.ts';
import { DATASET } from './dialect.ts';
import { duckdbType, fieldOf } from './types.ts';

const schemaOf = (dataset: string): string => (dataset === DATASET ? 'main' : `"${dataset}"`);
const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;
const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;
const never = new AbortController().signal;

export interface TableNamed {
  readonly name: string;
  readonly view: boolean;
}

export class TestTables {
  readonly #sql: WarehouseSql;
  /** Columns that DuckDB keeps as another type: by table. */
  readonly #declared = new Map<string, readonly Field[]>();

  constructor(sql: WarehouseSql) {
    this.#sql = sql;
  }

  async list(dataset: string): Promise<readonly TableNamed[]> {
    const schema = literal(dataset === DATASET ? 'main' : dataset);
    const rows = await this.#rows(
      `SELECT table_name, false FROM duckdb_tables() WHERE schema_name = ${schema} AND database_name = 'memory'
       UNION ALL SELECT view_name, true FROM duckdb_views() WHERE schema_name = ${schema} AND NOT internal AND database_name = 'memory' ORDER BY 1`,
    );
    return rows.map(([name, view]) => ({ name: name!, view: view === 'true' }));
  }

  /** Undefined when there is no such table. */
  async fields(dataset: string, table: string): Promise<readonly Field[] | undefined> {
    const found = (await this.list(dataset)).some(({ name }) => name === table);
    if (!found) return undefined;
    const columns = await this.#sql.columns(`SELECT * FROM ${this.#path(dataset, table)}`);
    const declared = this.#declared.get(`${dataset}.${table}`) ?? [];
    return columns.map((column) => {
      const field = fieldOf(column, true);
      const own = declared.find(({ name }) => name === column.name);
      return own === undefined ? field : { ...field, ...own };
    });
  }

  /** All its rows; undefined when there is no such table. */
  async select(dataset: string, table: string): Promise<string | undefined> {
    const found = (await this.list(dataset)).some(({ name }) => name === table);
    return found ? `SELECT * FROM ${this.#path(dataset, table)}` : undefined;
  }

  async rows(dataset: string, table: string): Promise<number> {
    return Number((await this.#rows(`SELECT count(*) FROM ${this.#path(dataset, table)}`))[0]![0]);
  }

  async create(dataset: string, table: string, fields: readonly Field[]): Promise<void> {
    const columns = fields.map((field) => `${quoted(field.name)} ${duckdbType(field)}`).join(', ');
    await this.#sql.run(`CREATE TABLE ${this.#path(dataset, table)} (${columns})`);
    this.declare(dataset, table, fields);
  }

  /** Types that the table's columns have at the service. */
  declare(dataset: string, table: string, fields: readonly Field[]): void {
    this.#declared.set(`${dataset}.${table}`, fields);
  }

  async insert(
    dataset: string,
    table: string,
    fields: readonly Field[],
    rows: string,
    signal: AbortSignal,
  ): Promise<void> {
    const list = fields.map(({ name }) => quoted(name)).join(', ');
    await this.#sql.run(`INSERT INTO ${this.#path(dataset, table)} (${list}) ${rows}`, signal);
  }

  /** Bytes of the columns in the rows for which `where`, DuckDB's SQL, holds. */
  async bytes(dataset: string, table: string, fields: readonly Field[], where = 'true'): Promise<number> {
    const widths = fields.map(({ name, type }) =>
      type === 'STRING' || type === 'JSON' || type === 'BYTES'
        ? `coalesce(sum(2 + strlen(CAST(${quoted(name)} AS VARCHAR))), 0)`
        : `${WIDTHS[type] ?? 8} * count(*)`,
    );
    const rows = await this.#rows(
      `SELECT ${widths.join(' + ') || '0'} FROM ${this.#path(dataset, table)} WHERE ${where}`,
    );
    return Number(rows[0]![0]);
  }

  #path(dataset: string, table: string): string {
    return `${schemaOf(dataset)}.${quoted(table)}`;
  }

  async #rows(text: string): Promise<(string | null)[][]> {
    const { rows } = await this.#sql.query(text, () => '$1', never);
    const found: (string | null)[][] = [];
    for await (const batch of rows) for (const row of batch) found.push(JSON.parse(row) as (string | null)[]);
    return found;
  }
}

/** Bytes of a value, as the service bills them (BigQuery pricing, data size calculation). */
const WIDTHS: Readonly<Record<string, number>> = { NUMERIC: 16, BIGNUMERIC: 32, BOOLEAN: 1, INTERVAL: 16 };
