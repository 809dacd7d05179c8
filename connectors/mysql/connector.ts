/** A MySQL or MariaDB database as a silo. */
import {
  createConnection,
  createPool,
  type Pool,
  type PoolConnection,
  type RowDataPacket,
  type TypeCastField,
} from 'mysql2';
import { CausewayError, canceled, SQLSTATE, throwIfAborted } from '../../src/plan/errors.ts';
import type {
  ColumnInfo,
  Connector,
  Fragment,
  Silo,
  SqlFragment,
  TableInfo,
  TableStatistics,
  WriteRequest,
} from '../connector.ts';
import { checkOptions } from '../options.ts';
import { bindParameters } from '../parameters.ts';
import { quoteLiteral } from '../quoting.ts';
import { type RowValue, rowBatches } from '../row-batches.ts';
import { mysqlCapabilities } from './capabilities.ts';
import { mysqlError } from './errors.ts';
import { describedType, typeFromCatalog } from './types.ts';
import { writeTable } from './write.ts';

/** Standard quotes and escapes, errors instead of silent changes, times in UTC. */
const SESSION = `SET SESSION sql_mode = 'ANSI,STRICT_ALL_TABLES,NO_BACKSLASH_ESCAPES,NO_ZERO_DATE', time_zone = '+00:00'`;

export const mysql: Connector = {
  kind: 'mysql',
  options: [
    { name: 'host', description: 'server name or address; localhost when absent' },
    { name: 'port', description: 'server port; 3306 when absent' },
    { name: 'database', description: 'database name', required: true },
    { name: 'user', description: 'user to connect as', required: true },
    { name: 'password', description: "the user's password", secret: true },
    { name: 'connections', description: 'the most connections held at once; 8 when absent' },
  ],
  capabilities: mysqlCapabilities,
  async connect(options, signal) {
    checkOptions(mysql, options);
    throwIfAborted(signal);
    const { host = 'localhost', port = '3306', user, password = '', database, connections = '8' } = options;
    const silo = new MysqlSilo({
      ...{ host, port: Number(port), user: user!, password, database: database! },
      ...{ charset: 'utf8mb4', connectTimeout: 10_000, connectionLimit: Number(connections) },
    });
    try {
      await silo.query('SELECT 1', signal);
      return silo;
    } catch (thrown) {
      await silo[Symbol.asyncDispose]();
      throw thrown;
    }
  },
};

/** Values as the text the server sent, or as bytes. */
function typeCast(field: TypeCastField): string | Buffer | null {
  return field.type === 'GEOMETRY' ? null : field.buffer();
}

interface Login {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly charset: string;
  readonly connectTimeout: number;
  readonly connectionLimit: number;
}

class MysqlSilo implements Silo {
  readonly context: string;
  readonly schema: string;
  readonly #pool: Pool;
  readonly #login: Login;
  readonly #address: string;
  readonly #database: string;

  constructor(login: Login) {
    this.#login = login;
    this.#address = `${login.host}:${login.port}/${login.database}`;
    this.#database = login.database;
    this.schema = login.database;
    this.context = `mysql:${this.#address}:${login.user}`;
    this.#pool = createPool({ ...login, rowsAsArray: true, typeCast, timezone: 'Z' });
    // Queries of a connection run in order: this one is its first.
    this.#pool.on('connection', (connection) => connection.query(SESSION));
  }

  async tables(signal: AbortSignal): Promise<readonly TableInfo[]> {
    const rows = await this.query(
      `SELECT c.table_name, t.table_type, c.column_name, c.column_type, c.is_nullable, c.column_key, c.column_comment, t.table_comment
       FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
       WHERE c.table_schema = ${quoteLiteral(this.#database)} ORDER BY c.table_name, c.ordinal_position`,
      signal,
    );
    return [...Map.groupBy(rows, ([table]) => table!)].map(([table, columns]) => {
      const primaryKey = columns.filter((column) => column[5] === 'PRI').map((column) => column[2]!);
      return {
        table,
        kind: columns[0]![1] === 'VIEW' ? 'view' : 'table',
        columns: columns.map(([, , name, type, nullable, , comment]) => ({
          name: name!,
          type: typeFromCatalog(type!),
          nullable: nullable === 'YES',
          ...(comment === '' || comment === null ? {} : { comment: comment! }),
        })),
        ...(primaryKey.length === 0 ? {} : { primaryKey }),
        ...(columns[0]![7] ? { comment: columns[0]![7] } : {}),
      };
    });
  }

