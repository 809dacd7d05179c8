/** Rows into a SQLite table, in one transaction. */
import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import type { RecordBatch } from 'apache-arrow';
import { throwIfAborted } from '../../src/plan/errors.ts';
import type { WriteRequest } from '../connector.ts';
import { quoteIdentifier as quote } from '../quoting.ts';
import { batchTexts } from '../row-text.ts';
import { guarded } from './errors.ts';
import { writtenType } from './types.ts';

/**
 * Creates or appends to the table; the caller closes the database, which undoes what was not committed.
 * @returns the number of rows written.
 */
export async function writeTable(
  database: DatabaseSync,
  { table, columns, batches, mode }: WriteRequest,
  signal: AbortSignal,
): Promise<{ readonly rows: number }> {
  database.exec('BEGIN IMMEDIATE');
  const name = quote(table.table);
  if (mode === 'create') {
    const definitions = columns.map((column) => `${quote(column.name)} ${writtenType(column.type)}`);
    guarded(() => database.exec(`CREATE TABLE ${name} (${definitions.join(', ')})`));
  }
  const names = columns.map((column) => quote(column.name)).join(', ');
  const insert = guarded(() =>
    database.prepare(`INSERT INTO ${name} (${names}) VALUES (${columns.map(() => '?').join(', ')})`),
  );
  let rows = 0;
  for await (const batch of batches) {
    throwIfAborted(signal);
    rows += batch.numRows;
    for (const values of storedRows(batch, columns)) guarded(() => insert.run(...values));
  }
  guarded(() => database.exec('COMMIT'));
  return { rows };
}

/** A batch's rows as SQLite keeps them: whole numbers, doubles, bytes, and text for everything else. */
function* storedRows(batch: RecordBatch, columns: WriteRequest['columns']): Generator<SQLInputValue[]> {
  const texts = batchTexts(batch, columns);
  for (let row = 0; row < batch.numRows; row++) {
    yield columns.map(({ type }, i) => {
      const text = texts[i]!(row);
      if (text === null) return null;
      if (type.kind === 'boolean') return text === 't' ? 1 : 0;
      if (type.kind === 'smallint' || type.kind === 'integer' || type.kind === 'bigint') return BigInt(text);
      if (type.kind === 'double' || type.kind === 'real') return Number(text);
      return type.kind === 'bytea' ? Buffer.from(text.slice(2), 'hex') : text;
    });
  }
}
