/**
 * One column of an Arrow batch as values of DataRow: each writes its length and its bytes at the writer's offset.
 *
 * The layouts of `connectors/arrow.ts` are read from their typed arrays directly; whatever else arrives goes through
 * its text form.
 */
import {
  type Data,
  type DateDay,
  DateUnit,
  type Decimal,
  makeVector,
  type Timestamp,
  TimeUnit,
  Type,
} from 'apache-arrow';
import { numeric, type SqlType } from '../../plan/types.ts';
import type { Format } from '../wire/frontend.ts';
import type { MessageWriter } from '../wire/message-writer.ts';
import { encodeBinary, postgresMicros } from './binary.ts';
import {
  DAY_MICROS,
  dateParts,
  dateText,
  offsetText,
  POSTGRES_EPOCH_DAYS,
  POSTGRES_EPOCH_MICROS,
  timestampText,
} from './calendar.ts';
import { doubleText, realText, roundedText } from './floats.ts';
import type { OutputSettings } from './output-settings.ts';
import { writeAscii, writeInteger, writeTime } from './text-encoders.ts';

/** Writes the value of one row, which is not NULL. */
export type ValueWriter = (writer: MessageWriter, row: number) => void;

/** @param data the column's values in one batch */
export function columnEncoder(type: SqlType, format: Format, data: Data, output: OutputSettings): ValueWriter {
  const binary = format === 'binary';
  switch (data.typeId) {
    case Type.Bool:
      if (type.kind === 'boolean') return booleans(data, binary);
      break;
    case Type.Int:
      if (data.values instanceof Int16Array && type.kind === 'smallint') return int16s(data.values, binary);
      if (data.values instanceof Int32Array && type.kind === 'integer') return int32s(data.values, binary);
      if (data.values instanceof BigInt64Array && type.kind === 'bigint') {
        return binary ? int64s(data.values) : bigints(data.values);
      }
      break;
    case Type.Float:
      if (type.kind === 'double' && data.values instanceof Float64Array) return doubles(data.values, binary, output);
      if (type.kind === 'real' && data.values instanceof Float32Array) return reals(data.values, binary, output);
      break;
    case Type.Decimal:
      if (type.kind === 'numeric' && (data.type as Decimal).bitWidth === 128) return decimals(data, binary);
      break;
    case Type.Utf8:
      if (!binary || sendsText(type)) return strings(data, 0);
      if (type.kind === 'jsonb') return strings(data, 1);
      break;
    case Type.Binary:
      if (type.kind === 'bytea' && (binary || output.byteaOutput === 'hex')) return bytea(data, binary);
      break;
    case Type.Date:
      if (type.kind === 'date' && (data.type as DateDay).unit === DateUnit.DAY)
        return dates(data.values as Int32Array, binary);
      break;
    case Type.Time:
      if (type.kind === 'time' && data.values instanceof BigInt64Array) return times(data.values, binary);
      break;
    case Type.Timestamp:
      if (type.kind === 'timestamp' || type.kind === 'timestamptz') {
        const values = microseconds(data);
        if (binary) return timestampsBinary(values);
        return type.kind === 'timestamp' ? timestamps(values) : zonedTimestamps(values, output);
      }
      break;
  }
  return throughText(type, data, binary, output);
}

/** Types whose binary form is their text. */
const sendsText = ({ kind }: SqlType): boolean =>
  kind === 'text' || kind === 'varchar' || kind === 'char' || kind === 'unknown' || kind === 'json';

/** A value whose bytes `write` puts behind the length word. */
const sized =
  (most: number, write: (buffer: Buffer, at: number, row: number) => number): ValueWriter =>
  (writer, row) => {
    writer.reserve(most + 4);
    const start = writer.offset + 4;
    const end = write(writer.buffer, start, row);
    writer.buffer.writeInt32BE(end - start, writer.offset);
    writer.offset = end;
  };

function booleans(data: Data, binary: boolean): ValueWriter {
  const bits = data.values as Uint8Array;
  const [yes, no] = binary ? [1, 0] : [0x74, 0x66];
  return sized(1, (buffer, at, row) => {
    const place = row + data.offset;
    buffer[at] = (bits[place >> 3]! >> (place & 7)) & 1 ? yes! : no!;
    return at + 1;
  });
}

