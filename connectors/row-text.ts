/** Arrow values in PostgreSQL's text form, row by row: for COPY, for printing, for the wire. */
import type { Data, RecordBatch } from 'apache-arrow';
import type { SqlType } from '../src/plan/types.ts';
import type { ResultColumn } from './connector.ts';
import * as text from './postgres-language/text.ts';

/** For each column a function from row number to text, null for NULL. */
export function batchTexts(
  batch: RecordBatch,
  columns: readonly ResultColumn[],
): readonly ((row: number) => string | null)[] {
  return columns.map(({ type }, index) => {
    const data = batch.data.children[index]!;
    const read = columnText(data, type);
    return (row) => (data.nullCount !== 0 && !data.getValid(row) ? null : read(row));
  });
}

function columnText(data: Data, type: SqlType): (row: number) => string {
  const values = data.values;
  switch (type.kind) {
    case 'boolean':
      return (row) => ((values[(data.offset + row) >> 3] >> ((data.offset + row) & 7)) & 1 ? 't' : 'f');
    case 'real':
      return (row) => text.realText(values[row]);
    case 'double':
      return (row) => text.doubleText(values[row]);
    case 'date':
      return (row) => text.dateText(values[row]);
    case 'time':
      return (row) => text.timeText(values[row]);
    case 'timestamp':
    case 'timestamptz':
      return (row) => text.timestampText(values[row], type.kind === 'timestamptz');
    case 'bytea':
      return (row) => text.byteaText(slice(data, row));
    case 'smallint':
    case 'integer':
    case 'bigint':
      return (row) => String(values[row]);
    case 'numeric':
      if (data.valueOffsets === undefined || data.valueOffsets.length === 0) {
        return (row) => text.decimalText(decimalValue(values, row * 4), type.scale ?? 0);
      }
      return (row) => slice(data, row).toString();
    default:
      return (row) => slice(data, row).toString();
  }
}

function slice(data: Data, row: number): Buffer {
  const bytes = data.values as Uint8Array;
  const from = data.valueOffsets[row];
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, data.valueOffsets[row + 1] - from);
}

/** Four 32-bit words, least significant first, as one signed number. */
function decimalValue(words: Uint32Array, at: number): bigint {
  const high = (BigInt(words[at + 3]!) << 32n) | BigInt(words[at + 2]!);
  return (BigInt.asIntN(64, high) << 64n) | (BigInt(words[at + 1]!) << 32n) | BigInt(words[at]!);
}
