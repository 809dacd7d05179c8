/**
 * A SQL silo over a client library: whoever writes a connector says how a connection runs one statement, and in data how the
 * catalog, the types and the errors are read. Everything else that a silo must do follows here (docs/connectors.md shows a
 * whole one).
 */
import { setImmediate } from 'node:timers/promises';
import { CausewayError, canceled, SQLSTATE, throwIfAborted } from '../src/plan/errors.ts';
import { statisticsOf, tablesOf } from './catalog-rows.ts';
import { type ClientErrors, clientError } from './client-errors.ts';
import type {
  ColumnInfo,
  Connector,
  Fragment,
  FragmentResult,
  Silo,
  TableInfo,
  TableName,
  TableStatistics,
  WriteRequest,
} from './connector.ts';
import { type DeclaredTypes, typeOfDeclared } from './declared-types.ts';
import { insertRows, type TableWriting } from './insert-rows.ts';
import { bindParameters } from './parameters.ts';
import { dialectIdentifier } from './quoting.ts';
import { type RowValue, rowBatches } from './row-batches.ts';

/** A connection that runs one statement at a time. */
export interface SqlConnection {
  /** The statement's rows as they come, each value in its column's place; none for a statement that has none. */
  rows(text: string): AsyncIterable<readonly RowValue[]> | Iterable<readonly RowValue[]>;
  /** The columns of a query, each with its type as the silo's SQL declares it, without running the query. */
  describe(text: string): Promise<readonly { readonly name: string; readonly declared: string }[]>;
  /** Ends the statement at the server, whose rows then throw; never throws itself. Absent where nothing can be told. */
  cancel?(): void;
  /** Gives the connection back; one that is not reusable, as rows or a transaction are left over, is closed. */
  release(reusable: boolean): void;
}

/** Runs a statement and gives its rows as texts. */
export type Ask = (text: string) => Promise<readonly (readonly (string | null)[])[]>;

export interface SqlSiloParts {
  readonly connector: Pick<Connector, 'kind' | 'capabilities'>;
  /** As in {@link Silo}. */
  readonly context: string;
  readonly schema?: string;
  /** A connection of one's own, until it is released. */
  open(): Promise<SqlConnection>;
  /** The statement that gives the catalog's rows (catalog-rows.ts). */
  readonly catalog: string;
  readonly types: DeclaredTypes;
  readonly errors: ClientErrors;
  /** Estimates from the catalog (catalog-rows.ts); no rows where it has none. */
  statistics(table: string, ask: Ask): ReturnType<Ask>;
  /** Absent for silos that are only read. */
  readonly writing?: TableWriting;
  /** Closes the connections that were given back. */
  close(): Promise<void>;
}

/** The silo, after it has proved that it answers. @throws CausewayError when it does not; it is closed then */
export async function openSqlSilo(parts: SqlSiloParts, signal: AbortSignal): Promise<Silo> {
  const silo = new SqlSilo(parts);
  try {
    await silo.execute('SELECT 1', signal);
    return silo;
  } catch (thrown) {
    await parts.close();
    throw thrown;
  }
}

/** Rows after which a library that works on this thread lets others have a turn. */
const TURN_ROWS = 4096;

class SqlSilo implements Silo {
  readonly context: string;
  readonly schema?: string;
  readonly #parts: SqlSiloParts;
  #closed = false;

  constructor(parts: SqlSiloParts) {
    this.#parts = parts;
    this.context = parts.context;
    if (parts.schema !== undefined) this.schema = parts.schema;
  }