function int16s(values: Int16Array, binary: boolean): ValueWriter {
  if (binary) return sized(2, (buffer, at, row) => buffer.writeInt16BE(values[row]!, at));
  return sized(6, (buffer, at, row) => writeInteger(buffer, at, values[row]!));
}

function int32s(values: Int32Array, binary: boolean): ValueWriter {
  if (binary) return sized(4, (buffer, at, row) => buffer.writeInt32BE(values[row]!, at));
  return sized(11, (buffer, at, row) => writeInteger(buffer, at, values[row]!));
}

/** The two halves of 64-bit values: reading them as BigInt would allocate one object per value. */
function halves(values: BigInt64Array): { low: Uint32Array; high: Int32Array } {
  return {
    low: new Uint32Array(values.buffer, values.byteOffset, values.length * 2),
    high: new Int32Array(values.buffer, values.byteOffset, values.length * 2),
  };
}

/** High words of values that a double holds exactly. */
const exact = (high: number): boolean => high >= -0x200000 && high < 0x200000;

function bigints(values: BigInt64Array): ValueWriter {
  const { low, high } = halves(values);
  return sized(20, (buffer, at, row) => {
    const top = high[row * 2 + 1]!;
    return exact(top)
      ? writeInteger(buffer, at, top * 0x100000000 + low[row * 2]!)
      : writeAscii(buffer, at, String(values[row]));
  });
}

function int64s(values: BigInt64Array): ValueWriter {
  const { low, high } = halves(values);
  return sized(8, (buffer, at, row) =>
    buffer.writeUInt32BE(low[row * 2]!, buffer.writeInt32BE(high[row * 2 + 1]!, at)),
  );
}

function doubles(values: Float64Array, binary: boolean, { extraFloatDigits }: OutputSettings): ValueWriter {
  if (binary) return sized(8, (buffer, at, row) => buffer.writeDoubleBE(values[row]!, at));
  return sized(32, (buffer, at, row) => {
    const value = values[row]!;
    if (value === (value | 0) && value !== 0) return writeInteger(buffer, at, value);
    return writeAscii(buffer, at, extraFloatDigits > 0 ? doubleText(value) : roundedText(value, 15 + extraFloatDigits));
  });
}

function reals(values: Float32Array, binary: boolean, { extraFloatDigits }: OutputSettings): ValueWriter {
  if (binary) return sized(4, (buffer, at, row) => buffer.writeFloatBE(values[row]!, at));
  return sized(32, (buffer, at, row) => {
    const value = values[row]!;
    return writeAscii(buffer, at, extraFloatDigits > 0 ? realText(value) : roundedText(value, 6 + extraFloatDigits));
  });
}

function decimals(data: Data, binary: boolean): ValueWriter {
  const words = data.values as Uint32Array;
  const { scale } = data.type as Decimal;
  const unit = 10 ** scale;
  /** The unscaled value where a double holds it. */
  const small = (row: number): number | undefined => {
    const sign = words[row * 4 + 1]! | 0;
    const fill = sign >> 31;
    const fits = exact(sign) && (words[row * 4 + 2]! | 0) === fill && (words[row * 4 + 3]! | 0) === fill;
    return fits ? sign * 0x100000000 + words[row * 4]! : undefined;
  };
  const text = (row: number): string => {
    let value = 0n;
    for (let i = 3; i >= 0; i--) value = (value << 32n) | BigInt(words[row * 4 + i]!);
    value = BigInt.asIntN(128, value);
    const digits = String(value < 0n ? -value : value).padStart(scale + 1, '0');
    const point = digits.length - scale;
    return `${value < 0n ? '-' : ''}${digits.slice(0, point)}${scale > 0 ? `.${digits.slice(point)}` : ''}`;
  };
  if (binary) {
    const type = numeric();
    return (writer, row) => {
      const value = scale <= 12 ? small(row) : undefined;
      if (value === undefined) writeBytes(writer, encodeBinary(type, text(row)));
      else writeSmallNumeric(writer, value, scale);
    };
  }
  return sized(48, (buffer, at, row) => {
    const value = scale <= 15 ? small(row) : undefined;
    if (value === undefined) return writeAscii(buffer, at, text(row));
    let end = at;
    if (value < 0) buffer[end++] = 0x2d;
    const size = Math.abs(value);
    const whole = Math.floor(size / unit);
    end = writeInteger(buffer, end, whole);
    if (scale === 0) return end;
    buffer[end++] = 0x2e;
    let rest = size - whole * unit;
    for (let i = end + scale - 1; i >= end; i--) {
      const next = Math.floor(rest / 10);
      buffer[i] = 48 + rest - next * 10;
      rest = next;
    }
    return end + scale;
  });
}

