/** `CREATE FEDERATED TABLE [IF NOT EXISTS] t AS silo.table, silo.table, …`. */
import type { Cursor } from './cursor.ts';
import type { CreateFederatedTable, Located } from './statement.ts';

export function createFederatedTable(cursor: Cursor): CreateFederatedTable {
  const ifNotExists = cursor.accept('if', 'not', 'exists');
  const name = cursor.name('a table name');
  cursor.expect('as');
  const members: { silo: Located<string>; table: Located<string> }[] = [];
  do {
    const silo = cursor.name('silo.table');
    cursor.expect('.');
    members.push({ silo, table: cursor.name('a table name') });
  } while (cursor.accept(','));
  return { kind: 'create-federated-table', ifNotExists, name, members };
}
