/** Arrow's types and values as ours. */
import {
  type DataType,
  type Decimal,
  type Interval,
  IntervalUnit,
  type List,
  TimeUnit,
  Type,
  type Vector,
} from 'apache-arrow';
import { CausewayError, SQLSTATE } from '../src/plan/errors.ts';
import { arrayOf, numeric, type SqlType, scalar } from '../src/plan/types.ts';
import * as text from './postgres-language/text.ts';
import type { RowValue } from './row-batches.ts';

/** The SQL type of Arrow's `type`. Structs and maps are json. @throws CausewayError 0A000 naming a type that is not read */
export function sqlTypeOfArrow(type: DataType): SqlType {
  switch (type.typeId) {
    case Type.Null:
    case Type.Utf8:
    case Type.LargeUtf8:
      return scalar('text');
    case Type.Bool:
      return scalar('boolean');
    case Type.Int: {
      const { bitWidth, isSigned } = type as DataType & { bitWidth: number; isSigned: boolean };
      const bits = isSigned ? bitWidth : bitWidth * 2;
      if (bits > 64) return numeric(20, 0);
      return scalar(bits <= 16 ? 'smallint' : bits === 32 ? 'integer' : 'bigint');
    }
    case Type.Float:
      return scalar((type as DataType & { precision: number }).precision === 2 ? 'double' : 'real');
    case Type.Decimal:
      return numeric((type as Decimal).precision, (type as Decimal).scale);
    case Type.Binary:
    case Type.LargeBinary:
    case Type.FixedSizeBinary:
      return scalar('bytea');
    case Type.Date:
      return scalar('date');
    case Type.Time:
      return scalar('time');
    case Type.Timestamp:
      return scalar(zoneOf(type) === null ? 'timestamp' : 'timestamptz');
    case Type.Dictionary:
      return sqlTypeOfArrow((type as DataType & { dictionary: DataType }).dictionary);
    case Type.List:
    case Type.FixedSizeList: {
      const element = sqlTypeOfArrow((type as List).children[0]!.type);
      return element.kind === 'array' || element.kind === 'json' ? scalar('json') : arrayOf(element);
    }
    case Type.Struct:
    case Type.Map:
      return scalar('json');
    case Type.Interval:
      if ((type as Interval).unit === IntervalUnit.MONTH_DAY_NANO) return scalar('interval');
      throw unread(type);
    default:
      throw unread(type);
  }
}

const unread = (type: DataType) =>
  new CausewayError(SQLSTATE.featureNotSupported, `Arrow columns of type ${type.toString()} are not read`, {
    hint: 'Convert the file to Parquet, or cast the column when it is written.',
  });

const zoneOf = (type: DataType): string | null | undefined =>
  (type as DataType & { timezone?: string | null }).timezone ?? null;

/** How values are shown that can be shown in more than one way. */
export interface ValueForm {
  /** A list is an array, or JSON where that is said. */
  readonly sqlType?: SqlType;
  /** Decimals without the zeros at their end: for engines whose numbers have no scale of their own. */
  readonly trimmed?: boolean;
}

/** Reads row after row of one column of one batch. */
export function reading(type: DataType, vector: Vector, form: ValueForm = {}): (row: number) => RowValue {
  // Times are read as the integers they are: as JavaScript's milliseconds they would be rounded.
  const raw = vector.data[0]!.values as BigInt64Array | Int32Array;
  const sqlType = form.sqlType ?? sqlTypeOfArrow(type);
  const trimmed = form.trimmed === true;
  const read = (row: number): RowValue => inItsForm(type, sqlType, vector.get(row), trimmed);
  const exact =
    type.typeId === Type.Timestamp
      ? (row: number) => text.timestampText(microsOf(type, raw[row]!), zoneOf(type) !== null)
      : type.typeId === Type.Time
        ? (row: number) => text.timeText(microsOf(type, raw[row]!))
        : read;
  return (row) => (vector.isValid(row) ? exact(row) : null);
}

