/** A SQLite file as a silo, read through Node's own SQLite. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';
import { CausewayError, canceled, SQLSTATE, throwIfAborted } from '../../src/plan/errors.ts';
import type { ColumnInfo, Connector, Fragment, Silo, SqlFragment, TableInfo, WriteRequest } from '../connector.ts';
import { checkOptions } from '../options.ts';
import { bindParameters } from '../parameters.ts';
import { type RowValue, rowBatches } from '../row-batches.ts';
import { sqliteCapabilities } from './capabilities.ts';
import { guarded } from './errors.ts';
import { declaredType } from './types.ts';
import { writeTable } from './write.ts';

export const sqlite: Connector = {
  kind: 'sqlite',
  options: [
    { name: 'path', description: 'the SQLite file', required: true },
    { name: 'read_only', description: 'true: open for reading only' },
    { name: 'create', description: 'true: make the file when it is missing' },
  ],
  capabilities: sqliteCapabilities,
  async connect(options, signal) {
    checkOptions(sqlite, options);
    throwIfAborted(signal);
    const path = resolve(options.path!);
    if (!existsSync(path) && options.create !== 'true') {
      throw new CausewayError(SQLSTATE.undefinedFile, `there is no file ${path}`, {
        hint: "Check the option path, or add create 'true' to make a new database.",
      });
    }
    const readOnly = options.read_only === 'true';
    const open = () => {
      const database = new DatabaseSync(path, { readOnly, timeout: 5000 });
      database.exec('PRAGMA case_sensitive_like = ON');
      return database;
    };
    return guarded(() => new SqliteSilo(path, open));
  },
};

class SqliteSilo implements Silo {
  readonly context: string;
  readonly schema = 'main';
  readonly #open: () => DatabaseSync;
  readonly #database: DatabaseSync;

  constructor(path: string, open: () => DatabaseSync) {
    this.context = `sqlite:${path}`;
    this.#open = open;
    this.#database = open();
    // Proves that the file is a database: SQLite reads nothing before the first statement.
    this.#database.prepare('SELECT count(*) FROM sqlite_schema').get();
  }

  async tables(signal: AbortSignal): Promise<readonly TableInfo[]> {
    throwIfAborted(signal);
    const found = this.#database
      .prepare(
        `SELECT name, type FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'`,
      )
      .all() as { name: string; type: 'table' | 'view' }[];
    return found.map(({ name, type }) => {
      const rows = this.#database
        .prepare('SELECT * FROM pragma_table_xinfo(?) WHERE hidden = 0')
        .all(name) as unknown as ColumnRow[];
      const key = rows.filter(({ pk }) => pk > 0).sort((a, b) => a.pk - b.pk);
      const columns = rows.map((row) => ({
        name: row.name,
        type: declaredType(row.type),
        nullable: !row.notnull && row.pk === 0,
      }));
      return {
        table: name,
        kind: type,
        columns,
        ...(key.length === 0 ? {} : { primaryKey: key.map((row) => row.name) }),
      };
    });
  }

  /** Rows as ANALYZE left them in sqlite_stat1. */
  async statistics({ table }: { readonly table: string }) {
    const has = this.#database.prepare(`SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_stat1'`).get();
    if (has === undefined) return undefined;
    const found = this.#database.prepare('SELECT stat FROM sqlite_stat1 WHERE tbl = ?').get(table) as
      | { stat: string }
      | undefined;
    return found === undefined ? undefined : { rows: Number.parseInt(found.stat, 10), columns: {} };
  }

  async run(fragment: Fragment, signal: AbortSignal) {
    throwIfAborted(signal);
    if (fragment.kind !== 'sql')
      throw new CausewayError(SQLSTATE.featureNotSupported, 'a sqlite silo takes SQL fragments only');
    return {
      kind: 'batches',
      columns: fragment.columns,
      batches: rowBatches(fragment.columns, this.#rows(fragment, signal)),
    } as const;
  }

  /** SQLite works on this thread: others get a turn after every few thousand rows, and an abort is seen then. */
  async *#rows(fragment: SqlFragment, signal: AbortSignal): AsyncGenerator<readonly RowValue[]> {
    const statement = guarded(() => this.#database.prepare(bindParameters(fragment)));
    statement.setReadBigInts(true);
    statement.setReturnArrays(true);
    const rows = statement.iterate() as unknown as Iterator<readonly RowValue[]>;
    try {
      for (let count = 1; ; count++) {
        const next = guarded(() => rows.next());
        if (next.done === true) return;
        yield next.value;
        if (count % 4096 === 0) await setImmediate();
        if (signal.aborted) throw canceled(signal.reason);
      }
    } finally {
      // A statement that is not through keeps the file locked against writers.
      rows.return?.();
    }
  }

  async execute(text: string, signal: AbortSignal): Promise<void> {
    throwIfAborted(signal);
    guarded(() => this.#database.exec(text));
  }

  async describe(text: string): Promise<readonly ColumnInfo[]> {
    const columns = guarded(() => this.#database.prepare(text).columns());
    return columns.map(({ name, type }) => ({ name, type: declaredType(type ?? ''), nullable: true }));
  }

  async write(request: WriteRequest, signal: AbortSignal): Promise<{ readonly rows: number }> {
    const database = this.#open();
    try {
      return await writeTable(database, request, signal);
    } finally {
      // Closing rolls an open transaction back.
      database.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#database.close();
  }
}

interface ColumnRow {
  readonly name: string;
  readonly type: string;
  readonly notnull: number;
  readonly pk: number;
}
