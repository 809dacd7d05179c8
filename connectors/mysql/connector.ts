/** A MySQL or MariaDB database as a silo. */
import { promisify } from 'node:util';
import mysql2, { createConnection, createPool, type FieldPacket, type PoolConnection, type PoolOptions } from 'mysql2';
import { SQLSTATE } from '../../src/plan/errors.ts';
import { informationSchema } from '../catalog-rows.ts';
import type { KnownErrors } from '../client-errors.ts';
import type { Connector } from '../connector.ts';
import { type Declarations, type DeclaredTypes, STANDARD_DECLARATIONS, STANDARD_TYPES } from '../declared-types.ts';
import { type ServerLogin, serverLogin, serverOptions } from '../options.ts';
import { quoteLiteral } from '../quoting.ts';
import { openSqlSilo, type SqlConnection, type SqlSiloParts } from '../sql-silo.ts';
import { mysqlCapabilities } from './capabilities.ts';

/** Standard quotes and escapes, errors instead of silent changes, times in UTC. */
const SESSION = `SET SESSION sql_mode = 'ANSI,STRICT_ALL_TABLES,NO_BACKSLASH_ESCAPES,NO_ZERO_DATE', time_zone = '+00:00'`;

/** A column's type in the catalog, with what the widest whole numbers need. */
const DECLARED = `IF(c.column_type LIKE 'bigint%unsigned', 'decimal(20, 0)', c.column_type)`;

/** By their names in the catalog and in the protocol, where the standard's are not meant. */
export const mysqlTypes: DeclaredTypes = [
  [/^tinyint\(1\)/, 'boolean'],
  [/^(tiny|tinyint|year)\b|^short\b(?!.*unsigned)/, 'smallint'],
  [/^(smallint\b.*|short) unsigned|^int24|^long\b(?!.*unsigned)/, 'integer'],
  [/^(int\b.*|long) unsigned|^longlong/, 'bigint'],
  [/^float/, 'real'],
  [/^timestamp/, 'timestamptz'],
  ...STANDARD_TYPES,
];

export const mysqlDeclarations: Declarations = {
  ...STANDARD_DECLARATIONS,
  boolean: 'tinyint(1)',
  real: 'float',
  bytea: 'longblob',
  timestamp: 'datetime(6)',
  timestamptz: 'timestamp(6) NULL',
  other: 'longtext',
};

const ERRORS: KnownErrors = [
  [/^ER_BAD_DB_ERROR/, '3D000', 'Check the option database.'],
  [/^ER_DBACCESS_DENIED_ERROR/, SQLSTATE.insufficientPrivilege, 'Ask for the privileges of this database.'],
  [/^ER_PARSE_ERROR/, SQLSTATE.syntaxError],
  [/^ER_DUP_ENTRY/, '23505'],
];

export const mysql: Connector = {
  kind: 'mysql',
  options: serverOptions(3306),
  capabilities: mysqlCapabilities,
  connect(options, signal) {
    const { login, connections, address } = serverLogin(mysql, options, 3306);
    const { user, database } = login;
    const pool = createPool({ ...login, ...VALUES, connectionLimit: connections, connectTimeout: 10_000 });
    // Queries of a connection run in order: this one is its first.
    pool.on('connection', (connection) => connection.query(SESSION));
    const silo: SqlSiloParts = {
      connector: mysql,
      context: `mysql:${address}:${user}`,
      schema: database,
      open: async () => sqlConnection(await promisify(pool.getConnection.bind(pool))(), login),
      catalog: informationSchema(database, DECLARED, ['c.column_comment', 't.table_comment']),
      types: mysqlTypes,
      errors: { server: `MySQL at ${address}`, known: ERRORS },
      statistics: (table, ask) => ask(statisticsOf(database, table)),
      writing: {
        declarations: mysqlDeclarations,
        tableOptions: ' CHARACTER SET utf8mb4',
        createCommits: true,
        literals: { timestamptz: (text) => quoteLiteral(text.replace(/\+00$/, '')) },
      },
      close: promisify(pool.end.bind(pool)),
    };
    return openSqlSilo(silo, signal);
  },
};

/** Texts and bytes as the server sent them, in the columns' places. */
const VALUES: PoolOptions = {
  charset: 'utf8mb4',
  rowsAsArray: true,
  timezone: 'Z',
  typeCast: (field) => (field.type === 'GEOMETRY' ? null : field.buffer()),
};

const sqlConnection = (connection: PoolConnection, login: ServerLogin): SqlConnection => ({
  async *rows(text) {
    const stream = connection.query(text).stream({ highWaterMark: 4096 });
    // A lost connection is told to the connection alone, and the stream would wait for ever.
    const lost = (error: Error) => stream.destroy(error);
    connection.on('error', lost);
    try {
      // What a statement without rows gives is no list of values.
      for await (const row of stream) if (Array.isArray(row)) yield row;
    } finally {
      connection.off('error', lost);
    }
  },
  async describe(text) {
    const [, fields] = await connection.promise().query(`SELECT * FROM (${text}\n) AS t LIMIT 0`);
    return fields.map((field) => ({ name: field.name, declared: declaredAs(field) }));
  },
  /** From another connection: this one is busy. */
  cancel() {
    const other = createConnection(login).on('error', () => undefined);
    other.query(`KILL QUERY ${connection.threadId}`, () => other.destroy());
  },
  release: (reusable) => (reusable ? connection.release() : connection.destroy()),
});

/** The protocol's types by number; they stand in a getter of the CommonJS module, which Node does not see as a named export. */
const NAMES = new Map(Object.entries(mysql2.Types).map(([name, number]) => [Number(number), name.toLowerCase()]));

/** Numbers of the protocol: the character set of bytes, and the flag of a column without a sign. */
const BINARY = 63;
const UNSIGNED = 32;

/** The type of a result's column in the catalog's words. */
function declaredAs({ columnType = 0, columnLength = 0, decimals = 0, characterSet, flags }: FieldPacket): string {
  const name = NAMES.get(columnType)!;
  const unsigned = Number(flags) & UNSIGNED;
  if (characterSet !== BINARY && /blob|string/.test(name)) return 'text';
  if (name === 'longlong' && unsigned) return 'decimal(20, 0)';
  // The length counts a sign and, where there are decimals, a point.
  if (name === 'newdecimal') return `decimal(${columnLength - (decimals > 0 ? 2 : 1)}, ${decimals})`;
  return unsigned ? `${name} unsigned` : name;
}

/** Rows as the engine estimates them, and the distinct values of columns that an index begins with. */
const statisticsOf = (database: string, table: string) =>
  `SELECT t.table_rows, t.data_length, s.column_name, max(s.cardinality)
   FROM information_schema.tables t LEFT JOIN information_schema.statistics s
     ON s.table_schema = t.table_schema AND s.table_name = t.table_name AND s.seq_in_index = 1
   WHERE t.table_schema = ${quoteLiteral(database)} AND t.table_name = ${quoteLiteral(table)} GROUP BY 1, 2, 3`;
