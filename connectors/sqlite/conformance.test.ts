import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { conformance } from '../conformance.ts';
import { sqlite } from './connector.ts';

/** Declared types that the connector reads back as ours. */
const DECLARED: Readonly<Record<string, string>> = {
  smallint: 'SMALLINT',
  integer: 'MEDIUMINT',
  bigint: 'BIGINT',
  double: 'DOUBLE',
  bytea: 'BLOB',
};

conformance({
  connector: sqlite,
  skip: { cut: '(a file has no connection)', cancel: '(SQLite works in this process; an abort is seen between rows)' },
  open: async () => {
    const directory = mkdtempSync(join(tmpdir(), 'causeway-sqlite-'));
    const path = join(directory, 'silo.db');
    return {
      options: { path },
      async load(tables) {
        const database = new DatabaseSync(path);
        const quote = (name: string) => `"${name.replaceAll('"', '""')}"`;
        database.exec('BEGIN');
        for (const { name, columns, rows } of tables) {
          const definitions = columns.map((column) => `${quote(column.name)} ${DECLARED[column.type.kind] ?? 'TEXT'}`);
          database.exec(`CREATE TABLE ${quote(name)} (${definitions.join(', ')})`);
          const insert = database.prepare(`INSERT INTO ${quote(name)} VALUES (${columns.map(() => '?').join(', ')})`);
          for (const row of rows) {
            const values = row.map((text, i) => {
              const kind = columns[i]!.type.kind;
              if (text === null) return null;
              if (kind === 'bytea') return Buffer.from(text.slice(2), 'hex');
              return kind === 'bigint' || kind === 'integer' || kind === 'smallint' ? BigInt(text) : text;
            });
            insert.run(...values);
          }
        }
        database.exec('COMMIT');
        database.close();
      },
      [Symbol.asyncDispose]: async () => rmSync(directory, { recursive: true, force: true }),
    };
  },
});
