/** Rows of JavaScript values, as client libraries give them, into Arrow record batches. */
import { type Data, makeData, RecordBatch, type Schema, Struct, Type } from 'apache-arrow';
import { CausewayError, messageOf, SQLSTATE } from '../src/plan/errors.ts';
import type { SqlType } from '../src/plan/types.ts';
import { arrowSchema, arrowType } from './arrow.ts';
import type { ResultColumn } from './connector.ts';
import { parseDecimal, rescale } from './postgres-language/numeric.ts';
import { DATE_INFINITY, TIMESTAMP_INFINITY } from './postgres-language/text.ts';

/** A value in JavaScript's form or in PostgreSQL's text form, whichever the client library has. */
export type RowValue = string | number | bigint | boolean | Date | Uint8Array | null | undefined;

const BATCH_ROWS = 8192;

/**
 * Batches of rows whose i-th value belongs to `columns[i]`.
 * @throws CausewayError 22P02 or 22003 for a value that its column's type does not hold, naming the column.
 */
export async function* rowBatches(
  columns: readonly ResultColumn[],
  rows: AsyncIterable<readonly RowValue[]> | Iterable<readonly RowValue[]>,
): AsyncGenerator<RecordBatch, void, undefined> {
  const schema = arrowSchema(columns);
  let pending: (readonly RowValue[])[] = [];
  for await (const row of rows) {
    pending.push(row);
    if (pending.length < BATCH_ROWS) continue;
    yield batchOf(columns, schema, pending);
    pending = [];
  }
  if (pending.length > 0) yield batchOf(columns, schema, pending);
}

function batchOf(
  columns: readonly ResultColumn[],
  schema: Schema,
  rows: readonly (readonly RowValue[])[],
): RecordBatch {
  const children = columns.map((column, index) => columnData(column, rows, index));
  return new RecordBatch(
    schema,
    makeData({ type: new Struct(schema.fields), length: rows.length, nullCount: 0, children }),
  );
}

/**
 * The values at `index` of all rows as one column.
 * @throws CausewayError 22P02 or 22003, naming the column
 */
export function columnData({ name, type }: ResultColumn, rows: readonly (readonly RowValue[])[], index: number): Data {
  const bits = new Uint8Array(Math.ceil(rows.length / 8));
  let nullCount = 0;
  const arrow = arrowType(type);
  const store = storeOf(type, arrow.typeId, rows.length);
  for (const [row, values] of rows.entries()) {
    const value = values[index] ?? null;
    if (value === null) {
      nullCount++;
      store.skip(row);
      continue;
    }
    bits[row >> 3]! |= 1 << (row & 7);
    try {
      store.set(row, value);
    } catch (thrown) {
      if (thrown instanceof CausewayError) throw thrown;
      throw new CausewayError(
        SQLSTATE.invalidTextRepresentation,
        `column "${name}" holds "${String(value)}", which is no ${type.kind}: ${messageOf(thrown)}`,
        { cause: thrown },
      );
    }
  }
  const nulls = nullCount === 0 ? { nullCount } : { nullCount, nullBitmap: bits };
  return makeData({ type: arrow, length: rows.length, ...nulls, ...store.finish() } as never);
}

interface Store {
  set(row: number, value: NonNullable<RowValue>): void;
  skip(row: number): void;
  finish(): { readonly data: ArrayBufferView; readonly valueOffsets?: Int32Array };
}

function storeOf(type: SqlType, arrowId: Type, rows: number): Store {
  const skip = () => undefined;
  const fixed = <A extends ArrayBufferView>(
    data: A,
    set: (data: A, row: number, value: NonNullable<RowValue>) => void,
  ) => ({
    set: (row: number, value: NonNullable<RowValue>) => set(data, row, value),
    skip,
    finish: () => ({ data }),
  });
  switch (type.kind) {
    case 'boolean':
      return fixed(new Uint8Array(Math.ceil(rows / 8)), (data, row, value) => {
        if (toBoolean(value)) data[row >> 3]! |= 1 << (row & 7);
      });
    case 'smallint':
      return fixed(new Int16Array(rows), (data, row, value) => {
        data[row] = toInteger(value, 16);
      });
    case 'integer':
      return fixed(new Int32Array(rows), (data, row, value) => {
        data[row] = toInteger(value, 32);
      });
    case 'bigint':
      return fixed(new BigInt64Array(rows), (data, row, value) => {
        data[row] = toBigint(value);
      });
    case 'real':
      return fixed(new Float32Array(rows), (data, row, value) => {
        data[row] = toDouble(value);
      });
    case 'double':
      return fixed(new Float64Array(rows), (data, row, value) => {
        data[row] = toDouble(value);
      });
    case 'date':
      return fixed(new Int32Array(rows), (data, row, value) => {
        data[row] = toDays(value);
      });
    case 'time':
      return fixed(new BigInt64Array(rows), (data, row, value) => {
        data[row] = timeMicros(String(value));
      });
    case 'timestamp':
    case 'timestamptz':
      return fixed(new BigInt64Array(rows), (data, row, value) => {
        data[row] = toMicros(value);
      });
    case 'numeric':
      if (arrowId !== Type.Decimal) return texts(rows);
      return fixed(new Uint32Array(rows * 4), (data, row, value) => {
        const unscaled = rescale(parseDecimal(String(value)), type.scale ?? 0);
        if (String(unscaled).replace('-', '').length > (type.precision ?? 38)) throw outOfRange(value, type.kind);
        for (let word = 0; word < 4; word++)
          data[row * 4 + word] = Number(BigInt.asUintN(32, unscaled >> BigInt(32 * word)));
      });
    default:
      return texts(rows, type.kind);
  }
}

