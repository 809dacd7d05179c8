/**
 * Data skipping: can a part of a table (a file, a row group, a partition) hold a row that passes a filter, given the
 * least and the greatest value in it? Whatever is not known counts as "it can".
 */
import type { SqlType } from '../../src/plan/types.ts';
import type { ScanFilter } from '../connector.ts';

/** A value that can be compared: numbers and times as numbers, text as text. */
export type Key = number | bigint | string;

export interface Bounds {
  readonly min?: Key;
  readonly max?: Key;
  /** NULLs in the part. */
  readonly nulls?: number;
  /** Rows in the part. */
  readonly rows?: number;
}

/** Digits behind the point at which decimals are compared. */
const DECIMALS = 40;
const MICROS_PER_DAY = 86_400_000_000n;

/** `value` of `type` as a key, or undefined when this type is not compared or the text is not understood. */
export function keyOf(type: SqlType, value: string | number | bigint | boolean): Key | undefined {
  const text = String(value);
  switch (type.kind) {
    case 'boolean':
      return text === 'true' || text === '1' || text === 't'
        ? 1
        : text === 'false' || text === '0' || text === 'f'
          ? 0
          : undefined;
    case 'smallint':
    case 'integer':
    case 'bigint':
    case 'numeric':
      return decimalKey(text);
    case 'real':
    case 'double': {
      const number = Number(text);
      return text.trim() === '' || Number.isNaN(number) ? undefined : number;
    }
    case 'text':
    case 'varchar':
    case 'uuid':
      return text;
    case 'date':
    case 'timestamp':
    case 'timestamptz':
      return timeKey(text, type.kind === 'timestamptz');
    default:
      return undefined;
  }
}

const KEYS: Readonly<Partial<Record<SqlType['kind'], string>>> = {
  smallint: 'decimal',
  integer: 'decimal',
  bigint: 'decimal',
  numeric: 'decimal',
  real: 'float',
  double: 'float',
  varchar: 'text',
  date: 'time',
  timestamp: 'time',
  timestamptz: 'time',
};

/** True when keys of the two types may be compared with each other. */
export const sameKeys = (a: SqlType, b: SqlType): boolean => (KEYS[a.kind] ?? a.kind) === (KEYS[b.kind] ?? b.kind);

function decimalKey(text: string): bigint | undefined {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:e([+-]?\d{1,2}))?$/i.exec(text.trim());
  if (match === null || (match[2] === '' && (match[3] ?? '') === '')) return undefined;
  const fraction = match[3] ?? '';
  const shift = DECIMALS - fraction.length + Number(match[4] ?? 0);
  if (shift < 0) return undefined;
  const scaled = BigInt(match[2]! + fraction) * 10n ** BigInt(shift);
  return match[1] === '-' ? -scaled : scaled;
}

/** Microseconds since 1970; a date is its midnight. A missing zone is UTC. */
function timeKey(text: string, zoned: boolean): bigint | undefined {
  const match =
    /^(\d{4,6})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?\s*(Z|[+-]\d\d(?::?\d\d)?)?$/.exec(text);
  if (match === null) return undefined;
  const part = (i: number): number => Number(match[i] ?? 0);
  const midnight = new Date(0);
  midnight.setUTCFullYear(part(1), part(2) - 1, part(3));
  const days = BigInt(Math.round(midnight.getTime() / 86_400_000));
  const micros = BigInt((match[7] ?? '').slice(0, 6).padEnd(6, '0'));
  const seconds = BigInt(part(4) * 3600 + part(5) * 60 + part(6));
  const zone = /^([+-])(\d\d):?(\d\d)?$/.exec(match[8] ?? '');
  const offset =
    zone === null || !zoned ? 0 : (zone[1] === '-' ? -1 : 1) * (Number(zone[2]) * 60 + Number(zone[3] ?? 0));
  return days * MICROS_PER_DAY + (seconds - BigInt(offset * 60)) * 1_000_000n + micros;
}

/** Order of two keys of one type; text by its UTF-8 bytes, as the `C` collation has it. */
export function compareKeys(a: Key, b: Key): number {
  if (typeof a === 'string' && typeof b === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Bounds of a part in which the column has one value. */
export function constantBounds(type: SqlType, value: string | null): Bounds {
  if (value === null) return { nulls: 1, rows: 1 };
  const key = keyOf(type, value);
  return key === undefined ? { nulls: 0, rows: 1 } : { min: key, max: key, nulls: 0, rows: 1 };
}

/** False only when no row with these bounds can pass `filter`. */
export function mightMatch(filter: ScanFilter, type: SqlType, bounds: Bounds | undefined): boolean {
  if (bounds === undefined) return true;
  const allNull = bounds.rows !== undefined && bounds.rows > 0 && bounds.nulls === bounds.rows;
  if (filter.operator === 'is_null') return bounds.nulls !== 0;
  if (allNull) return false;
  if (filter.operator === 'is_not_null') return true;
  const test = (value: string | number | bigint | boolean): boolean => {
    const key = keyOf(type, value);
    return key === undefined || inBounds(filter.operator, key, type, bounds);
  };
  return filter.values.some(test);
}

function inBounds(operator: ScanFilter['operator'], value: Key, type: SqlType, bounds: Bounds): boolean {
  const inexact = type.kind === 'real' || type.kind === 'double';
  const below = bounds.min === undefined ? -1 : compareKeys(widen(bounds.min, type, -1), value);
  const above = bounds.max === undefined ? 1 : compareKeys(widen(bounds.max, type, 1), value);
  switch (operator) {
    case '=':
    case 'in':
      return below <= 0 && above >= 0;
    case '<':
      return below < 0;
    case '<=':
      return below <= 0;
    // Writers leave NaN out of the bounds, and PostgreSQL holds NaN for greater than every number.
    case '>':
      return inexact || above > 0;
    case '>=':
      return inexact || above >= 0;
    case '<>':
      return inexact || bounds.min === undefined || bounds.max === undefined || below !== 0 || above !== 0;
    default:
      return true;
  }
}

/** Bounds of `real` are printed with fewer digits than a double that they are compared with may have. */
function widen(key: Key, type: SqlType, direction: 1 | -1): Key {
  return type.kind === 'real' && typeof key === 'number' ? key + direction * Math.abs(key) * 1e-6 : key;
}
