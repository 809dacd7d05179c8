/** Rows into a PostgreSQL table by COPY, in one transaction. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { RecordBatch } from 'apache-arrow';
import type { ClientBase } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { throwIfAborted } from '../../src/plan/errors.ts';
import { typeName } from '../../src/plan/types.ts';
import type { WriteRequest } from '../connector.ts';
import { batchTexts } from '../row-text.ts';

/**
 * Creates or appends to the table; a failure leaves nothing behind.
 * @returns the number of rows written.
 */
export async function writeTable(
  client: ClientBase,
  defaultSchema: string,
  request: WriteRequest,
  signal: AbortSignal,
): Promise<{ readonly rows: number }> {
  const { table, columns, batches, mode } = request;
  const target = [table.schema ?? defaultSchema, table.table].map((name) => client.escapeIdentifier(name)).join('.');
  const names = columns.map(({ name }) => client.escapeIdentifier(name));
  await client.query('BEGIN');
  try {
    if (mode === 'create') {
      const definitions = columns.map(({ type }, index) => {
        return `${names[index]} ${type.kind === 'unknown' ? 'text' : typeName(type)}`;
      });
      await client.query(`CREATE TABLE ${target} (${definitions.join(', ')})`);
    }
    const copy = client.query(copyFrom(`COPY ${target} (${names.join(', ')}) FROM STDIN`));
    await pipeline(Readable.from(copyLines(request, batches, signal), { objectMode: false }), copy);
    throwIfAborted(signal);
    await client.query('COMMIT');
    return { rows: copy.rowCount };
  } catch (thrown) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw thrown;
  }
}

/** The rows in COPY's text format, one buffer a batch. */
async function* copyLines(
  request: WriteRequest,
  batches: AsyncIterable<RecordBatch>,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  for await (const batch of batches) {
    throwIfAborted(signal);
    const columns = batchTexts(batch, request.columns);
    const lines: string[] = [];
    for (let row = 0; row < batch.numRows; row++) {
      lines.push(columns.map((text) => escapeField(text(row))).join('\t'));
    }
    if (lines.length > 0) yield Buffer.from(`${lines.join('\n')}\n`);
  }
}

const escapeField = (text: string | null): string =>
  text === null ? '\\N' : text.replace(/[\\\t\n\r]/g, (character) => ESCAPES[character]!);

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };
