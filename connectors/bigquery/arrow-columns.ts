/**
 * BigQuery's Arrow batches in the layout of ../arrow.ts. What is laid out alike (INT64, FLOAT64, STRING, BYTES, DATE, TIME,
 * DATETIME, TIMESTAMP, BOOL, NUMERIC as numeric(38,9)) is taken as it is, without a copy; the rest value by value.
 */
import {
  type Data,
  DataType,
  type Decimal,
  makeData,
  RecordBatch,
  RecordBatchReader,
  Struct,
  Vector,
} from 'apache-arrow';
import { CausewayError, messageOf, SQLSTATE } from '../../src/plan/errors.ts';
import { arrowSchema, arrowType } from '../arrow.ts';
import { registerArrowCodecs } from '../arrow-compression.ts';
import { reading } from '../arrow-values.ts';
import type { ResultColumn } from '../connector.ts';
import { columnData, type RowValue } from '../row-batches.ts';

registerArrowCodecs();

/**
 * The batches in `messages`, whose i-th column is `columns[i]`.
 * @throws CausewayError 08006 for bytes that are no Arrow; 22003 and 22P02 for values that their columns do not hold
 */
export async function* batchesInLayout(
  messages: AsyncIterable<Uint8Array>,
  columns: readonly ResultColumn[],
): AsyncGenerator<RecordBatch, void, undefined> {
  for await (const message of messages) {
    for (const batch of decode(message)) yield inLayout(batch, columns);
  }
}

function decode(message: Uint8Array): RecordBatch[] {
  try {
    return [...RecordBatchReader.from(message)];
  } catch (thrown) {
    throw new CausewayError(
      SQLSTATE.connectionFailure,
      `BigQuery sent what cannot be read as Arrow: ${messageOf(thrown)}`,
      { hint: 'Run the statement again.', cause: thrown },
    );
  }
}

function inLayout(batch: RecordBatch, columns: readonly ResultColumn[]): RecordBatch {
  if (batch.numCols !== columns.length) {
    throw new CausewayError(
      SQLSTATE.internalError,
      `BigQuery returned ${batch.numCols} columns instead of ${columns.length}`,
    );
  }
  const schema = arrowSchema(columns);
  const children = columns.map((column, i) => columnInLayout(column, batch.data.children[i]!));
  return new RecordBatch(
    schema,
    makeData({ type: new Struct(schema.fields), length: batch.numRows, nullCount: 0, children }),
  );
}

function columnInLayout(column: ResultColumn, data: Data): Data {
  const wanted = arrowType(column.type);
  if (alike(data.type, wanted)) return data;
  if (DataType.isDecimal(wanted) && DataType.isDecimal(data.type) && data.type.scale > wanted.scale) {
    const narrowed = fewerDecimals(data, data.type, wanted);
    if (narrowed !== undefined) return narrowed;
  }
  const read = reading(data.type, new Vector([data]));
  const shown = DataType.isDecimal(data.type) ? trimmed(read) : read;
  return columnData(
    column,
    Array.from({ length: data.length }, (_, row) => [shown(row)]),
    0,
  );
}

/** Bit for bit the same. Time zones are names of how it is shown; the moment is the same. */
function alike(given: DataType, wanted: DataType): boolean {
  if (DataType.isTimestamp(given) && DataType.isTimestamp(wanted)) return given.unit === wanted.unit;
  if (DataType.isDecimal(given) && DataType.isDecimal(wanted))
    return given.scale === wanted.scale && given.bitWidth === wanted.bitWidth && given.precision <= wanted.precision;
  return String(given) === String(wanted);
}

/** NUMERIC has no scale of its own: the nine decimals it always travels with say nothing. */
const trimmed =
  (read: (row: number) => RowValue) =>
  (row: number): RowValue => {
    const value = read(row);
    return typeof value === 'string' && value.includes('.') ? value.replace(/\.?0+$/, '') : value;
  };

/**
 * decimal128 with fewer decimals, for values that fit in a double and lose nothing; undefined when there are others, for
 * which the slow way finds what is to be said. Half of the time of a read went into doing this with BigInt.
 */
function fewerDecimals(data: Data, from: Decimal, to: Decimal): Data | undefined {
  if (from.bitWidth !== 128) return undefined;
  const words = data.values as Uint32Array;
  const divisor = 10 ** (from.scale - to.scale);
  const limit = 10 ** to.precision;
  const out = new Int32Array(data.length * 4);
  for (let row = 0; row < data.length; row++) {
    const at = row * 4;
    const high = words[at + 1]! | 0;
    const sign = high >> 31;
    if (data.nullCount > 0 && !data.getValid(row)) continue;
    if (words[at + 2]! !== sign >>> 0 || words[at + 3]! !== sign >>> 0) return undefined;
    const value = high * 2 ** 32 + words[at]!;
    const scaled = value / divisor;
    if (!Number.isSafeInteger(value) || !Number.isInteger(scaled) || Math.abs(scaled) >= limit) return undefined;
    out[at] = scaled;
    out[at + 1] = Math.floor(scaled / 2 ** 32);
    out.fill(sign, at + 2, at + 4);
  }
  const nulls = data.nullCount === 0 ? { nullCount: 0 } : { nullCount: data.nullCount, nullBitmap: bitmapOf(data) };
  return makeData({ type: to, length: data.length, ...nulls, data: new Uint32Array(out.buffer) });
}

const bitmapOf = (data: Data): Uint8Array => data.nullBitmap as Uint8Array;
