/** DuckDB's values in the Arrow types in which BigQuery's Storage Read API sends its own. */
import {
  DuckDBBlobValue,
  type DuckDBDateValue,
  DuckDBDecimalType,
  DuckDBDecimalValue,
  type DuckDBIntervalValue,
  DuckDBListType,
  type DuckDBListValue,
  DuckDBStructType,
  type DuckDBStructValue,
  type DuckDBTimestampTZValue,
  type DuckDBTimestampValue,
  type DuckDBTimeValue,
  type DuckDBType,
  DuckDBTypeId,
  type DuckDBValue,
} from '@duckdb/node-api';
import {
  Binary,
  Bool,
  type Data,
  DataType,
  DateDay,
  Decimal,
  Field,
  Float64,
  Int64,
  IntervalMonthDayNano,
  List,
  makeData,
  Struct,
  TimeMicrosecond,
  TimestampMicrosecond,
  Utf8,
} from 'apache-arrow';

/** NUMERIC and BIGNUMERIC. */
const NUMERIC = new Decimal(9, 38, 128);
const BIGNUMERIC = new Decimal(38, 76, 256);

/** A column as a read session's schema describes it. */
export function fieldOf(name: string, type: DuckDBType): Field {
  const metadata = type.alias === 'JSON' ? new Map([['ARROW:extension:name', 'google:sqlType:json']]) : undefined;
  return new Field(name, arrowTypeOf(type), true, metadata);
}

function arrowTypeOf(type: DuckDBType): DataType {
  if (type instanceof DuckDBDecimalType) {
    return type.scale <= 9 && type.width - type.scale <= 29 ? NUMERIC : BIGNUMERIC;
  }
  if (type instanceof DuckDBListType) return new List(fieldOf('item', type.valueType));
  if (type instanceof DuckDBStructType) {
    return new Struct(type.entryTypes.map((each, i) => fieldOf(type.entryNames[i]!, each)));
  }
  switch (type.typeId) {
    case DuckDBTypeId.BOOLEAN:
      return new Bool();
    case DuckDBTypeId.TINYINT:
    case DuckDBTypeId.SMALLINT:
    case DuckDBTypeId.INTEGER:
    case DuckDBTypeId.BIGINT:
      return new Int64();
    case DuckDBTypeId.HUGEINT:
      return BIGNUMERIC;
    case DuckDBTypeId.FLOAT:
    case DuckDBTypeId.DOUBLE:
      return new Float64();
    case DuckDBTypeId.VARCHAR:
      return new Utf8();
    case DuckDBTypeId.BLOB:
      return new Binary();
    case DuckDBTypeId.DATE:
      return new DateDay();
    case DuckDBTypeId.TIME:
      return new TimeMicrosecond();
    case DuckDBTypeId.TIMESTAMP:
      return new TimestampMicrosecond();
    case DuckDBTypeId.TIMESTAMP_TZ:
      return new TimestampMicrosecond('UTC');
    case DuckDBTypeId.INTERVAL:
      return new IntervalMonthDayNano();
    default:
      throw new Error(`${type.toString()} is no type of BigQuery`);
  }
}

/** The values as one array of `type`. */
export function dataOf(type: DataType, values: readonly DuckDBValue[]): Data {
  const { length } = values;
  const nullBitmap = new Uint8Array((length + 7) >> 3);
  let nullCount = 0;
  values.forEach((value, i) => {
    if (value === null) nullCount++;
    else nullBitmap[i >> 3]! |= 1 << (i & 7);
  });
  const make = (buffers: object) =>
    makeData({ type, length, nullCount, ...(nullCount === 0 ? {} : { nullBitmap }), ...buffers } as never);
  if (DataType.isList(type)) {
    const items = values.map((value) => (value as DuckDBListValue | null)?.items ?? []);
    const valueOffsets = offsetsOf(items);
    return make({ valueOffsets, child: dataOf(type.children[0]!.type, items.flat()) });
  }
  if (DataType.isStruct(type)) {
    const children = type.children.map((child) =>
      dataOf(
        child.type,
        values.map((value) => (value as DuckDBStructValue | null)?.entries[child.name] ?? null),
      ),
    );
    return make({ children });
  }
  if (DataType.isUtf8(type) || DataType.isBinary(type)) {
    const parts = values.map((value) =>
      value instanceof DuckDBBlobValue ? value.bytes : Buffer.from(value === null ? '' : String(value)),
    );
    return make({ valueOffsets: offsetsOf(parts), data: Buffer.concat(parts) });
  }
  if (DataType.isBool(type)) {
    const bits = new Uint8Array(nullBitmap.length);
    values.forEach((value, i) => {
      if (value === true) bits[i >> 3]! |= 1 << (i & 7);
    });
    return make({ data: bits });
  }
  return make({ data: fixedWidth(type, values) });
}

function offsetsOf(parts: readonly { readonly length: number }[]): Int32Array {
  const offsets = new Int32Array(parts.length + 1);
  for (let i = 0; i < parts.length; i++) offsets[i + 1] = offsets[i]! + parts[i]!.length;
  return offsets;
}

function fixedWidth(type: DataType, values: readonly DuckDBValue[]): ArrayBufferView {
  if (DataType.isDecimal(type)) return words(values, type.bitWidth / 32, (value) => unscaled(value, type.scale));
  if (DataType.isInterval(type)) {
    return words(values, 4, (value) => {
      const { days, micros, months } = value as DuckDBIntervalValue;
      return ((micros * 1000n) << 64n) | (BigInt.asUintN(32, BigInt(days)) << 32n) | BigInt.asUintN(32, BigInt(months));
    });
  }
  if (DataType.isFloat(type)) return Float64Array.from(values, (value) => Number(value));
  if (DataType.isDate(type)) return Int32Array.from(values, (value) => (value as DuckDBDateValue | null)?.days ?? 0);
  return BigInt64Array.from(values, (value) => {
    if (value === null) return 0n;
    if (typeof value === 'bigint' || typeof value === 'number') return BigInt(value);
    return (value as DuckDBTimeValue | DuckDBTimestampValue | DuckDBTimestampTZValue).micros;
  });
}

/** Whole numbers in two's complement, `width` words each, the lowest first. */
function words(values: readonly DuckDBValue[], width: number, whole: (value: DuckDBValue) => bigint): Uint32Array {
  const all = new Uint32Array(values.length * width);
  values.forEach((value, i) => {
    if (value === null) return;
    const number = whole(value);
    for (let k = 0; k < width; k++) all[i * width + k] = Number(BigInt.asUintN(32, number >> BigInt(32 * k)));
  });
  return all;
}

function unscaled(value: DuckDBValue, scale: number): bigint {
  if (value instanceof DuckDBDecimalValue) return value.value * 10n ** BigInt(scale - value.scale);
  return BigInt(value as bigint) * 10n ** BigInt(scale);
}
