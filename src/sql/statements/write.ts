/** `CREATE TABLE [IF NOT EXISTS] silo.t AS query`, `INSERT INTO silo.t [(columns)] query`, `EXPORT (query) TO [silo] 'file'`. */
import { type Cursor, QUERY_STARTS } from './cursor.ts';
import type { CreateTableAs, ExportQuery, InsertInto, Located } from './statement.ts';

/** After `CREATE TABLE`. */
export function createTableAs(cursor: Cursor): CreateTableAs {
  const ifNotExists = cursor.accept('if', 'not', 'exists');
  const { silo, table } = target(cursor);
  cursor.expect('as');
  return { kind: 'create-table-as', ifNotExists, silo, table, query: cursor.query() };
}

/** After `INSERT INTO`. */
export function insertInto(cursor: Cursor): InsertInto {
  const { silo, table } = target(cursor);
  // A parenthesis may open the column list or the query itself.
  const isQuery = QUERY_STARTS.some((word) => word === cursor.peek().value);
  if (!cursor.at('(') || isQuery) return { kind: 'insert', silo, table, query: cursor.query() };
  const columns = cursor.names('a column');
  return { kind: 'insert', silo, table, columns, query: cursor.query() };
}

/** After `EXPORT`. */
export function exportQuery(cursor: Cursor): ExportQuery {
  cursor.expect('(');
  const { value: text, offset } = cursor.textUntil(')');
  cursor.expect(')');
  cursor.expect('to');
  const silo = cursor.token.kind === 'string' ? {} : { silo: cursor.name("a silo, or a file's name in quotes") };
  return { kind: 'export-query', query: { text, offset }, ...silo, path: cursor.string('a file name in quotes') };
}

function target(cursor: Cursor): { silo: Located<string>; table: Located<string> } {
  const silo = cursor.name('silo.table');
  cursor.expect('.');
  return { silo, table: cursor.name('a table name') };
}