  async statistics({ table }: { readonly table: string }, signal: AbortSignal): Promise<TableStatistics | undefined> {
    const which = `table_schema = ${quoteLiteral(this.#database)} AND table_name = ${quoteLiteral(table)}`;
    const [found] = await this.query(
      `SELECT table_rows, data_length FROM information_schema.tables WHERE ${which}`,
      signal,
    );
    if (found?.[0] == null) return undefined;
    const keys = await this.query(
      `SELECT column_name, max(cardinality) FROM information_schema.statistics WHERE ${which} AND seq_in_index = 1
       GROUP BY column_name`,
      signal,
    );
    const columns = Object.fromEntries(keys.map(([name, distinct]) => [name!, { distinct: Number(distinct) }]));
    return { rows: Number(found[0]), bytes: Number(found[1]), columns };
  }

  async run(fragment: Fragment, signal: AbortSignal) {
    throwIfAborted(signal);
    if (fragment.kind !== 'sql')
      throw new CausewayError(SQLSTATE.featureNotSupported, 'a mysql silo takes SQL fragments only');
    return {
      kind: 'batches',
      columns: fragment.columns,
      batches: rowBatches(fragment.columns, this.#rows(fragment, signal)),
    } as const;
  }

  async *#rows(fragment: SqlFragment, signal: AbortSignal): AsyncGenerator<readonly RowValue[]> {
    const connection = await this.#connect(signal);
    const kill = () => this.#kill(connection.threadId);
    signal.addEventListener('abort', kill);
    let whole = false;
    const stream = connection.query(bindParameters(fragment)).stream({ highWaterMark: 4096 });
    // A lost connection is told to the connection alone, and the stream would wait for ever.
    const lost = (error: Error) => stream.destroy(error);
    connection.on('error', lost);
    try {
      for await (const row of stream) {
        throwIfAborted(signal);
        yield (row as (Buffer | null)[]).map((value, i) => {
          if (value === null) return null;
          return fragment.columns[i]!.type.kind === 'bytea' ? value : value.toString();
        });
      }
      whole = true;
    } catch (thrown) {
      throw signal.aborted ? canceled(thrown) : mysqlError(thrown, this.#address);
    } finally {
      signal.removeEventListener('abort', kill);
      connection.off('error', lost);
      // Rows that were left unread would come first at the connection's next use.
      if (whole) connection.release();
      else connection.destroy();
    }
  }

  async execute(text: string, signal: AbortSignal): Promise<void> {
    await this.query(text, signal);
  }

  async describe(text: string, signal: AbortSignal): Promise<readonly ColumnInfo[]> {
    const connection = await this.#connect(signal);
    return new Promise((done, fail) => {
      connection.query(`SELECT * FROM (${text}\n) AS t LIMIT 0`, (error, _rows, fields) => {
        connection.release();
        if (error !== null) fail(mysqlError(error, this.#address));
        else done(fields.map((field) => ({ name: field.name, type: describedType(field), nullable: true })));
      });
    });
  }

  async write(request: WriteRequest, signal: AbortSignal): Promise<{ readonly rows: number }> {
    return writeTable((text) => this.query(text, signal), await this.#connect(signal), request, this.#address, signal);
  }

  /** A statement's rows as texts. */
  async query(text: string, signal: AbortSignal): Promise<(string | null)[][]> {
    const connection = await this.#connect(signal);
    return new Promise((done, fail) => {
      connection.query<RowDataPacket[][]>(text, (error, rows) => {
        connection.release();
        if (error !== null) fail(signal.aborted ? canceled(error) : mysqlError(error, this.#address));
        else if (Array.isArray(rows))
          done(rows.map((row) => row.map((value) => (value === null ? null : String(value)))));
        else done([]);
      });
    });
  }

  async #connect(signal: AbortSignal): Promise<PoolConnection> {
    throwIfAborted(signal);
    return new Promise((done, fail) => {
      this.#pool.getConnection((error, connection) => {
        if (error !== null) fail(mysqlError(error, this.#address));
        else done(connection);
      });
    });
  }

  /** Ends what a connection runs, from another one. */
  #kill(thread: number): void {
    const other = createConnection(this.#login);
    other.on('error', () => undefined);
    other.query(`KILL QUERY ${thread}`, () => other.destroy());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return new Promise((done) => this.#pool.end(() => done()));
  }
}