  async tables(signal: AbortSignal): Promise<readonly TableInfo[]> {
    return tablesOf(await this.#ask(this.#parts.catalog, signal), this.#parts.types);
  }

  async statistics({ table }: TableName, signal: AbortSignal): Promise<TableStatistics | undefined> {
    return statisticsOf(await this.#parts.statistics(table, (text) => this.#ask(text, signal)));
  }

  async run(fragment: Fragment, signal: AbortSignal): Promise<FragmentResult> {
    throwIfAborted(signal);
    if (fragment.kind !== 'sql') throw this.#unable('takes SQL fragments only');
    const { columns } = fragment;
    return { kind: 'batches', columns, batches: rowBatches(columns, this.#rows(bindParameters(fragment), signal)) };
  }

  async execute(text: string, signal: AbortSignal): Promise<void> {
    for await (const _ of this.#rows(text, signal));
  }

  async describe(text: string, signal: AbortSignal): Promise<readonly ColumnInfo[]> {
    const columns = await this.#use(signal, (connection) => this.#mapped(connection.describe(text), signal));
    return columns.map(({ name, declared }) => {
      return { name, type: typeOfDeclared(this.#parts.types, declared), nullable: true };
    });
  }

  async write(request: WriteRequest, signal: AbortSignal): Promise<{ readonly rows: number }> {
    const { writing, connector } = this.#parts;
    if (writing === undefined) throw this.#unable('is only read');
    const identifier = (name: string) => dialectIdentifier(name, connector.capabilities.dialect!);
    let created = false;
    try {
      const rows = await this.#use(signal, (connection) => {
        const run = (text: string) =>
          this.#mapped(
            drained(() => connection.rows(text)),
            signal,
          );
        return insertRows(
          run,
          identifier,
          request,
          writing,
          () => {
            created = true;
          },
          signal,
        );
      });
      return { rows };
    } catch (thrown) {
      // An abort must not keep the table from going.
      const unstoppable = new AbortController().signal;
      if (created) await this.execute(`DROP TABLE IF EXISTS ${identifier(request.table.table)}`, unstoppable);
      throw thrown;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    return this.#parts.close();
  }

  async #ask(text: string, signal: AbortSignal): Promise<(string | null)[][]> {
    const rows: (string | null)[][] = [];
    for await (const row of this.#rows(text, signal)) {
      rows.push(row.map((value) => (value === null || value === undefined ? null : String(value))));
    }
    return rows;
  }

  async *#rows(text: string, signal: AbortSignal): AsyncGenerator<readonly RowValue[], void, undefined> {
    const { connection, release } = await this.#take(signal);
    let whole = false;
    let count = 0;
    try {
      for await (const row of connection.rows(text)) {
        yield row;
        if (++count % TURN_ROWS === 0) await setImmediate();
        throwIfAborted(signal);
      }
      whole = true;
    } catch (thrown) {
      throw this.#error(thrown, signal);
    } finally {
      release(whole);
    }
  }

  /** Runs `action` on a connection, which is closed when it fails. */
  async #use<T>(signal: AbortSignal, action: (connection: SqlConnection) => Promise<T>): Promise<T> {
    const { connection, release } = await this.#take(signal);
    let done = false;
    try {
      const result = await action(connection);
      done = true;
      return result;
    } finally {
      release(done);
    }
  }

  /** A connection whose statement an abort ends. */
  async #take(signal: AbortSignal) {
    throwIfAborted(signal);
    const connection = await this.#mapped(this.#parts.open(), signal);
    const cancel = () => connection.cancel?.();
    signal.addEventListener('abort', cancel);
    const release = (reusable: boolean) => {
      signal.removeEventListener('abort', cancel);
      // After an abort its request may still be under way, and would hit the connection's next user.
      connection.release(reusable && !signal.aborted && !this.#closed);
    };
    return { connection, release };
  }

  #mapped<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
    return promise.catch((thrown: unknown) => {
      throw this.#error(thrown, signal);
    });
  }

  #error(thrown: unknown, signal: AbortSignal): CausewayError {
    return signal.aborted ? canceled(thrown) : clientError(thrown, this.#parts.errors);
  }

  #unable(what: string): CausewayError {
    return new CausewayError(SQLSTATE.featureNotSupported, `a ${this.#parts.connector.kind} silo ${what}`);
  }
}

async function drained(rows: () => ReturnType<SqlConnection['rows']>): Promise<void> {
  for await (const _ of rows());
}
