/** Numbers out of Arrow columns, for every layout of connectors/arrow.ts that a feature or a time may have. */
import { type Data, DataType, type Vector } from 'apache-arrow';
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';

/**
 * Writes a numeric, boolean, date, time or timestamp column to `into`, and 1 to `nulls` where it is NULL (what is
 * written to `into` there means nothing). Booleans are 0 and 1; dates and timestamps become microseconds since 1970 UTC, times
 * microseconds since midnight.
 */
export function readNumbers(vector: Vector, name: string, into: Float64Array, nulls: Uint8Array): void {
  let at = 0;
  for (const data of vector.data) {
    readChunk(data, name, into.subarray(at, at + data.length));
    if (data.nullCount > 0) {
      for (let row = 0; row < data.length; row++) if (!data.getValid(row)) nulls[at + row] = 1;
    }
    at += data.length;
  }
}

function readChunk(data: Data, name: string, into: Float64Array): void {
  const { length, type, values } = data;
  if (DataType.isBool(type)) {
    const bits = values as Uint8Array;
    for (let row = 0; row < length; row++) {
      into[row] = (bits[(data.offset + row) >> 3]! >> ((data.offset + row) & 7)) & 1;
    }
  } else if (DataType.isDecimal(type)) {
    readDecimals(values as Uint32Array, type.scale, into);
  } else if (DataType.isDate(type)) {
    readScaled(values, type.unit === 0 ? 86_400_000_000 : 1000, into);
  } else if (DataType.isTimestamp(type) || DataType.isTime(type)) {
    // Units are seconds, milli-, micro- and nanoseconds.
    readScaled(values, 10 ** (6 - 3 * type.unit), into);
  } else if (DataType.isInt(type) || DataType.isFloat(type)) {
    readScaled(values, 1, into);
  } else {
    throw new CausewayError(SQLSTATE.datatypeMismatch, `column "${name}" is not a number`, {
      detail: `Its Arrow type is ${type}.`,
      hint: 'Cast it in the training query, or leave it out.',
    });
  }
}

type Integers64 = BigInt64Array | BigUint64Array;

function readScaled(values: Integers64 | Float64Array | Int32Array, factor: number, into: Float64Array): void {
  if (values instanceof BigInt64Array || values instanceof BigUint64Array) {
    for (let row = 0; row < into.length; row++) into[row] = Number(values[row]) * factor;
  } else if (factor === 1) {
    into.set(values.subarray(0, into.length));
  } else {
    for (let row = 0; row < into.length; row++) into[row] = values[row]! * factor;
  }
}

/** 128-bit two's complement, little-endian words. */
function readDecimals(words: Uint32Array, scale: number, into: Float64Array): void {
  const unit = 10 ** scale;
  for (let row = 0; row < into.length; row++) {
    const [a, b, c, d] = words.subarray(row * 4, row * 4 + 4) as unknown as [number, number, number, number];
    const low = (BigInt(b) << 32n) | BigInt(a);
    const high = (BigInt(d | 0) << 32n) | BigInt(c);
    into[row] = Number((high << 64n) | low) / unit;
  }
}
