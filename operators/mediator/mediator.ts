/**
 * The mediator: the engine for what no silo can do alone, an embedded DuckDB.
 *
 * One statement works in one session: a schema of its own that takes in the fragments' rows, and from which the rest of
 * the plan is answered. Everything in it is gone when the session is disposed of.
 */
import type { DuckDBConnection } from '@duckdb/node-api';
import type { RecordBatch } from 'apache-arrow';
import type { ColumnInfo, FragmentResult, ResultColumn } from '../../connectors/connector.ts';
import {
  conform,
  describeParameters,
  describeQuery,
  quoteIdentifier,
  quoteLiteral,
} from '../../connectors/duckdb-engine/conform.ts';
import { duckdbError } from '../../connectors/duckdb-engine/errors.ts';
import { interruptOn } from '../../connectors/duckdb-engine/interrupt.ts';
import { connectDuckDB, type DuckDBSettings, processDuckDB } from '../../connectors/duckdb-engine/process.ts';
import { streamQuery } from '../../connectors/duckdb-engine/reader.ts';
import { placeText, storeBatches } from '../../connectors/duckdb-engine/storage.ts';
import { CausewayError, canceled, SQLSTATE, throwIfAborted } from '../../src/plan/errors.ts';
import type { SqlType } from '../../src/plan/types.ts';
import { MemoryBudget, memoryBytes } from './memory-budget.ts';

const DATABASE = 'memory';

/** All mediators of a process share its DuckDB, and so the names in it. */
let nextSession = 1;

/** Of the process, as its DuckDB is. */
let budget: Promise<MemoryBudget> | undefined;

async function readBudget(connection: DuckDBConnection): Promise<MemoryBudget> {
  const [[limit] = []] = (await connection.runAndReadAll("SELECT current_setting('memory_limit')")).getRows();
  return new MemoryBudget(memoryBytes(String(limit)));
}

/** The limit that DuckDB has, in kilobytes: setting it costs milliseconds. */
let limitInForce: number | undefined;

/** Memory that is in use already cannot be taken away: then the limit stays as it was until the next change. */
async function applyLimit(connection: DuckDBConnection, memory: MemoryBudget): Promise<void> {
  const kilobytes = Math.max(1, Math.floor(memory.limit / 1000));
  if (kilobytes === limitInForce) return;
  limitInForce = kilobytes;
  await connection.run(`SET GLOBAL memory_limit = '${kilobytes}KB'`).catch(() => {
    limitInForce = undefined;
  });
}

/** What is not a statement's work (writing into a local database) gets the process's limit back once it is quiet. */
const QUIET_MS = 200;

let restoring = false;

function restoreLimitSoon(memory: MemoryBudget): void {
  if (restoring) return;
  restoring = true;
  setTimeout(async () => {
    restoring = false;
    const connection = await connectDuckDB();
    await applyLimit(connection, memory);
    connection.closeSync();
  }, QUIET_MS).unref();
}

export class Mediator implements AsyncDisposable {
  readonly #sessions = new Set<MediatorSession>();

  /** Opens the process's DuckDB; `settings` count when nothing has opened it before. */
  static async open(settings: DuckDBSettings = {}): Promise<Mediator> {
    await processDuckDB(settings);
    return new Mediator();
  }

  /**
   * A place to work in for one statement.
   * @param memoryLimit what the statement may take before it spills or fails: `500MB`; absent, what the process may take.
   *   Statements at work together share the sum of theirs.
   */
  async session(memoryLimit?: string): Promise<MediatorSession> {
    const schema = `statement_${process.pid}_${nextSession++}`;
    const connection = await connectDuckDB();
    try {
      budget ??= readBudget(connection);
      const memory = await budget;
      const leave = memory.enter(memoryLimit === undefined ? Number.POSITIVE_INFINITY : memoryBytes(memoryLimit));
      await applyLimit(connection, memory);
      await connection.run(`CREATE SCHEMA ${DATABASE}.${schema}`);
      const session = new MediatorSession(schema, () => {
        this.#sessions.delete(session);
        leave();
        restoreLimitSoon(memory);
      });
      this.#sessions.add(session);
      return session;
    } finally {
      connection.closeSync();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of [...this.#sessions]) await session[Symbol.asyncDispose]();
  }
}

export class MediatorSession implements AsyncDisposable {
  readonly #schema: string;
  readonly #onDispose: () => void;
  /** Aborted by disposal, which ends what the session runs. */
  readonly #closing = new AbortController();
  #disposed = false;

  constructor(schema: string, onDispose: () => void) {
    this.#schema = schema;
    this.#onDispose = onDispose;
  }

  /**
   * Takes a fragment's rows in under `name`: batches become a table, what DuckDB can read itself becomes a view.
   * @returns the rows taken in, or undefined for a view.
   */
  async ingest(name: string, result: FragmentResult, signal: AbortSignal): Promise<number | undefined> {
    return this.#with(signal, async (connection) => {
      const place = { database: DATABASE, schema: this.#schema, table: name };
      if (result.kind === 'batches') return storeBatches(connection, place, result.columns, result.batches, signal);
      const select = await conform(connection, result.select, result.columns, 'store');
      await connection.run(`CREATE VIEW ${placeText(place)} AS ${select}`);
      return undefined;
    });
  }

  /** Forgets the rows that were taken in under `name`. */
  async forget(name: string, signal: AbortSignal): Promise<void> {
    await this.#with(signal, async (connection) => {
      await connection.run(`DROP TABLE ${placeText({ database: DATABASE, schema: this.#schema, table: name })}`);
    });
  }

  /** Runs a query once and keeps its rows under `name`, for results that are read more than once. */
  async materialize(name: string, sql: string, columns: readonly ResultColumn[], signal: AbortSignal): Promise<void> {
    await this.#with(signal, async (connection) => {
      const place = { database: DATABASE, schema: this.#schema, table: name };
      await connection.run(`CREATE TABLE ${placeText(place)} AS ${await conform(connection, sql, columns, 'store')}`);
    });
  }

  /**
   * Streams a query in DuckDB's dialect over the names taken in; its i-th column as `columns[i]`.
   * @throws CausewayError at any time while it is read; rows are never silently missing.
   */
  async *query(
    sql: string,
    columns: readonly ResultColumn[],
    signal: AbortSignal,
  ): AsyncGenerator<RecordBatch, void, undefined> {
    const connection = await this.#connect();
    try {
      yield* streamQuery(connection, sql, columns, this.#until(signal));
    } finally {
      connection.closeSync();
    }
  }

  /** The columns of a query, which is planned but not run. */
  async describe(sql: string, signal: AbortSignal): Promise<readonly ColumnInfo[]> {
    return this.#with(signal, (connection) => describeQuery(connection, sql));
  }

  /** What DuckDB takes `$1`, `$2` … of a query to be; `unknown` where nothing says it. */
  async parameterTypes(sql: string, signal: AbortSignal): Promise<readonly SqlType[]> {
    return this.#with(signal, (connection) => describeParameters(connection, sql));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#closing.abort(canceled());
    const connection = await connectDuckDB();
    try {
      await connection.run(`DROP SCHEMA IF EXISTS ${DATABASE}.${this.#schema} CASCADE`);
    } finally {
      this.#onDispose();
      connection.closeSync();
    }
  }

  async #connect(): Promise<DuckDBConnection> {
    if (this.#disposed) throw new CausewayError(SQLSTATE.objectNotInPrerequisiteState, 'the session is closed');
    const connection = await connectDuckDB();
    const path = `${DATABASE}.${quoteIdentifier(this.#schema)},${DATABASE}.main`;
    await connection.run(`SET search_path = ${quoteLiteral(path)}`);
    return connection;
  }

  #until(signal: AbortSignal): AbortSignal {
    return AbortSignal.any([signal, this.#closing.signal]);
  }

  async #with<T>(signal: AbortSignal, action: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    throwIfAborted(signal);
    const connection = await this.#connect();
    const until = this.#until(signal);
    const interrupts = interruptOn(until, connection);
    try {
      return await action(connection);
    } catch (thrown) {
      throw until.aborted ? canceled(thrown) : duckdbError(thrown);
    } finally {
      interrupts[Symbol.dispose]();
      connection.closeSync();
    }
  }
}