/** Offsets into one heap; bytea from `\x…` or bytes. */
function texts(rows: number, kind?: SqlType['kind']): Store {
  const offsets = new Int32Array(rows + 1);
  const parts: Uint8Array[] = [];
  const add = (row: number, part: Uint8Array) => {
    parts.push(part);
    offsets[row + 1] = offsets[row]! + part.length;
  };
  return {
    set: (row, value) => {
      if (kind === 'bytea') {
        add(row, value instanceof Uint8Array ? value : Buffer.from(String(value).replace(/^\\x/, ''), 'hex'));
      } else if (value instanceof Uint8Array) add(row, value);
      else add(row, Buffer.from(String(value)));
    },
    skip: (row) => {
      offsets[row + 1] = offsets[row]!;
    },
    finish: () => ({ data: Buffer.concat(parts), valueOffsets: offsets }),
  };
}

const outOfRange = (value: RowValue, kind: string) =>
  new CausewayError(SQLSTATE.numericValueOutOfRange, `value "${String(value)}" is out of range for type ${kind}`);

function toBoolean(value: NonNullable<RowValue>): boolean {
  if (typeof value === 'boolean') return value;
  const text = String(value).toLowerCase();
  if (['t', 'true', '1', 'y', 'yes', 'on'].includes(text)) return true;
  if (['f', 'false', '0', 'n', 'no', 'off'].includes(text)) return false;
  throw new Error('not true or false');
}

function toBigint(value: NonNullable<RowValue>): bigint {
  const whole = typeof value === 'bigint' ? value : BigInt(typeof value === 'number' ? value : String(value).trim());
  if (BigInt.asIntN(64, whole) !== whole) throw outOfRange(value, 'bigint');
  return whole;
}

function toInteger(value: NonNullable<RowValue>, bits: 16 | 32): number {
  const whole = toBigint(value);
  if (BigInt.asIntN(bits, whole) !== whole) throw outOfRange(value, bits === 16 ? 'smallint' : 'integer');
  return Number(whole);
}

function toDouble(value: NonNullable<RowValue>): number {
  if (typeof value === 'number') return value;
  const text = String(value).trim();
  if (text === 'NaN') return Number.NaN;
  const number = text === '' ? Number.NaN : Number(text);
  if (Number.isNaN(number)) throw new Error('not a number');
  return number;
}

const MICROS_PER_DAY = 86_400_000_000n;

/** Days since 1970-01-01 of `2024-02-29`, `0044-03-15 BC`, `infinity`. */
function toDays(value: NonNullable<RowValue>): number {
  if (value instanceof Date) return Math.floor(value.getTime() / 86_400_000);
  const text = String(value);
  if (text === 'infinity') return DATE_INFINITY;
  if (text === '-infinity') return -DATE_INFINITY;
  const match = /^(\d{4,})-(\d{2})-(\d{2})( BC)?$/.exec(text);
  if (match === null) throw new Error('not a date');
  const year = match[4] === undefined ? Number(match[1]) : 1 - Number(match[1]);
  const date = new Date(0);
  date.setUTCFullYear(year, Number(match[2]) - 1, Number(match[3]));
  return Math.floor(date.getTime() / 86_400_000);
}

/** `HH:MM:SS[.ffffff]` */
function timeMicros(text: string): bigint {
  const match = /^(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?$/.exec(text);
  if (match === null) throw new Error('not a time');
  const [, hours, minutes, seconds = '0', fraction = ''] = match;
  const whole = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
  return BigInt(whole) * 1_000_000n + BigInt(fraction.padEnd(6, '0').slice(0, 6));
}

/** Microseconds since 1970 of `2024-02-29 12:34:56.789+02`, with T or a space, a zone or none (UTC). */
function toMicros(value: NonNullable<RowValue>): bigint {
  if (value instanceof Date) return BigInt(value.getTime()) * 1000n;
  // Microseconds, as services count them.
  if (typeof value === 'bigint') return value;
  const text = String(value);
  if (text === 'infinity') return TIMESTAMP_INFINITY;
  if (text === '-infinity') return -TIMESTAMP_INFINITY;
  const match = /^(\d{4,}-\d{2}-\d{2})(?:[ T]([\d:.]+))?(?:Z|([+-])(\d{2})(?::?(\d{2}))?)?( BC)?$/.exec(text);
  if (match === null) throw new Error('not a timestamp');
  const [, date, time = '00:00:00', sign, hours = '0', minutes = '0', era = ''] = match;
  const offset = BigInt(Number(hours) * 60 + Number(minutes)) * 60_000_000n * (sign === '-' ? -1n : 1n);
  return BigInt(toDays(date! + era)) * MICROS_PER_DAY + timeMicros(time) - offset;
}
