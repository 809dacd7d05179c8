/** An open PostgreSQL database: fragments run as one binary COPY each, or as prepared statements with binary rows. */
import type { RecordBatch } from 'apache-arrow';
import pg from 'pg';
import { CausewayError, canceled, SQLSTATE, throwIfAborted } from '../../src/plan/errors.ts';
import type {
  ColumnInfo,
  Fragment,
  FragmentResult,
  Silo,
  SplitRequest,
  SqlFragment,
  TableInfo,
  TableName,
  TableStatistics,
  WriteRequest,
} from '../connector.ts';
import { bindParameters } from '../parameters.ts';
import { describeStatement, readTables } from './catalog.ts';
import { CopyDecoder } from './copy-decode.ts';
import { type PostgresPool, postgresError } from './pool.ts';
import { copyOut, preparedRows } from './row-messages.ts';
import { splitRows } from './split-rows.ts';
import { StatementNames } from './statement-names.ts';
import { readStatistics } from './statistics.ts';
import { transferCast } from './types.ts';
import { writeTable } from './write.ts';

export class PostgresSilo implements Silo {
  readonly context: string;
  readonly #pool: PostgresPool;
  readonly schema: string;
  readonly #keepsStatements: boolean;
  readonly #prepared = new WeakMap<pg.PoolClient, StatementNames>();

  /** @param keepsStatements whether fragments with parameters stay prepared at the server */
  constructor(pool: PostgresPool, schema: string, keepsStatements = true) {
    this.#pool = pool;
    this.schema = schema;
    this.#keepsStatements = keepsStatements;
    this.context = pool.context;
  }

  tables(signal: AbortSignal): Promise<readonly TableInfo[]> {
    return this.#pool.use(signal, (client) => readTables(client, this.schema));
  }

  statistics(table: TableName, signal: AbortSignal): Promise<TableStatistics | undefined> {
    return this.#pool.use(signal, (client) => readStatistics(client, table.schema ?? this.schema, table.table));
  }

  async run(fragment: Fragment, signal: AbortSignal): Promise<FragmentResult> {
    if (fragment.kind !== 'sql') {
      throw new CausewayError(SQLSTATE.featureNotSupported, 'a postgres silo takes SQL fragments only');
    }
    throwIfAborted(signal);
    const { columns, split } = fragment;
    const batches = split === undefined ? this.#rows(fragment, signal) : this.#ranges(fragment, split, signal);
    return { kind: 'batches', columns, batches };
  }

  async *#ranges(
    fragment: SqlFragment,
    split: SplitRequest,
    signal: AbortSignal,
  ): AsyncGenerator<RecordBatch, void, undefined> {
    const read = (client: pg.ClientBase, part: SqlFragment) => copied(client, part, signal);
    try {
      yield* splitRows(this.#pool, this.schema, fragment, split, read, signal);
    } catch (thrown) {
      throw signal.aborted ? canceled(thrown) : postgresError(thrown, this.#pool.address);
    }
  }

  async *#rows(fragment: SqlFragment, signal: AbortSignal): AsyncGenerator<RecordBatch, void, undefined> {
    const { client, release } = await this.#pool.take(signal);
    let broken = true;
    try {
      const parameters = this.#keepsStatements ? fragment.parameters : undefined;
      if (parameters === undefined) yield* copied(client, fragment, signal);
      else {
        const statement = this.#names(client).use(transferText(fragment, fragment.text));
        yield* decoded(preparedRows(client, statement, parameters), new CopyDecoder(fragment.columns, false), signal);
      }
      broken = false;
    } catch (thrown) {
      if (fragment.parameters !== undefined) this.#names(client).drop(transferText(fragment, fragment.text));
      // After an error of the statement itself the connection is ready for the next one; after a fatal one it is dying.
      broken = !(thrown instanceof pg.DatabaseError && thrown.severity === 'ERROR');
      throw signal.aborted ? canceled(thrown) : postgresError(thrown, this.#pool.address);
    } finally {
      // A COPY that was left halfway cannot be skipped: its connection is closed.
      release(broken);
    }
  }

  #names(client: pg.PoolClient): StatementNames {
    let names = this.#prepared.get(client);
    if (names === undefined) {
      names = new StatementNames();
      this.#prepared.set(client, names);
    }
    return names;
  }

  write(request: WriteRequest, signal: AbortSignal): Promise<{ readonly rows: number }> {
    return this.#pool.use(signal, (client) => writeTable(client, this.schema, request, signal));
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

function copied(client: pg.ClientBase, fragment: SqlFragment, signal: AbortSignal) {
  const text = `COPY (${transferText(fragment, bindParameters(fragment))}) TO STDOUT (FORMAT binary)`;
  return decoded(copyOut(client, text), new CopyDecoder(fragment.columns), signal);
}

async function* decoded(
  rows: AsyncIterable<Buffer>,
  decoder: CopyDecoder,
  signal: AbortSignal,
): AsyncGenerator<RecordBatch, void, undefined> {
  for await (const messages of rows) {
    throwIfAborted(signal);
    yield* decoder.push(messages);
  }
  const last = decoder.end();
  if (last !== undefined) yield last;
}

/** The fragment, each column cast to the form it travels in; columns by position. */
function transferText({ columns }: SqlFragment, text: string): string {
  const names = columns.map((_, index) => `c${index}`);
  const casts = columns.map(({ type }, index) => `c${index}::${transferCast(type)}`);
  return `SELECT ${casts.join(', ')} FROM (${text}\n) AS t(${names.join(', ')})`;
}
