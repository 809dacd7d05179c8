/** One value between its text and its binary form, for every type: parameters, array elements, and rarer columns. */
import { type ArrayItems, arrayText, parseArray } from '../../../connectors/postgres-language/array-text.ts';
import { CausewayError } from '../../plan/errors.ts';
import { type SqlType, typeName } from '../../plan/types.ts';
import { decodeUtf8 } from '../wire/byte-reader.ts';
import { CONDITION } from '../wire/conditions.ts';

import {
  dateText,
  offsetText,
  POSTGRES_EPOCH_DAYS,
  POSTGRES_EPOCH_MICROS,
  parseDate,
  parseOffset,
  parseTime,
  parseTimestamp,
  TimeZone,
  timestampText,
  timeText,
} from './calendar.ts';
import { doubleText, realText } from './floats.ts';
import { decodeInterval, encodeInterval } from './interval.ts';
import { decodeNumeric, encodeNumeric } from './numeric.ts';
import { oidOf, typeOfOid } from './oids.ts';

const UTC = new TimeZone('UTC');
const LATEST = 0x7fffffffffffffffn;
const EARLIEST = -0x8000000000000000n;

/** The binary form of a value whose text form is `text` (the types' `*_send` functions).
 *  @throws CausewayError (22P02) when the text is no such value. */
export function encodeBinary(type: SqlType, text: string): Buffer {
  switch (type.kind) {
    case 'boolean':
      return Buffer.from([text === 't' || text === 'true' ? 1 : 0]);
    case 'smallint':
      return fixed(2, (b) => b.writeInt16BE(Number(text)));
    case 'integer':
      return fixed(4, (b) => b.writeInt32BE(Number(text)));
    case 'bigint':
      return fixed(8, (b) => b.writeBigInt64BE(BigInt(text)));
    case 'real':
      return fixed(4, (b) => b.writeFloatBE(Number(text)));
    case 'double':
      return fixed(8, (b) => b.writeDoubleBE(Number(text)));
    case 'numeric':
      return encodeNumeric(text);
    case 'bytea':
      return text.startsWith('\\x') ? Buffer.from(text.slice(2), 'hex') : Buffer.from(text, 'latin1');
    case 'date': {
      const days = parseDate(text);
      return fixed(4, (b) => b.writeInt32BE(Math.abs(days) >= 0x7fffffff ? days : days - POSTGRES_EPOCH_DAYS));
    }
    case 'time':
      return fixed(8, (b) => b.writeBigInt64BE(BigInt(parseTime(text))));
    case 'timetz': {
      const at = text.search(/[+-]/);
      return fixed(12, (b) => {
        b.writeBigInt64BE(BigInt(parseTime(at < 0 ? text : text.slice(0, at))));
        // The zone is kept as seconds west of UTC.
        b.writeInt32BE(at < 0 ? 0 : -parseOffset(text.slice(at)), 8);
      });
    }
    case 'timestamp':
    case 'timestamptz':
      return fixed(8, (b) => b.writeBigInt64BE(postgresMicros(parseTimestamp(text))));
    case 'interval':
      return encodeInterval(text);
    case 'uuid':
      return Buffer.from(text.replaceAll('-', ''), 'hex');
    case 'jsonb':
      return Buffer.concat([Buffer.from([1]), Buffer.from(text)]);
    case 'array':
      return encodeArray(type, parseArray(text));
    default:
      return Buffer.from(text);
  }
}

function fixed(bytes: number, write: (buffer: Buffer) => void): Buffer {
  const buffer = Buffer.alloc(bytes);
  write(buffer);
  return buffer;
}

/** From 1970 to 2000; the infinities stay. */
export const postgresMicros = (micros: bigint): bigint =>
  micros >= LATEST ? LATEST : micros <= -LATEST ? EARLIEST : micros - POSTGRES_EPOCH_MICROS;

function encodeArray(type: SqlType & { kind: 'array' }, items: ArrayItems): Buffer {
  const element = innermost(type);
  const dimensions: number[] = [];
  const values: (Buffer | null)[] = [];
  const visit = (list: ArrayItems, depth: number): void => {
    if (list.length > 0) dimensions[depth] ??= list.length;
    for (const item of list) {
      if (item === null) values.push(null);
      else if (typeof item === 'string') values.push(encodeBinary(element, item));
      else visit(item, depth + 1);
    }
  };
  visit(items, 0);
  const header = Buffer.alloc(12 + dimensions.length * 8);
  header.writeInt32BE(dimensions.length, 0);
  header.writeInt32BE(values.includes(null) ? 1 : 0, 4);
  header.writeUInt32BE(oidOf(element), 8);
  dimensions.forEach((length, i) => {
    header.writeInt32BE(length, 12 + i * 8);
    header.writeInt32BE(1, 16 + i * 8);
  });
  const parts: Buffer[] = [header];
  for (const value of values) {
    parts.push(fixed(4, (b) => b.writeInt32BE(value === null ? -1 : value.length)));
    if (value !== null) parts.push(value);
  }
  return Buffer.concat(parts);
}

