/** Rows as JSON objects, one per line: numbers and booleans as such, everything else as PostgreSQL's text. */
import type { RecordBatch } from 'apache-arrow';
import type { ResultColumn } from '../../../connectors/connector.ts';
import { BatchRows } from '../values/data-rows.ts';
import { DEFAULT_OUTPUT } from '../values/output-settings.ts';
import { MessageWriter } from '../wire/message-writer.ts';

/** Types whose text is a JSON number, NaN and the infinities aside. bigint and numeric would lose digits as numbers. */
const NUMBERS = new Set(['smallint', 'integer', 'real', 'double']);

export function jsonRows(batch: RecordBatch, columns: readonly ResultColumn[]): string {
  const rows = new BatchRows(batch, columns, [], DEFAULT_OUTPUT);
  const names = columns.map(({ name }) => JSON.stringify(name));
  const writer = new MessageWriter();
  let text = '';
  for (let row = 0; row < rows.length; row++) {
    writer.offset = 0;
    rows.write(writer, row, row + 1, 'none');
    let at = 0;
    const fields = columns.map(({ type }, i) => {
      const length = writer.buffer.readInt32BE(at);
      at += 4;
      if (length === -1) return `${names[i]}:null`;
      const value = writer.buffer.toString('utf8', at, at + length);
      at += length;
      return `${names[i]}:${json(type.kind, value)}`;
    });
    text += `{${fields.join()}}\n`;
  }
  return text;
}

function json(kind: string, value: string): string {
  if (kind === 'boolean') return value === 't' ? 'true' : 'false';
  if (kind === 'json' || kind === 'jsonb') return value;
  if (NUMBERS.has(kind) && Number.isFinite(Number(value))) return value;
  return JSON.stringify(value);
}