/** Digits of one value, most significant first. */
const DIGITS = new Uint16Array(8);

/** The binary numeric of a value that is `value` / 10^`scale` (see numeric.ts), with its length word. */
function writeSmallNumeric(writer: MessageWriter, value: number, scale: number): void {
  const unit = 10 ** scale;
  const size = Math.abs(value);
  const whole = Math.floor(size / unit);
  // The fraction fills whole groups of four decimals.
  const groups = Math.ceil(scale / 4);
  let rest = (size - whole * unit) * 10 ** (groups * 4 - scale);
  let first = DIGITS.length;
  for (let i = 0; i < groups; i++) {
    const next = Math.floor(rest / 10_000);
    DIGITS[--first] = rest - next * 10_000;
    rest = next;
  }
  let weight = -1;
  for (let left = whole; left > 0; weight++) {
    const next = Math.floor(left / 10_000);
    DIGITS[--first] = left - next * 10_000;
    left = next;
  }
  let last = DIGITS.length;
  while (last > first && DIGITS[last - 1] === 0) last--;
  while (first < last && DIGITS[first] === 0) {
    first++;
    weight--;
  }
  const count = last - first;
  writer.reserve(12 + count * 2);
  const { buffer } = writer;
  let at = buffer.writeInt32BE(8 + count * 2, writer.offset);
  at = buffer.writeUInt16BE(count, at);
  at = buffer.writeInt16BE(count === 0 ? 0 : weight, at);
  at = buffer.writeUInt16BE(value < 0 && count > 0 ? 0x4000 : 0, at);
  at = buffer.writeUInt16BE(scale, at);
  for (let i = first; i < last; i++) at = buffer.writeUInt16BE(DIGITS[i]!, at);
  writer.offset = at;
}

/** Bytes of a Utf8 column as they lie there; `version` is the byte jsonb's binary form begins with, 0 for none. */
function strings(data: Data, version: number): ValueWriter {
  const offsets = data.valueOffsets as Int32Array;
  const bytes = data.values as Uint8Array;
  const lead = version === 0 ? 0 : 1;
  return (writer, row) => {
    const start = offsets[row]!;
    const length = offsets[row + 1]! - start;
    writer.reserve(length + lead + 4);
    const { buffer } = writer;
    let at = buffer.writeInt32BE(length + lead, writer.offset);
    if (lead === 1) buffer[at++] = version;
    // The call into native code costs more than copying a short string by hand.
    if (length <= 48) for (let i = 0; i < length; i++) buffer[at + i] = bytes[start + i]!;
    else buffer.set(bytes.subarray(start, start + length), at);
    writer.offset = at + length;
  };
}

const HEX = Buffer.from('0123456789abcdef');

function bytea(data: Data, binary: boolean): ValueWriter {
  if (binary) return strings(data, 0);
  const offsets = data.valueOffsets as Int32Array;
  const bytes = data.values as Uint8Array;
  return (writer, row) => {
    const start = offsets[row]!;
    const end = offsets[row + 1]!;
    const length = 2 + (end - start) * 2;
    writer.reserve(length + 4);
    const { buffer } = writer;
    let at = writeAscii(buffer, buffer.writeInt32BE(length, writer.offset), '\\x');
    for (let i = start; i < end; i++) {
      const byte = bytes[i]!;
      buffer[at++] = HEX[byte >> 4]!;
      buffer[at++] = HEX[byte & 15]!;
    }
    writer.offset = at;
  };
}

function dates(values: Int32Array, binary: boolean): ValueWriter {
  if (binary) {
    return sized(4, (buffer, at, row) => {
      const days = values[row]!;
      const infinite = days >= 0x7fffffff || days <= -0x7fffffff;
      return buffer.writeInt32BE(infinite ? (days > 0 ? 0x7fffffff : -0x80000000) : days - POSTGRES_EPOCH_DAYS, at);
    });
  }
  let last = Number.NaN;
  let text = '';
  return sized(20, (buffer, at, row) => {
    const days = values[row]!;
    if (days !== last) {
      text = dateText(days);
      last = days;
    }
    return writeAscii(buffer, at, text);
  });
}

