/** An open PostgreSQL database: fragments run as one binary COPY each. */
import type { RecordBatch } from 'apache-arrow';
import pg from 'pg';
import { CausewayError, canceled, SQLSTATE, throwIfAborted } from '../../src/plan/errors.ts';
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
import { describeStatement, readTables } from './catalog.ts';
import { CopyDecoder } from './copy-decode.ts';
import { copyOut } from './copy-out.ts';
import { type PostgresPool, postgresError } from './pool.ts';
import { readStatistics } from './statistics.ts';
import { transferCast } from './types.ts';
import { writeTable } from './write.ts';

export class PostgresSilo implements Silo {
  readonly context: string;
  readonly #pool: PostgresPool;
  readonly #schema: string;

  constructor(pool: PostgresPool, schema: string) {
    this.#pool = pool;
    this.#schema = schema;
    this.context = pool.context;
  }

  tables(signal: AbortSignal): Promise<readonly TableInfo[]> {
    return this.#pool.use(signal, (client) => readTables(client, this.#schema));
  }

  statistics(table: TableName, signal: AbortSignal): Promise<TableStatistics | undefined> {
    return this.#pool.use(signal, (client) => readStatistics(client, table.schema ?? this.#schema, table.table));
  }

  async run(fragment: Fragment, signal: AbortSignal): Promise<FragmentResult> {
    if (fragment.kind !== 'sql') {
      throw new CausewayError(SQLSTATE.featureNotSupported, 'a postgres silo takes SQL fragments only');
    }
    throwIfAborted(signal);
    return { kind: 'batches', columns: fragment.columns, batches: this.#copy(fragment, signal) };
  }

  async *#copy(fragment: SqlFragment, signal: AbortSignal): AsyncGenerator<RecordBatch, void, undefined> {
    const { client, release } = await this.#pool.take(signal);
    let broken = true;
    try {
      const decoder = new CopyDecoder(fragment.columns);
      for await (const messages of copyOut(client, copyText(fragment))) {
        throwIfAborted(signal);
        yield* decoder.push(messages);
      }
      const last = decoder.end();
      broken = false;
      if (last !== undefined) yield last;
    } catch (thrown) {
      // After an error of the statement itself the connection is ready for the next one; after a fatal one it is dying.
      broken = !(thrown instanceof pg.DatabaseError && thrown.severity === 'ERROR');
      throw signal.aborted ? canceled(thrown) : postgresError(thrown, this.#pool.address);
    } finally {
      // A COPY that was left halfway cannot be skipped: its connection is closed.
      release(broken);
    }
  }

  write(request: WriteRequest, signal: AbortSignal): Promise<{ readonly rows: number }> {
    return this.#pool.use(signal, (client) => writeTable(client, this.#schema, request, signal));
  }

  async execute(text: string, signal: AbortSignal): Promise<void> {
    const { client, release } = await this.#pool.take(signal);
    try {
      await client.query(text);
    } catch (thrown) {
      throw signal.aborted ? canceled(thrown) : postgresError(thrown, this.#pool.address);
    } finally {
      // A setting that the text changed, or a transaction it left open, must not meet the connection's next user.
      release(/\b(set|reset|begin|start|discard)\b/i.test(text));
    }
  }

  describe(text: string, signal: AbortSignal): Promise<readonly ColumnInfo[]> {
    return this.#pool.use(signal, (client) => describeStatement(client, text));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#pool.close();
  }
}

/** The fragment as COPY, each column cast to the form it travels in; columns by position. */
function copyText(fragment: SqlFragment): string {
  const names = fragment.columns.map((_, index) => `c${index}`);
  const casts = fragment.columns.map(({ type }, index) => `c${index}::${transferCast(type)}`);
  return `COPY (SELECT ${casts.join(', ')} FROM (${bindParameters(fragment)}\n) AS t(${names.join(', ')})) TO STDOUT (FORMAT binary)`;
}
