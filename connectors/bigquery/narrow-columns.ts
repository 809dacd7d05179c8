/**
 * BigQuery's wide numbers in narrower columns, array by array: INT64 where a statement says integer, NUMERIC with its nine
 * decimals where it says numeric(12,2). Values that do not fit are left to the slow way, which finds what is to be said.
 */
import { type Data, DataType, type Decimal, makeData } from 'apache-arrow';

/** Undefined when `wanted` is no narrower kind of the same, or a value does not fit. */
export function narrowed(data: Data, wanted: DataType): Data | undefined {
  const { type } = data;
  if (DataType.isInt(type) && DataType.isInt(wanted) && type.bitWidth === 64) return narrowIntegers(data, wanted);
  if (!DataType.isDecimal(type) || !DataType.isDecimal(wanted) || type.bitWidth !== 128) return undefined;
  return type.scale > wanted.scale ? fewerDecimals(data, type, wanted) : undefined;
}

function narrowIntegers(data: Data, wanted: DataType): Data | undefined {
  const wide = data.values as BigInt64Array;
  const words = new Int32Array(wide.buffer, wide.byteOffset, wide.length * 2);
  const values = wanted.ArrayType === Int16Array ? new Int16Array(data.length) : new Int32Array(data.length);
  for (let row = 0; row < data.length; row++) {
    const low = words[2 * row]!;
    values[row] = low;
    if ((values[row] !== low || words[2 * row + 1] !== low >> 31) && data.getValid(row)) return undefined;
  }
  return sameRows(data, wanted, values);
}

/** Values that a double holds exactly, and that lose nothing. */
function fewerDecimals(data: Data, from: Decimal, to: Decimal): Data | undefined {
  const words = data.values as Uint32Array;
  const divisor = 10 ** (from.scale - to.scale);
  const limit = 10 ** to.precision;
  const out = new Int32Array(data.length * 4);
  for (let at = 0; at < out.length; at += 4) {
    const high = words[at + 1]! | 0;
    const sign = high >> 31;
    const value = high * 2 ** 32 + words[at]!;
    const scaled = value / divisor;
    const wide = words[at + 2]! !== sign >>> 0 || words[at + 3]! !== sign >>> 0 || !Number.isSafeInteger(value);
    if (wide || !Number.isInteger(scaled) || Math.abs(scaled) >= limit) {
      if (data.getValid(at / 4)) return undefined;
      continue;
    }
    out[at] = scaled;
    out[at + 1] = Math.floor(scaled / 2 ** 32);
    out[at + 2] = sign;
    out[at + 3] = sign;
  }
  return sameRows(data, to, new Uint32Array(out.buffer));
}

function sameRows({ length, nullBitmap, nullCount }: Data, type: DataType, values: ArrayBufferView): Data {
  return makeData({ type, length, nullCount, ...(nullCount === 0 ? {} : { nullBitmap }), data: values } as never);
}