function times(values: BigInt64Array, binary: boolean): ValueWriter {
  if (binary) return sized(8, (buffer, at, row) => buffer.writeBigInt64BE(values[row]!, at));
  return sized(16, (buffer, at, row) => writeTime(buffer, at, Number(values[row])));
}

/** 2^32 and the seconds from 1970 to 2000 in microseconds. */
const HIGH = 0x100000000;
const EPOCH = Number(POSTGRES_EPOCH_MICROS);

function timestampsBinary(values: BigInt64Array): ValueWriter {
  const { low, high } = halves(values);
  return sized(8, (buffer, at, row) => {
    const top = high[row * 2 + 1]!;
    if (!exact(top)) return buffer.writeBigInt64BE(postgresMicros(values[row]!), at);
    const micros = top * HIGH + low[row * 2]! - EPOCH;
    const upper = Math.floor(micros / HIGH);
    return buffer.writeUInt32BE(micros - upper * HIGH, buffer.writeInt32BE(upper, at));
  });
}

const DAY = Number(DAY_MICROS);

/** Neighbouring rows mostly lie on one day: its text is kept. */
function timestamps(values: BigInt64Array): ValueWriter {
  const { low, high } = halves(values);
  const writeDay = dayWriter();
  return sized(40, (buffer, at, row) => {
    const top = high[row * 2 + 1]!;
    if (!exact(top)) return writeAscii(buffer, at, timestampText(values[row]!));
    const micros = top * 0x100000000 + low[row * 2]!;
    const days = Math.floor(micros / DAY);
    const end = writeDay(buffer, at, days);
    return end === at
      ? writeAscii(buffer, at, timestampText(values[row]!))
      : writeTime(buffer, end, micros - days * DAY);
  });
}

function zonedTimestamps(values: BigInt64Array, { timeZone }: OutputSettings): ValueWriter {
  const { low, high } = halves(values);
  const writeDay = dayWriter();
  let quarter = Number.NaN;
  let offset = 0;
  let suffix = '';
  return sized(48, (buffer, at, row) => {
    const top = high[row * 2 + 1]!;
    if (!exact(top)) return writeAscii(buffer, at, timestampText(values[row]!, timeZone));
    const instant = top * 0x100000000 + low[row * 2]!;
    const place = Math.floor(instant / 9e8);
    if (place !== quarter) {
      quarter = place;
      offset = timeZone.offsetAt(values[row]!) * 1e6;
      suffix = offsetText(offset / 1e6);
    }
    const micros = instant + offset;
    const days = Math.floor(micros / DAY);
    const end = writeDay(buffer, at, days);
    if (end === at) return writeAscii(buffer, at, timestampText(values[row]!, timeZone));
    return writeAscii(buffer, writeTime(buffer, end, micros - days * DAY), suffix);
  });
}

/** Writes `2024-02-29 `; nothing for years before 1, whose era stands behind the time. */
function dayWriter(): (buffer: Buffer, at: number, days: number) => number {
  let last = Number.NaN;
  let text = '';
  return (buffer, at, days) => {
    if (days !== last) {
      const parts = dateParts(days);
      text = parts.era === '' ? `${parts.text} ` : '';
      last = days;
    }
    return writeAscii(buffer, at, text);
  };
}

function writeBytes(writer: MessageWriter, bytes: Uint8Array): void {
  writer.int32(bytes.length).bytes(bytes);
}

/** A timestamp column's values in microseconds, whatever unit it came in. */
function microseconds(data: Data): BigInt64Array {
  const values = data.values as BigInt64Array;
  switch ((data.type as Timestamp).unit) {
    case TimeUnit.SECOND:
      return values.map((value) => value * 1_000_000n);
    case TimeUnit.MILLISECOND:
      return values.map((value) => value * 1000n);
    case TimeUnit.NANOSECOND:
      return values.map((value) => value / 1000n);
    default:
      return values;
  }
}

/** Any layout at all: the value's text, and from it the binary form. */
function throughText(type: SqlType, data: Data, binary: boolean, output: OutputSettings): ValueWriter {
  const vector = makeVector(data);
  return (writer, row) => {
    const text = valueText(type, vector.get(row), output);
    writeBytes(writer, binary ? encodeBinary(type, text) : Buffer.from(text));
  };
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
