/** Numbers out of Arrow columns, for every layout of connectors/arrow.ts that a feature or a time may have. */
import { type Data, DataType, type Vector } from 'apache-arrow';
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';

/** Value of a row, or undefined for NULL. */
export type NumberReader = (row: number) => number | undefined;

/**
 * Reads a numeric, boolean, date, time or timestamp column. Booleans are 0 and 1; dates and timestamps become microseconds since
 * 1970 UTC, times microseconds since midnight.
 */
export function numberReader(vector: Vector, name: string): NumberReader {
  const chunks = vector.data.map((data) => chunkReader(data, name));
  if (chunks.length === 1) return chunks[0]!;
  const starts: number[] = [];
  let rows = 0;
  for (const data of vector.data) {
    starts.push(rows);
    rows += data.length;
  }
  return (row) => {
    let chunk = starts.length - 1;
    while (starts[chunk]! > row) chunk--;
    return chunks[chunk]!(row - starts[chunk]!);
  };
}

function chunkReader(data: Data, name: string): NumberReader {
  const value = valueReader(data, name);
  if (data.nullCount === 0) return value;
  return (row) => (data.getValid(row) ? value(row) : undefined);
}

function valueReader(data: Data, name: string): (row: number) => number {
  const { type, values } = data;
  if (DataType.isBool(type)) {
    const bits = values as Uint8Array;
    return (row) => (bits[(data.offset + row) >> 3]! >> ((data.offset + row) & 7)) & 1;
  }
  if (DataType.isDecimal(type)) return decimalReader(values as Uint32Array, type.scale);
  if (DataType.isDate(type)) {
    const days = type.unit === 0;
    return (row) => Number(values[row]) * (days ? 86_400_000_000 : 1000);
  }
  if (DataType.isTimestamp(type) || DataType.isTime(type)) {
    const perUnit = 10 ** (6 - 3 * type.unit);
    return (row) => Number(values[row]) * perUnit;
  }
  if (DataType.isInt(type) || DataType.isFloat(type)) {
    if (values instanceof BigInt64Array || values instanceof BigUint64Array) return (row) => Number(values[row]);
    return (row) => values[row];
  }
  throw new CausewayError(SQLSTATE.datatypeMismatch, `column "${name}" is not a number`, {
    detail: `Its Arrow type is ${type}.`,
    hint: 'Cast it in the training query, or leave it out.',
  });
}

/** 128-bit two's complement, little-endian words. */
function decimalReader(words: Uint32Array, scale: number): (row: number) => number {
  const unit = 10 ** scale;
  return (row) => {
    const [a, b, c, d] = words.subarray(row * 4, row * 4 + 4) as unknown as [number, number, number, number];
    const low = (BigInt(b) << 32n) | BigInt(a);
    const high = (BigInt(d | 0) << 64n) | (BigInt(c) << 32n);
    return Number((high << 32n) | low) / unit;
  };
}
