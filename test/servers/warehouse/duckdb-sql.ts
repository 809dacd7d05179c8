/**
 * What a warehouse's test server runs statements on: a DuckDB of its own, in memory. The server brings the dialect — a
 * function from its texts to DuckDB's, macros, and how values are spelled — and gets rows as JSON.
 */
import { type DuckDBConnection, DuckDBInstance, type DuckDBType, type DuckDBValue } from '@duckdb/node-api';

export interface SqlColumn {
  readonly name: string;
  /** DuckDB's word: `DECIMAL(12,2)`, `STRUCT(a INTEGER)`. */
  readonly type: string;
}

export interface SqlResult {
  readonly columns: readonly SqlColumn[];
  /** Batches of rows, each row the JSON text of a list of texts and nulls: `["1",null]`. */
  readonly rows: AsyncIterable<readonly string[]>;
}

/** Some rows of a SELECT, column by column. */
export interface ValueChunk {
  readonly names: readonly string[];
  readonly types: readonly DuckDBType[];
  readonly columns: readonly (readonly DuckDBValue[])[];
  readonly rows: number;
}

/** A text value of DuckDB spelled as the service spells it: SQL over `$1`. */
export type Spelling = (type: string) => string;

export class WarehouseSql implements AsyncDisposable {
  readonly #instance: DuckDBInstance;

  private constructor(instance: DuckDBInstance) {
    this.#instance = instance;
  }

  /** `setup` is run once: schemas, macros, views of the catalog. */
  static async open(setup: readonly string[]): Promise<WarehouseSql> {
    // DuckDB 1.5 returns wrong rows with this optimizer (docs/design.md §4).
    const instance = await DuckDBInstance.create(':memory:', { disabled_optimizers: 'join_filter_pushdown' });
    const sql = new WarehouseSql(instance);
    await sql.run("SET GLOBAL TimeZone = 'UTC'");
    for (const text of setup) await sql.run(text);
    return sql;
  }

  /** A statement without rows, or whose rows nobody wants. */
  async run(text: string, signal?: AbortSignal): Promise<void> {
    await this.#with(signal, (connection) => connection.run(text));
  }

  /** The columns that a SELECT would give. */
  async columns(text: string): Promise<readonly SqlColumn[]> {
    return this.#with(undefined, async (connection) => {
      const reader = await connection.runAndReadAll(`DESCRIBE ${text}`);
      return reader.getRowsJS().map(([name, type]) => ({ name: String(name), type: String(type) }));
    });
  }

  /** A SELECT's rows, in its order. An abort of the signal ends the query. */
  async query(text: string, spelling: Spelling, signal: AbortSignal): Promise<SqlResult> {
    const columns = await this.columns(text);
    const names = columns.map((_, i) => `c${i}`);
    const values = columns.map(({ type }, i) => `CAST(${spelling(type).replaceAll('$1', `c${i}`)} AS VARCHAR)`);
    const select = `SELECT CAST(to_json([${values.join(', ')}]) AS VARCHAR) FROM (${text}\n) AS t(${names.join(', ')})`;
    const rows = this.#stream(select, signal);
    // Errors of the first row are errors of the statement.
    const first = await rows.next();
    const all = async function* () {
      if (first.done !== true) yield first.value;
      yield* rows;
    };
    return { columns, rows: all() };
  }

  /** A SELECT's rows as DuckDB's own values, in its order; at least one chunk, which may be empty. */
  async *values(text: string): AsyncGenerator<ValueChunk> {
    const connection = await this.#instance.connect();
    try {
      const result = await connection.stream(text);
      const [names, types] = [result.columnNames(), result.columnTypes()];
      for (let first = true; ; first = false) {
        const chunk = await result.fetchChunk();
        const rows = chunk?.rowCount ?? 0;
        if (rows === 0 && !first) return;
        yield { names, types, rows, columns: types.map((_, i) => (rows === 0 ? [] : chunk!.getColumnValues(i))) };
        if (rows === 0) return;
      }
    } finally {
      connection.closeSync();
    }
  }

  async *#stream(select: string, signal: AbortSignal): AsyncGenerator<readonly string[]> {
    const connection = await this.#instance.connect();
    const release = interruptOn(signal, connection);
    try {
      const result = await connection.stream(select);
      for (;;) {
        const chunk = await result.fetchChunk();
        if (chunk === null || chunk.rowCount === 0) return;
        yield chunk.getColumnValues(0).map(String);
      }
    } finally {
      release();
      connection.closeSync();
    }
  }

  async #with<T>(signal: AbortSignal | undefined, use: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    const connection = await this.#instance.connect();
    const release = signal === undefined ? () => undefined : interruptOn(signal, connection);
    try {
      return await use(connection);
    } finally {
      release();
      connection.closeSync();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#instance.closeSync();
  }
}

/** Interrupts what the connection runs once the signal is aborted, and again: an interrupt before a query begins is lost. */
function interruptOn(signal: AbortSignal, connection: DuckDBConnection): () => void {
  let again: NodeJS.Timeout | undefined;
  const stop = () => {
    connection.interrupt();
    again = setInterval(() => connection.interrupt(), 20);
  };
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop);
  return () => {
    signal.removeEventListener('abort', stop);
    clearInterval(again);
  };
}
