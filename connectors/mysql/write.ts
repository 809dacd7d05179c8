/** Rows into a MySQL table: many rows an INSERT, in one transaction. */
import type { PoolConnection } from 'mysql2';
import { throwIfAborted } from '../../src/plan/errors.ts';
import type { WriteRequest } from '../connector.ts';
import { quoteIdentifier, quoteLiteral } from '../quoting.ts';
import { batchTexts } from '../row-text.ts';
import { mysqlError } from './errors.ts';
import { writtenType } from './types.ts';

const INSERT_ROWS = 1000;

/**
 * Creates or appends to the table. DDL ends a transaction in MySQL, so a table that was made is dropped when its rows fail.
 * @returns the number of rows written.
 */
export async function writeTable(
  query: (text: string) => Promise<unknown>,
  connection: PoolConnection,
  { table, columns, batches, mode }: WriteRequest,
  address: string,
  signal: AbortSignal,
): Promise<{ readonly rows: number }> {
  const name = quoteIdentifier(table.table);
  const run = (text: string) =>
    new Promise<void>((done, fail) => {
      connection.query(text, (error) => (error === null ? done() : fail(mysqlError(error, address))));
    });
  let created = false;
  let rows = 0;
  try {
    if (mode === 'create') {
      const definitions = columns.map((column) => `${quoteIdentifier(column.name)} ${writtenType(column.type)}`);
      await run(`CREATE TABLE ${name} (${definitions.join(', ')}) CHARACTER SET utf8mb4`);
      created = true;
    }
    await run('START TRANSACTION');
    const names = columns.map((column) => quoteIdentifier(column.name)).join(', ');
    for await (const batch of batches) {
      throwIfAborted(signal);
      const texts = batchTexts(batch, columns);
      for (let start = 0; start < batch.numRows; start += INSERT_ROWS) {
        const count = Math.min(INSERT_ROWS, batch.numRows - start);
        const values = Array.from({ length: count }, (_, i) => {
          const literals = columns.map(({ type }, c) => literal(texts[c]!(start + i), type.kind));
          return `(${literals.join(', ')})`;
        });
        await run(`INSERT INTO ${name} (${names}) VALUES ${values.join(', ')}`);
      }
      rows += batch.numRows;
    }
    await run('COMMIT');
    connection.release();
    return { rows };
  } catch (thrown) {
    connection.destroy();
    if (created) await query(`DROP TABLE IF EXISTS ${name}`);
    throw thrown;
  }
}

/** A value as the session reads it: standard quotes, no escapes (connector.ts). */
function literal(text: string | null, kind: string): string {
  if (text === null) return 'NULL';
  if (kind === 'boolean') return text === 't' ? '1' : '0';
  if (kind === 'bytea') return `X'${text.slice(2)}'`;
  return quoteLiteral(kind === 'timestamptz' ? text.replace(/\+00$/, '') : text);
}