const innermost = (type: SqlType): SqlType => (type.kind === 'array' ? innermost(type.element) : type);

/** The text form of a value in binary form (the types' `*_recv` functions); timestamps in UTC.
 *  @throws CausewayError (22P03) when the bytes are no such value. */
export function decodeBinary(type: SqlType, bytes: Buffer): string {
  try {
    return decode(type, bytes);
  } catch (cause) {
    if (cause instanceof CausewayError) throw cause;
    throw new CausewayError(CONDITION.invalidBinaryRepresentation, `incorrect binary data for type ${typeName(type)}`, {
      cause,
    });
  }
}

function decode(type: SqlType, bytes: Buffer): string {
  switch (type.kind) {
    case 'boolean':
      return exactly(bytes, 1).readUInt8(0) === 0 ? 'f' : 't';
    case 'smallint':
      return String(exactly(bytes, 2).readInt16BE(0));
    case 'integer':
      return String(exactly(bytes, 4).readInt32BE(0));
    case 'bigint':
      // Clients may send oid, four bytes without sign.
      return bytes.length === 4 ? String(bytes.readUInt32BE(0)) : String(exactly(bytes, 8).readBigInt64BE(0));
    case 'real':
      return realText(exactly(bytes, 4).readFloatBE(0));
    case 'double':
      return doubleText(exactly(bytes, 8).readDoubleBE(0));
    case 'numeric':
      return decodeNumeric(bytes);
    case 'bytea':
      return `\\x${bytes.toString('hex')}`;
    case 'date': {
      const days = exactly(bytes, 4).readInt32BE(0);
      return dateText(Math.abs(days) >= 0x7fffffff ? days : days + POSTGRES_EPOCH_DAYS);
    }
    case 'time':
      return timeText(Number(exactly(bytes, 8).readBigInt64BE(0)));
    case 'timetz':
      return timeText(Number(exactly(bytes, 12).readBigInt64BE(0))) + offsetText(-bytes.readInt32BE(8));
    case 'timestamp':
    case 'timestamptz': {
      const micros = exactly(bytes, 8).readBigInt64BE(0);
      const unix = micros === LATEST ? LATEST : micros === EARLIEST ? -LATEST : micros + POSTGRES_EPOCH_MICROS;
      return timestampText(unix, type.kind === 'timestamptz' ? UTC : undefined);
    }
    case 'interval':
      return decodeInterval(exactly(bytes, 16));
    case 'uuid':
      return exactly(bytes, 16)
        .toString('hex')
        .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
    case 'jsonb':
      if (bytes[0] !== 1) throw new RangeError(`unsupported jsonb version number ${bytes[0]}`);
      return decodeUtf8(bytes.subarray(1));
    case 'array':
      return decodeArray(bytes);
    default:
      return decodeUtf8(bytes);
  }
}

function exactly(bytes: Buffer, length: number): Buffer {
  if (bytes.length !== length) throw new RangeError(`${bytes.length} bytes instead of ${length}`);
  return bytes;
}

function decodeArray(bytes: Buffer): string {
  const dimensions = bytes.readInt32BE(0);
  if (dimensions < 0 || dimensions > 6) throw new RangeError(`${dimensions} dimensions`);
  if (dimensions === 0) return '{}';
  const element = typeOfOid(bytes.readUInt32BE(8));
  const lengths = Array.from({ length: dimensions }, (_, i) => bytes.readInt32BE(12 + i * 8));
  let at = 12 + dimensions * 8;
  // Every element takes at least its length word: a count beyond the bytes is a lie.
  const count = lengths.reduce((product, length) => product * length, 1);
  if (lengths.some((length) => length < 0) || count > (bytes.length - at) / 4) throw new RangeError('too few elements');
  const read = (level: number): ArrayItems => {
    const length = lengths[level] ?? 0;
    const items: (string | null | ArrayItems)[] = [];
    for (let i = 0; i < length; i++) {
      if (level + 1 < dimensions) {
        items.push(read(level + 1));
        continue;
      }
      const size = bytes.readInt32BE(at);
      at += 4;
      if (size === -1) items.push(null);
      else {
        if (size < 0 || size > bytes.length - at) throw new RangeError('element longer than the array');
        items.push(decode(element, bytes.subarray(at, at + size)));
        at += size;
      }
    }
    return items;
  };
  return arrayText(count === 0 ? [] : read(0));
}
