/** The least and greatest values of pages, as Parquet's column index has them. */
import type { SqlType } from '../../../src/plan/types.ts';
import { type Bounds, type Key, keyOf } from '../bounds.ts';
import { chunkMetadata } from './footer.ts';
import { decodeStruct, itemsAt, numberAt, type Struct, structAt } from './thrift.ts';

/** Reads one bound. */
export type ReadBound = (bytes: Buffer) => Key | undefined;

/** ColumnIndex 1 null_pages, 2 min_values, 3 max_values, 5 null_counts. */
export function pageBounds(bytes: Uint8Array, read: ReadBound): readonly Bounds[] {
  const index = decodeStruct(bytes);
  const [least, greatest, nulls] = [itemsAt(index, 2), itemsAt(index, 3), itemsAt(index, 5)];
  const key = (value: unknown) => (value instanceof Uint8Array ? read(Buffer.from(value)) : undefined);
  return itemsAt(index, 1).map((allNull, i): Bounds => {
    if (allNull === true) return { nulls: 1, rows: 1 };
    const [min, max, count] = [key(least[i]), key(greatest[i]), nulls[i]];
    return {
      ...(min === undefined ? {} : { min }),
      ...(max === undefined ? {} : { max }),
      ...(count === 0 ? { nulls: 0 } : {}),
    };
  });
}

/** Parquet's physical types (enum Type). */
const PHYSICAL = { int32: 1, int64: 2, double: 5, bytes: 6 } as const;
const MICROS_PER_DAY = 86_400_000_000n;

/** How bounds of a leaf are read as keys of `type`; undefined for types whose bounds are not compared here. */
export function boundsReader(
  file: Struct,
  chunk: Struct | undefined,
  type: SqlType,
  leaf: number,
): ReadBound | undefined {
  const physical = numberAt(chunkMetadata(chunk), 1);
  const integer = (bytes: Buffer): bigint =>
    physical === PHYSICAL.int32 ? BigInt(bytes.readInt32LE()) : bytes.readBigInt64LE();
  const isInteger = physical === PHYSICAL.int32 || physical === PHYSICAL.int64;
  switch (type.kind) {
    case 'smallint':
    case 'integer':
    case 'bigint':
      return isInteger && !isUnsigned(file, leaf) ? (bytes) => keyOf(type, integer(bytes)) : undefined;
    case 'double':
      return physical === PHYSICAL.double ? (bytes) => bytes.readDoubleLE() : undefined;
    case 'text':
      return physical === PHYSICAL.bytes ? (bytes) => bytes.toString() : undefined;
    case 'date':
      return physical === PHYSICAL.int32 ? (bytes) => integer(bytes) * MICROS_PER_DAY : undefined;
    case 'timestamp':
    case 'timestamptz': {
      const factor = microsPerUnit(file, leaf);
      return physical === PHYSICAL.int64 && factor !== undefined ? (bytes) => integer(bytes) * factor : undefined;
    }
    default:
      return undefined;
  }
}

/** SchemaElement 5 num_children, 6 converted_type, 10 logicalType; FileMetaData 2 schema. */
function schemaOfLeaf(file: Struct, leaf: number): Struct | undefined {
  const leaves = itemsAt(file, 2).filter(
    (item): item is Struct => item instanceof Map && (numberAt(item, 5) ?? 0) === 0,
  );
  return leaves[leaf];
}

/** enum ConvertedType: 9 TIMESTAMP_MILLIS, 10 TIMESTAMP_MICROS, 11 to 14 the unsigned integers. */
const MILLIS = 9;
const MICROS = 10;

function microsPerUnit(file: Struct, leaf: number): bigint | undefined {
  const element = schemaOfLeaf(file, leaf);
  const converted = numberAt(element, 6);
  // LogicalType 8 TIMESTAMP, in which 2 unit is one of 1 MILLIS, 2 MICROS, 3 NANOS.
  const unit = structAt(structAt(structAt(element, 10), 8), 2);
  if (converted === MILLIS || unit?.has(1) === true) return 1000n;
  return converted === MICROS || unit?.has(2) === true ? 1n : undefined;
}

function isUnsigned(file: Struct, leaf: number): boolean {
  const converted = numberAt(schemaOfLeaf(file, leaf), 6);
  return converted !== undefined && converted >= 11 && converted <= 14;
}
