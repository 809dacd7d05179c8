/**
 * A silo that is one database of the process's DuckDB: an attached .duckdb file, or a set of views over files.
 *
 * Fragments are given back as relations with the database's alias in front of every table, so that the mediator reads
 * the tables where they are. Statements that cannot be rewritten so run here and come back as batches.
 */
import type { DuckDBConnection } from '@duckdb/node-api';
import type { RecordBatch } from 'apache-arrow';
import { CausewayError, SQLSTATE, throwIfAborted } from '../../src/plan/errors.ts';
import type {
  ColumnInfo,
  Fragment,
  FragmentResult,
  Silo,
  SqlFragment,
  TableInfo,
  TableName,
  TableStatistics,
  WriteRequest,
} from '../connector.ts';
import { bindParameters } from '../parameters.ts';
import { describeQuery, quoteIdentifier, quoteLiteral } from './conform.ts';
import { duckdbError } from './errors.ts';
import { interruptOn } from './interrupt.ts';
import { connectDuckDB } from './process.ts';
import { qualifyTables } from './qualify.ts';
import { streamQuery } from './reader.ts';
import { tableStatistics } from './statistics.ts';
import { placeText, storeBatches } from './storage.ts';

export interface DuckDBDatabase {
  readonly context: string;
  /** The name under which the database is attached. */
  readonly alias: string;
  readonly schema: string;
  /** Whether tables may be written. */
  readonly writable: boolean;
  /** The Parquet files behind a view: a path or a glob; undefined for anything else. */
  readonly parquet?: (table: string) => string | undefined;
  /** Called before the tables are listed: brings views up to date. */
  readonly refresh?: (connection: DuckDBConnection) => Promise<void>;
  /** Called when the silo is closed. */
  readonly detach: (connection: DuckDBConnection) => Promise<void>;
}

/** Texts whose rewriting is remembered. */
const MOST_TEXTS = 500;
const LONGEST_TEXT = 20_000;

export class DuckDBSilo implements Silo {
  readonly context: string;
  readonly #database: DuckDBDatabase;
  /** Statements as relations; null where they run here. Forgotten when tables may have changed. */
  readonly #relations = new Map<string, string | null>();

  constructor(database: DuckDBDatabase) {
    this.context = database.context;
    this.#database = database;
  }

  async tables(signal: AbortSignal): Promise<readonly TableInfo[]> {
    throwIfAborted(signal);
    return this.#connected(async (connection) => {
      await this.#database.refresh?.(connection);
      this.#relations.clear();
      const rows = await texts(
        connection,
        `SELECT schema_name, table_name, 'table', comment FROM duckdb_tables() WHERE database_name = ${this.#alias}
         UNION ALL SELECT schema_name, view_name, 'view', comment FROM duckdb_views()
         WHERE database_name = ${this.#alias} AND NOT internal ORDER BY 1, 2`,
      );
      const tables: TableInfo[] = [];
      for (const [schema, table, kind, comment] of rows) {
        tables.push({
          ...(schema === this.#database.schema ? {} : { schema: schema! }),
          table: table!,
          kind: kind === 'view' ? 'view' : 'table',
          columns: await this.#columns(connection, schema!, table!),
          ...(await this.#primaryKey(connection, schema!, table!)),
          ...(comment === null ? {} : { comment: comment! }),
        });
      }
      return tables;
    });
  }

  async statistics(table: TableName, signal: AbortSignal): Promise<TableStatistics | undefined> {
    throwIfAborted(signal);
    return this.#connected((connection) =>
      tableStatistics(connection, this.#place(table), this.#database.parquet?.(table.table)),
    );
  }

