/** A SQLite file as a silo, read through Node's own SQLite. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';
import type { KnownErrors } from '../client-errors.ts';
import type { Connector } from '../connector.ts';
import { type Declarations, type DeclaredTypes, STANDARD_DECLARATIONS } from '../declared-types.ts';
import type { TableWriting } from '../insert-rows.ts';
import { checkOptions } from '../options.ts';
import { quoteLiteral } from '../quoting.ts';
import type { RowValue } from '../row-batches.ts';
import { type Ask, openSqlSilo, type SqlConnection } from '../sql-silo.ts';
import { sqliteCapabilities } from './capabilities.ts';

/** A declared type is only a hint, of which parts are looked at (sqlite.org/datatype3.html, §3.1). */
const TYPES: DeclaredTypes = [
  [/^(NUMERIC|DECIMAL)/i, 'numeric'],
  [/BOOL/i, 'boolean'],
  [/SMALLINT|INT2/i, 'smallint'],
  [/MEDIUMINT|INT4/i, 'integer'],
  [/INT/i, 'bigint'],
  [/REAL|FLOA|DOUB/i, 'double'],
  [/BLOB|BYTEA/i, 'bytea'],
  [/TIMESTAMPTZ/i, 'timestamptz'],
  [/DATETIME|TIMESTAMP/i, 'timestamp'],
  [/DATE/i, 'date'],
  [/JSON/i, 'json'],
];

/** Digits that SQLite keeps of what it takes for a number (§3); with TEXT in its type's name it keeps them as they are written. */
const KEPT_DIGITS = 15;

const DECLARATIONS: Declarations = {
  ...STANDARD_DECLARATIONS,
  integer: 'mediumint',
  real: 'double',
  double: 'double',
  numeric: (precision) => `${precision > KEPT_DIGITS ? 'decimal_text' : 'numeric'}($p, $s)`,
  varchar: 'text',
  time: 'text',
  timestamp: 'timestamp',
  timestamptz: 'timestamptz',
  other: 'text',
};

const ERRORS: KnownErrors = [
  [/no such table/, SQLSTATE.undefinedTable],
  [/no such column/, SQLSTATE.undefinedColumn],
  [/no such function/, SQLSTATE.undefinedFunction],
  [/already exists/, SQLSTATE.duplicateTable],
  [/syntax error|incomplete input/, SQLSTATE.syntaxError],
  [/integer overflow/, SQLSTATE.numericValueOutOfRange],
  [/not a database|malformed/, SQLSTATE.dataCorrupted],
  [/unable to open|disk I\/O/, SQLSTATE.ioError],
  [/full/, SQLSTATE.diskFull],
  [/locked|busy/, SQLSTATE.objectInUse],
];

const CATALOG = `
  SELECT t.name, t.type, c.name, c.type, iif(c."notnull" OR c.pk > 0, 'NO', 'YES'), nullif(c.pk, 0)
  FROM sqlite_schema t JOIN pragma_table_xinfo(t.name) c
  WHERE t.type IN ('table', 'view') AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND c.hidden = 0
  ORDER BY t.rowid, c.cid`;

/** Rows as ANALYZE left them. */
async function statistics(table: string, ask: Ask): ReturnType<Ask> {
  const analysed = await ask(`SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_stat1'`);
  if (analysed.length === 0) return [];
  return ask(`SELECT CAST(stat AS INTEGER) FROM sqlite_stat1 WHERE tbl = ${quoteLiteral(table)}`);
}

const double = (text: string): string => {
  if (text !== 'NaN') return text.replace('Infinity', '9e999');
  throw new CausewayError(SQLSTATE.numericValueOutOfRange, 'SQLite keeps no NaN: it would be NULL');
};

const WRITING: TableWriting = {
  declarations: DECLARATIONS,
  begin: 'BEGIN IMMEDIATE',
  literals: { double, real: double },
};

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
    const path = resolve(options.path!);
    if (!existsSync(path) && options.create !== 'true') {
      throw new CausewayError(SQLSTATE.undefinedFile, `there is no file ${path}`, {
        hint: "Check the option path, or add create 'true' to make a new database.",
      });
    }
    const readOnly = options.read_only === 'true';
    const idle: DatabaseSync[] = [];
    return openSqlSilo(
      {
        connector: sqlite,
        context: `sqlite:${path}`,
        schema: 'main',
        open: async () => sqlConnection(idle.pop() ?? openFile(path, readOnly), idle),
        catalog: CATALOG,
        types: TYPES,
        errors: { server: path, known: ERRORS, local: true },
        statistics,
        writing: WRITING,
        close: async () => {
          for (const database of idle) database.close();
        },
      },
      signal,
    );
  },
};

function openFile(path: string, readOnly: boolean): DatabaseSync {
  const database = new DatabaseSync(path, { readOnly, timeout: 5000 });
  // SQLite reads nothing before the first statement on a table: this one proves that the file is a database.
  database.exec('PRAGMA case_sensitive_like = ON; SELECT count(*) FROM sqlite_schema');
  return database;
}

const sqlConnection = (database: DatabaseSync, idle: DatabaseSync[]): SqlConnection => ({
  rows(text) {
    const statement = database.prepare(text);
    statement.setReadBigInts(true);
    statement.setReturnArrays(true);
    return statement.iterate() as unknown as Iterable<readonly RowValue[]>;
  },
  async describe(text) {
    return database
      .prepare(text)
      .columns()
      .map(({ name, type }) => ({ name, declared: type ?? '' }));
  },
  // A statement that is not through would keep the file locked against writers: closing ends it, and undoes a transaction.
  release: (reusable) => void (reusable ? idle.push(database) : database.close()),
});