/** A value as `vector.get` gives it, in the form of its SQL type. */
function inItsForm(type: DataType, sqlType: SqlType, value: unknown, trimmed: boolean): RowValue {
  if (value === null || value === undefined) return null;
  if (sqlType.kind === 'json') return jsonText(type, value, trimmed);
  if (sqlType.kind === 'array') {
    const element = (type as List).children[0]!.type;
    return text.arrayText(
      [...(value as Iterable<unknown>)].map((each) => elementText(inItsForm(element, sqlType.element, each, trimmed))),
    );
  }
  switch (type.typeId) {
    case Type.Dictionary:
      return inItsForm((type as DataType & { dictionary: DataType }).dictionary, sqlType, value, trimmed);
    case Type.Decimal:
      return decimalText(value as Uint32Array, (type as Decimal).scale, trimmed);
    case Type.Date:
      return new Date(Number(value)).toISOString().slice(0, 10);
    case Type.Timestamp:
      return text.timestampText(BigInt(Math.round(Number(value) * 1000)), zoneOf(type) !== null);
    case Type.Time:
      return text.timeText(microsOf(type, value as number | bigint));
    case Type.Interval:
      return intervalText(value as Int32Array);
    default:
      return value as RowValue;
  }
}

function jsonText(type: DataType, value: unknown, trimmed: boolean): string {
  if (value === null || value === undefined) return 'null';
  const object = (entries: readonly (readonly [string, string])[]): string =>
    `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${item}`).join(',')}}`;
  if (type.typeId === Type.Struct) {
    const row = value as Record<string, unknown>;
    return object(type.children.map((child) => [child.name, jsonText(child.type, row[child.name], trimmed)]));
  }
  if (type.typeId === Type.Map) {
    const [key, item] = type.children[0]!.type.children;
    const entries = [...(value as Iterable<[unknown, unknown]>)];
    return object(
      entries.map(([k, v]) => [
        String(inItsForm(key!.type, sqlTypeOfArrow(key!.type), k, trimmed)),
        jsonText(item!.type, v, trimmed),
      ]),
    );
  }
  if (type.typeId === Type.List || type.typeId === Type.FixedSizeList) {
    const element = type.children[0]!.type;
    return `[${[...(value as Iterable<unknown>)].map((each) => jsonText(element, each, trimmed)).join(',')}]`;
  }
  const plain = inItsForm(type, sqlTypeOfArrow(type), value, trimmed);
  if (plain instanceof Uint8Array) return JSON.stringify(text.byteaText(plain));
  // JSON has no words for what is no number, nor for infinity.
  if (typeof plain === 'number' && !Number.isFinite(plain)) return JSON.stringify(text.doubleText(plain));
  // Numbers keep all their digits.
  return typeof plain === 'bigint' || type.typeId === Type.Decimal ? String(plain) : JSON.stringify(plain);
}

const MICROS: Readonly<Record<TimeUnit, (value: bigint) => bigint>> = {
  [TimeUnit.SECOND]: (value) => value * 1_000_000n,
  [TimeUnit.MILLISECOND]: (value) => value * 1000n,
  [TimeUnit.MICROSECOND]: (value) => value,
  [TimeUnit.NANOSECOND]: (value) => value / 1000n,
};

const microsOf = (type: DataType, value: number | bigint): bigint =>
  MICROS[(type as DataType & { unit: TimeUnit }).unit](BigInt(value));

/** Months, days and 64 bits of nanoseconds. */
function intervalText(words: Int32Array): string {
  const nanos = (BigInt(words[3]!) << 32n) | BigInt(words[2]! >>> 0);
  return text.intervalText(words[0]!, words[1]!, nanos / 1000n);
}

/** An array's element in the text form of its type. */
function elementText(value: RowValue): string | null {
  if (value === null || value === undefined) return null;
  if (typeof value === 'boolean') return value ? 't' : 'f';
  if (typeof value === 'number') return text.doubleText(value);
  return value instanceof Uint8Array ? text.byteaText(value) : String(value);
}

/** Little-endian words in two's complement, as digits. */
function decimalText(words: Uint32Array, scale: number, trimmed: boolean): string {
  const bits = 32 * words.length;
  const whole = words.reduce((sum, word, i) => sum + (BigInt(word) << BigInt(32 * i)), 0n);
  const digits = text.decimalText(BigInt.asIntN(bits, whole), scale);
  return trimmed && scale > 0 ? digits.replace(/\.?0+$/, '') : digits;
}
