/**
 * One column of an Arrow batch as fields of rows, by its type and the format the client asked for.
 *
 * The layouts of `connectors/arrow.ts` are read from their typed arrays directly; whatever else arrives goes through
 * its text form.
 */
import { type Data, type DateDay, DateUnit, type Decimal, makeVector, Type } from 'apache-arrow';
import type { SqlType } from '../../plan/types.ts';
import type { Format } from '../wire/frontend.ts';
import { encodeBinary } from './binary.ts';
import { dateText } from './calendar.ts';
import { decimals } from './decimal-columns.ts';
import { composed, contiguous, type EncodedColumn, fixedWidth, separate, type Validity } from './encoded-column.ts';
import { doubleText, realText, roundedText } from './floats.ts';
import { exact, halves } from './halves.ts';
import type { OutputSettings } from './output-settings.ts';
import { writeAscii, writeInteger } from './text-encoders.ts';
import { dates, times, timestamps } from './time-columns.ts';

const NO_VALUES = new Uint8Array(0);

/** @param data the column's values in one batch */
export function columnEncoder(type: SqlType, format: Format, data: Data, output: OutputSettings): EncodedColumn {
  const binary = format === 'binary';
  const { values } = data;
  // Arrow's null type has no bitmap.
  const bits = data.typeId === Type.Null ? NO_VALUES : data.nullCount > 0 ? data.nullBitmap : undefined;
  const validity: Validity = { bits, offset: data.offset };
  switch (data.typeId) {
    case Type.Bool:
      if (type.kind === 'boolean') return booleans(data, validity, binary);
      break;
    case Type.Int:
      if (values instanceof Int16Array && type.kind === 'smallint') {
        if (binary) return fixedWidth(2, validity, (view, at, row) => view.setInt16(at, values[row]!));
        return composed(6, validity, (buffer, at, row) => writeInteger(buffer, at, values[row]!));
      }
      if (values instanceof Int32Array && type.kind === 'integer') {
        if (binary) return fixedWidth(4, validity, (view, at, row) => view.setInt32(at, values[row]!));
        return composed(11, validity, (buffer, at, row) => writeInteger(buffer, at, values[row]!));
      }
      if (values instanceof BigInt64Array && type.kind === 'bigint') return bigints(values, validity, binary);
      break;
    case Type.Float:
      if (values instanceof Float64Array && type.kind === 'double') return doubles(values, validity, binary, output);
      if (values instanceof Float32Array && type.kind === 'real') return reals(values, validity, binary, output);
      break;
    case Type.Decimal:
      if (type.kind === 'numeric' && (data.type as Decimal).bitWidth === 128) return decimals(data, validity, binary);
      break;
    case Type.Utf8:
      if (!binary || sendsText(type)) return contiguous(values as Uint8Array, data.valueOffsets, validity);
      // The version of the format comes first.
      if (type.kind === 'jsonb') return contiguous(values as Uint8Array, data.valueOffsets, validity, 1);
      break;
    case Type.Binary:
      if (type.kind !== 'bytea') break;
      if (binary) return contiguous(values as Uint8Array, data.valueOffsets, validity);
      if (output.byteaOutput === 'hex') return hexadecimal(data, validity);
      break;
    case Type.Date:
      if (type.kind === 'date' && (data.type as DateDay).unit === DateUnit.DAY) {
        return dates(values as Int32Array, validity, binary);
      }
      break;
    case Type.Time:
      if (type.kind === 'time' && values instanceof BigInt64Array) return times(values, validity, binary);
      break;
    case Type.Timestamp:
      if (type.kind === 'timestamp') return timestamps(data, validity, binary, undefined);
      if (type.kind === 'timestamptz') return timestamps(data, validity, binary, output);
      break;
  }
  return throughText(type, data, validity, binary, output);
}

/** Types whose binary form is their text. */
const sendsText = ({ kind }: SqlType): boolean =>
  kind === 'text' || kind === 'varchar' || kind === 'char' || kind === 'unknown' || kind === 'json';

function booleans(data: Data, validity: Validity, binary: boolean): EncodedColumn {
  const bits = data.values as Uint8Array;
  const [yes, no] = binary ? [1, 0] : [0x74, 0x66];
  return fixedWidth(1, validity, (view, at, row) => {
    const place = row + data.offset;
    view.setUint8(at, (bits[place >> 3]! >> (place & 7)) & 1 ? yes! : no!);
  });
}

function bigints(values: BigInt64Array, validity: Validity, binary: boolean): EncodedColumn {
  const { low, high } = halves(values);
  if (binary) {
    return fixedWidth(8, validity, (view, at, row) => {
      view.setInt32(at, high[row * 2 + 1]!);
      view.setUint32(at + 4, low[row * 2]!);
    });
  }
  return composed(20, validity, (buffer, at, row) => {
    const top = high[row * 2 + 1]!;
    return exact(top)
      ? writeInteger(buffer, at, top * 0x100000000 + low[row * 2]!)
      : writeAscii(buffer, at, String(values[row]));
  });
}

function doubles(
  values: Float64Array,
  validity: Validity,
  binary: boolean,
  { extraFloatDigits }: OutputSettings,
): EncodedColumn {
  if (binary) return fixedWidth(8, validity, (view, at, row) => view.setFloat64(at, values[row]!));
  return composed(32, validity, (buffer, at, row) => {
    const value = values[row]!;
    if (value === (value | 0) && value !== 0) return writeInteger(buffer, at, value);
    const size = Math.abs(value);
    // Here JavaScript's shortest digits are PostgreSQL's, exponents not being used yet.
    if (extraFloatDigits > 0 && size >= 1e-4 && size < 1e15) return writeAscii(buffer, at, String(value));
    return writeAscii(buffer, at, extraFloatDigits > 0 ? doubleText(value) : roundedText(value, 15 + extraFloatDigits));
  });
}

function reals(
  values: Float32Array,
  validity: Validity,
  binary: boolean,
  { extraFloatDigits }: OutputSettings,
): EncodedColumn {
  if (binary) return fixedWidth(4, validity, (view, at, row) => view.setFloat32(at, values[row]!));
  return composed(32, validity, (buffer, at, row) => {
    const value = values[row]!;
    return writeAscii(buffer, at, extraFloatDigits > 0 ? realText(value) : roundedText(value, 6 + extraFloatDigits));
  });
}

/** `\x00ff`. */
function hexadecimal(data: Data, validity: Validity): EncodedColumn {
  const offsets = data.valueOffsets as Int32Array;
  const bytes = data.values as Uint8Array;
  return separate(validity, (row) =>
    Buffer.from(
      `\\x${Buffer.from(bytes.buffer, bytes.byteOffset + offsets[row]!, offsets[row + 1]! - offsets[row]!).toString('hex')}`,
      'latin1',
    ),
  );
}

/** Any layout at all: the value's text, and from it the binary form. */
function throughText(
  type: SqlType,
  data: Data,
  validity: Validity,
  binary: boolean,
  output: OutputSettings,
): EncodedColumn {
  const vector = makeVector(data);
  return separate(validity, (row) => {
    const text = valueText(type, vector.get(row), output);
    return binary ? encodeBinary(type, text) : Buffer.from(text);
  });
}

function valueText(type: SqlType, value: unknown, output: OutputSettings): string {
  if (value instanceof Uint8Array) return byteaText(value, output.byteaOutput);
  if (typeof value === 'boolean') return value ? 't' : 'f';
  if (typeof value === 'number') {
    // Vectors give dates as milliseconds.
    if (type.kind === 'date') return dateText(Math.floor(value / 86_400_000));
    return type.kind === 'real' ? realText(value) : doubleText(value);
  }
  return String(value);
}

function byteaText(bytes: Uint8Array, style: OutputSettings['byteaOutput']): string {
  if (style === 'hex') return `\\x${Buffer.from(bytes).toString('hex')}`;
  let text = '';
  for (const byte of bytes) {
    if (byte === 0x5c) text += '\\\\';
    else if (byte < 0x20 || byte > 0x7e) text += `\\${byte.toString(8).padStart(3, '0')}`;
    else text += String.fromCharCode(byte);
  }
  return text;
}