  async run(fragment: Fragment, signal: AbortSignal): Promise<FragmentResult> {
    throwIfAborted(signal);
    if (fragment.kind !== 'sql') {
      throw new CausewayError(SQLSTATE.featureNotSupported, 'this silo takes SQL fragments only');
    }
    const known = this.#relations.get(fragment.text);
    if (known !== undefined && known !== null) return { kind: 'relation', columns: fragment.columns, select: known };
    const connection = await this.#connect();
    const select = known === null ? undefined : await this.#relation(connection, fragment);
    if (fragment.parameters === undefined && fragment.text.length <= LONGEST_TEXT) {
      if (this.#relations.size >= MOST_TEXTS) this.#relations.clear();
      this.#relations.set(fragment.text, select ?? null);
    }
    if (select !== undefined) {
      connection.closeSync();
      return { kind: 'relation', columns: fragment.columns, select };
    }
    return { kind: 'batches', columns: fragment.columns, batches: this.#stream(connection, fragment, signal) };
  }

  /** The fragment's text with qualified tables, when that is the same statement. */
  async #relation(connection: DuckDBConnection, fragment: SqlFragment): Promise<string | undefined> {
    const text = await qualifyTables(connection, bindParameters(fragment), this.#database.alias);
    if (text === undefined) return undefined;
    // It must also be bound without the database's own search path (macros of the database would not be found).
    const elsewhere = await connectDuckDB();
    try {
      const prepared = await elsewhere.prepare(text);
      prepared.destroySync();
      return text;
    } catch {
      return undefined;
    } finally {
      elsewhere.closeSync();
    }
  }

  async *#stream(
    connection: DuckDBConnection,
    fragment: SqlFragment,
    signal: AbortSignal,
  ): AsyncGenerator<RecordBatch, void, undefined> {
    try {
      yield* streamQuery(connection, bindParameters(fragment), fragment.columns, signal);
    } finally {
      connection.closeSync();
    }
  }

  async write(request: WriteRequest, signal: AbortSignal): Promise<{ readonly rows: number }> {
    this.#assertWritable();
    this.#relations.clear();
    const place = this.#place(request.table);
    const shown = request.table.table;
    return this.#connected(async (connection) => {
      await connection.run('BEGIN');
      try {
        let rows: number;
        if (request.mode === 'create') {
          rows = await storeBatches(connection, place, request.columns, request.batches, signal);
        } else {
          const staged = { ...place, table: `${place.table}~new` };
          rows = await storeBatches(connection, staged, request.columns, request.batches, signal);
          const names = request.columns.map(({ name }) => quoteIdentifier(name)).join(', ');
          await connection.run(`INSERT INTO ${placeText(place)} (${names}) SELECT ${names} FROM ${placeText(staged)}`);
          await connection.run(`DROP TABLE ${placeText(staged)}`);
        }
        throwIfAborted(signal);
        await connection.run('COMMIT');
        return { rows };
      } catch (thrown) {
        await connection.run('ROLLBACK').catch(() => undefined);
        if (/already exists/.test(String(thrown))) {
          throw new CausewayError(SQLSTATE.duplicateTable, `relation "${shown}" already exists`, { cause: thrown });
        }
        throw duckdbError(thrown, `writing ${shown}`);
      }
    });
  }

  async execute(text: string, signal: AbortSignal): Promise<void> {
    this.#assertWritable();
    throwIfAborted(signal);
    await this.#connected(async (connection) => {
      using _ = interruptOn(signal, connection);
      await connection.run(text);
    });
    this.#relations.clear();
  }

  async describe(text: string, signal: AbortSignal): Promise<readonly ColumnInfo[]> {
    throwIfAborted(signal);
    return this.#connected((connection) => describeQuery(connection, text));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const connection = await connectDuckDB();
    try {
      await this.#database.detach(connection);
    } finally {
      connection.closeSync();
    }
  }

  get #alias(): string {
    return quoteLiteral(this.#database.alias);
  }

  #place(table: TableName) {
    return { database: this.#database.alias, schema: table.schema ?? this.#database.schema, table: table.table };
  }

  async #columns(connection: DuckDBConnection, schema: string, table: string): Promise<readonly ColumnInfo[]> {
    const described = await describeQuery(connection, `SELECT * FROM ${placeText(this.#place({ schema, table }))}`);
    const details = await texts(
      connection,
      `SELECT column_name, is_nullable, comment FROM duckdb_columns()
       WHERE database_name = ${this.#alias} AND schema_name = ${quoteLiteral(schema)} AND table_name = ${quoteLiteral(table)}`,
    );
    return described.map((column) => {
      const detail = details.find(([name]) => name === column.name);
      const comment = detail?.[2] ?? null;
      return { ...column, nullable: detail?.[1] !== 'false', ...(comment === null ? {} : { comment }) };
    });
  }

  async #primaryKey(connection: DuckDBConnection, schema: string, table: string) {
    const reader = await connection.runAndReadAll(
      `SELECT unnest(constraint_column_names) FROM duckdb_constraints() WHERE constraint_type = 'PRIMARY KEY'
       AND database_name = ${this.#alias} AND schema_name = ${quoteLiteral(schema)} AND table_name = ${quoteLiteral(table)}`,
    );
    const primaryKey = reader.getRows().map(([name]) => String(name));
    return primaryKey.length === 0 ? {} : { primaryKey };
  }

  async #connect(): Promise<DuckDBConnection> {
    const connection = await connectDuckDB();
    const { alias, schema } = this.#database;
    await connection.run(
      `SET search_path = ${quoteLiteral(`${quoteIdentifier(alias)}.${quoteIdentifier(schema)},memory.main`)}`,
    );
    return connection;
  }

  async #connected<T>(action: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    const connection = await this.#connect();
    try {
      return await action(connection);
    } catch (thrown) {
      throw duckdbError(thrown);
    } finally {
      connection.closeSync();
    }
  }

  #assertWritable(): void {
    if (this.#database.writable) return;
    throw new CausewayError(SQLSTATE.featureNotSupported, 'this silo can only be read');
  }
}

/** Rows of a query as texts and NULLs. */
async function texts(connection: DuckDBConnection, sql: string): Promise<(string | null)[][]> {
  const reader = await connection.runAndReadAll(sql);
  return reader.getRows().map((row) => row.map((value) => (value === null ? null : String(value))));
}
