/** Partition transforms (specification, "Partition Transforms"): what a partition value says about the column. */
import type { SqlType } from '../../../../src/plan/types.ts';
import type { ScanFilter } from '../../../connector.ts';
import { type Bounds, type Key, keyOf } from '../../bounds.ts';
import type { LakeColumn } from '../table.ts';

const MICROS_PER_HOUR = 3_600_000_000n;
const MICROS_PER_DAY = 24n * MICROS_PER_HOUR;

/** Bounds of the source column in a partition, or undefined when the transform does not keep the order. */
export function boundsOfPartition(transform: string, type: SqlType, value: unknown): Bounds | undefined {
  if (value === null) return transform === 'void' ? undefined : { nulls: 1, rows: 1 };
  const number = typeof value === 'bigint' || typeof value === 'number' ? BigInt(value) : undefined;
  if (transform === 'identity') {
    const key = identityKey(type, value);
    return key === undefined ? undefined : { min: key, max: key };
  }
  if (number === undefined) return undefined;
  const span = (start: bigint, end: bigint): Bounds => ({ min: start, max: end - 1n });
  switch (transform) {
    case 'hour':
      return span(number * MICROS_PER_HOUR, (number + 1n) * MICROS_PER_HOUR);
    case 'day':
      return span(number * MICROS_PER_DAY, (number + 1n) * MICROS_PER_DAY);
    case 'month':
      return span(monthStart(Number(number)), monthStart(Number(number) + 1));
    case 'year':
      return span(monthStart(Number(number) * 12), monthStart(Number(number) * 12 + 12));
    default: {
      const width = /^truncate\[(\d+)\]$/.exec(transform)?.[1];
      if (width === undefined || type.kind === 'numeric') return undefined;
      return { min: keyOf(type, number)!, max: keyOf(type, number + BigInt(width) - 1n)! };
    }
  }
}

/** Microseconds of the first day of the month, counted from January 1970. */
function monthStart(month: number): bigint {
  const date = new Date(0);
  date.setUTCFullYear(1970 + Math.floor(month / 12), ((month % 12) + 12) % 12, 1);
  return BigInt(date.getTime()) * 1000n;
}

/** Avro's value of an identity partition as a key. */
function identityKey(type: SqlType, value: unknown): Key | undefined {
  if (typeof value === 'boolean' || typeof value === 'string') return keyOf(type, value);
  if (typeof value !== 'bigint' && typeof value !== 'number') return undefined;
  if (type.kind === 'date') return BigInt(value) * MICROS_PER_DAY;
  if (type.kind === 'timestamp' || type.kind === 'timestamptz') return BigInt(value);
  return keyOf(type, value);
}

/** The text of an identity partition's value; undefined where the type is not partitioned by, or there is no value. */
export function identityText({ type }: Pick<LakeColumn, 'type'>, value: unknown): string | undefined {
  if (typeof value === 'boolean' || typeof value === 'string') return String(value);
  if (value instanceof Uint8Array && type.kind === 'numeric') {
    const digits = BigInt.asIntN(value.length * 8, BigInt(`0x${Buffer.from(value).toString('hex') || '0'}`));
    return `${digits}e-${type.scale ?? 0}`;
  }
  if (typeof value !== 'bigint' && typeof value !== 'number') return undefined;
  const at = (micros: bigint): string => new Date(Number(micros / 1000n)).toISOString().slice(0, 19);
  if (type.kind === 'date') return at(BigInt(value) * MICROS_PER_DAY).slice(0, 10);
  if (type.kind !== 'timestamp' && type.kind !== 'timestamptz') return String(value);
  const micros = BigInt(value);
  const fraction = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n;
  return `${at(micros - fraction).replace('T', ' ')}.${String(fraction).padStart(6, '0')}${type.kind === 'timestamptz' ? '+00' : ''}`;
}

/** True when `filter` asks for values that all fall into other buckets than `bucket`. */
export function bucketExcludes(transform: string, type: SqlType, bucket: unknown, filter: ScanFilter): boolean {
  const count = /^bucket\[(\d+)\]$/.exec(transform)?.[1];
  if (count === undefined || typeof bucket !== 'number') return false;
  if (filter.operator !== '=' && filter.operator !== 'in') return false;
  return filter.values.every((value) => {
    const hash = hashOf(type, value);
    return hash !== undefined && (hash & 0x7fffffff) % Number(count) !== bucket;
  });
}

/** Appendix B, "32-bit Hash Requirements"; undefined for types that are not hashed here. */
function hashOf(type: SqlType, value: string | number | bigint | boolean): number | undefined {
  switch (type.kind) {
    case 'smallint':
    case 'integer':
    case 'bigint':
      return /^-?\d+$/.test(String(value)) ? murmur3(longBytes(BigInt(value))) : undefined;
    case 'date': {
      const key = keyOf(type, value);
      return typeof key === 'bigint' ? murmur3(longBytes(key / MICROS_PER_DAY)) : undefined;
    }
    case 'timestamp':
    case 'timestamptz': {
      const key = keyOf(type, value);
      return typeof key === 'bigint' ? murmur3(longBytes(key)) : undefined;
    }
    case 'text':
      return murmur3(Buffer.from(String(value)));
    default:
      return undefined;
  }
}

function longBytes(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt.asIntN(64, value));
  return bytes;
}

/** MurmurHash3, x86 32-bit, seed 0 (Appleby). */
export function murmur3(bytes: Buffer): number {
  let hash = 0;
  const whole = bytes.length & ~3;
  const mix = (word: number): number => {
    const k = Math.imul(word, 0xcc9e2d51);
    return Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  };
  for (let at = 0; at < whole; at += 4) {
    hash ^= mix(bytes.readInt32LE(at));
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  let tail = 0;
  for (let at = bytes.length - 1; at >= whole; at--) tail = (tail << 8) | bytes[at]!;
  if (bytes.length > whole) hash ^= mix(tail);
  hash ^= bytes.length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
