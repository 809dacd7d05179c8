/**
 * One builder per way of keeping a column: Snowflake's JSON texts, as bytes, into an Arrow array. The spellings are those
 * of the JSON result format: DATE in days, TIME and TIMESTAMP in seconds with a fraction, TIMESTAMP_TZ with its offset in
 * minutes + 1440 behind, BOOLEAN as 1 or true, BINARY in hexadecimal digits.
 */
import { type Data, type DataType, makeData, Type } from 'apache-arrow';
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';
import { arrowType } from '../arrow.ts';
import type { ResultColumn } from '../connector.ts';
import { parseDecimal, rescale } from '../postgres-language/numeric.ts';
import { unescapeInto } from './json-bytes.ts';

export interface ColumnBuilder {
  /** The value of `row` stands in `bytes` from `from` to `to`; `escaped` when it holds JSON escapes. */
  set(row: number, bytes: Uint8Array, from: number, to: number, escaped: boolean): void;
  setNull(row: number): void;
  /** The first `rows` elements; the builder is not used again. */
  finish(rows: number): Data;
}

export function columnBuilder(column: ResultColumn, capacity: number): ColumnBuilder {
  const { kind } = column.type;
  switch (kind) {
    case 'boolean': {
      const bits = new Uint8Array((capacity + 7) >> 3);
      return fixed(column, capacity, bits, (row, bytes, from) => {
        const first = bytes[from];
        if (first === ONE || first === LETTER_T) bits[row >> 3]! |= 1 << (row & 7);
      });
    }
    case 'smallint':
    case 'integer': {
      const values = kind === 'smallint' ? new Int16Array(capacity) : new Int32Array(capacity);
      return fixed(column, capacity, values, (row, bytes, from, to) => {
        const value = smallWhole(bytes, from, to) ?? Number(wholeOf(column, textOf(bytes, from, to)));
        values[row] = value;
        if (values[row] !== value) throw outOfRange(column, textOf(bytes, from, to));
      });
    }
    case 'bigint': {
      const values = new BigInt64Array(capacity);
      const words = new Int32Array(values.buffer);
      return fixed(column, capacity, values, (row, bytes, from, to) => {
        const small = smallWhole(bytes, from, to);
        if (small !== undefined) writeSafe(words, row * 2, small);
        else values[row] = inRange(column, wholeOf(column, textOf(bytes, from, to)), 64);
      });
    }
    case 'real':
    case 'double': {
      const values = kind === 'real' ? new Float32Array(capacity) : new Float64Array(capacity);
      return fixed(column, capacity, values, (row, bytes, from, to) => {
        values[row] = shortDecimal(bytes, from, to) ?? doubleOf(column, textOf(bytes, from, to));
      });
    }
    case 'date': {
      const values = new Int32Array(capacity);
      return fixed(column, capacity, values, (row, bytes, from, to) => {
        values[row] = smallWhole(bytes, from, to) ?? Number(wholeOf(column, textOf(bytes, from, to)));
      });
    }
    case 'time':
    case 'timestamp':
    case 'timestamptz': {
      const values = new BigInt64Array(capacity);
      const words = new Int32Array(values.buffer);
      return fixed(column, capacity, values, readMicros(column, values, words));
    }
    case 'numeric':
      return arrowType(column.type).typeId === Type.Decimal
        ? decimals(column, capacity)
        : new HeapBuilder(column, capacity);
    case 'bytea':
      return new HexBuilder(column, capacity);
    default:
      return new HeapBuilder(column, capacity);
  }
}

const ZERO = 48;
const ONE = 49;
const LETTER_T = 116;
const MINUS = 45;
const POINT = 46;
const SPACE = 32;

const textOf = (bytes: Uint8Array, from: number, to: number): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('latin1');

/** A whole number of up to 15 digits; undefined for everything else. */
function smallWhole(bytes: Uint8Array, from: number, to: number): number | undefined {
  const negative = bytes[from] === MINUS;
  let at = negative ? from + 1 : from;
  if (to - at > 15 || at === to) return undefined;
  let value = 0;
  for (; at < to; at++) {
    const digit = bytes[at]! - ZERO;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
  }
  return negative ? -value : value;
}

/** 10⁰ … 10¹⁵, which a double holds exactly. */
const POWERS = Array.from({ length: 16 }, (_, i) => 10 ** i);

/**
 * A decimal of up to 15 digits without an exponent, rounded right: both the digits as a whole number and the power of ten are exact,
 * so the division is the only rounding (Clinger 1990). Undefined for everything else.
 */
function shortDecimal(bytes: Uint8Array, from: number, to: number): number | undefined {
  const negative = bytes[from] === MINUS;
  let at = negative ? from + 1 : from;
  if (to - at > 16 || at === to) return undefined;
  let value = 0;
  let digits = 0;
  let point = -1;
  for (; at < to; at++) {
    const digit = bytes[at]! - ZERO;
    if (digit >= 0 && digit <= 9) {
      value = value * 10 + digit;
      digits++;
    } else if (bytes[at] === POINT && point < 0) point = digits;
    else return undefined;
  }
  if (digits === 0 || digits > 15) return undefined;
  const decimals = point < 0 ? 0 : digits - point;
  return (negative ? -value : value) / POWERS[decimals]!;
}

function wholeOf(column: ResultColumn, text: string): bigint {
  if (!/^-?\d+$/.test(text)) throw malformed(column, text);
  return BigInt(text);
}

function inRange(column: ResultColumn, value: bigint, bits: number): bigint {
  if (BigInt.asIntN(bits, value) !== value) throw outOfRange(column, String(value));
  return value;
}

function doubleOf(column: ResultColumn, text: string): number {
  if (text === 'NaN') return Number.NaN;
  if (text === 'inf' || text === 'Infinity') return Number.POSITIVE_INFINITY;
  if (text === '-inf' || text === '-Infinity') return Number.NEGATIVE_INFINITY;
  const value = Number(text);
  if (Number.isNaN(value) || text === '') throw malformed(column, text);
  return value;
}

/**
 * Microseconds of `seconds.fraction[ offset]`. The sign belongs to the whole: `-0.5` is half a second before. The offset of
 * TIMESTAMP_TZ does not move the moment. Digits beyond microseconds are cut, as PostgreSQL knows none.
 */
function readMicros(column: ResultColumn, values: BigInt64Array, words: Int32Array): Read {
  return (row, bytes, from, to) => {
    const negative = bytes[from] === MINUS;
    let seconds = 0;
    let micros = 0;
    let decimals = -1;
    for (let at = negative ? from + 1 : from; at < to && bytes[at] !== SPACE; at++) {
      const byte = bytes[at]!;
      if (byte === POINT && decimals < 0) decimals = 0;
      else if (byte < ZERO || byte > ZERO + 9) throw malformed(column, textOf(bytes, from, to));
      else if (decimals < 0) seconds = seconds * 10 + byte - ZERO;
      else if (decimals++ < 6) micros = micros * 10 + byte - ZERO;
    }
    for (let missing = Math.max(0, decimals); missing < 6; missing++) micros *= 10;
    const value = seconds * 1_000_000 + micros;
    if (value <= Number.MAX_SAFE_INTEGER) writeSafe(words, row * 2, negative ? -value : value);
    else {
      const exact = BigInt(seconds) * 1_000_000n + BigInt(micros);
      values[row] = negative ? -exact : exact;
    }
  };
}

/** A safe integer as a 64-bit value in two words. */
function writeSafe(words: Int32Array, at: number, value: number): void {
  const high = Math.floor(value / 2 ** 32);
  words[at] = value - high * 2 ** 32;
  words[at + 1] = high;
}

/** Decimal128 of a known scale. */
function decimals(column: ResultColumn, capacity: number): ColumnBuilder {
  const words = new Int32Array(capacity * 4);
  const scale = column.type.kind === 'numeric' ? (column.type.scale ?? 0) : 0;
  const precision = column.type.kind === 'numeric' ? (column.type.precision ?? 38) : 38;
  return fixed(column, capacity, words, (row, bytes, from, to) => {
    const small = smallDecimal(bytes, from, to, scale, precision);
    if (small !== undefined) {
      writeSafe(words, row * 4, small);
      words[row * 4 + 2] = words[row * 4 + 3] = small < 0 ? -1 : 0;
      return;
    }
    const text = textOf(bytes, from, to);
    const unscaled = rescale(parseDecimal(text), scale);
    if (String(unscaled).replace('-', '').length > precision) throw outOfRange(column, text);
    for (let i = 0; i < 4; i++) words[row * 4 + i] = Number(BigInt.asIntN(32, unscaled >> BigInt(32 * i)));
  });
}

/** The number times 10^scale where all its digits fit into a double; undefined otherwise. */
function smallDecimal(
  bytes: Uint8Array,
  from: number,
  to: number,
  scale: number,
  precision: number,
): number | undefined {
  const negative = bytes[from] === MINUS;
  let at = negative ? from + 1 : from;
  let value = 0;
  let decimals = -1;
  if (to - at + scale > 15 || at === to) return undefined;
  for (; at < to; at++) {
    const byte = bytes[at]!;
    if (byte === POINT && decimals < 0) {
      decimals = 0;
      continue;
    }
    if (byte < ZERO || byte > ZERO + 9) return undefined;
    value = value * 10 + byte - ZERO;
    if (decimals >= 0) decimals++;
  }
  if (decimals > scale) return undefined;
  for (let missing = Math.max(0, decimals); missing < scale; missing++) value *= 10;
  if (value >= 10 ** precision) return undefined;
  return negative ? -value : value;
}

/** Marks NULL rows; Arrow's validity bits are 1 for values. */
class Validity {
  readonly #capacity: number;
  #bits: Uint8Array | undefined;
  #nulls = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  setNull(row: number): void {
    this.#bits ??= new Uint8Array((this.#capacity + 7) >> 3).fill(0xff);
    this.#bits[row >> 3]! &= ~(1 << (row & 7));
    this.#nulls++;
  }

  finish(): { nullCount: number; nullBitmap?: Uint8Array } {
    return this.#bits === undefined ? { nullCount: 0 } : { nullCount: this.#nulls, nullBitmap: this.#bits };
  }
}

type Read = (row: number, bytes: Uint8Array, from: number, to: number) => void;

function fixed(column: ResultColumn, capacity: number, data: ArrayBufferView, read: Read): ColumnBuilder {
  const validity = new Validity(capacity);
  return {
    set: read,
    setNull: (row) => validity.setNull(row),
    finish: (rows) =>
      makeData({ type: arrowType(column.type), length: rows, ...validity.finish(), data } as never) as Data,
  };
}

/** Text and JSON: offsets into one growing heap. */
class HeapBuilder implements ColumnBuilder {
  readonly #arrow: DataType;
  readonly #validity: Validity;
  readonly #offsets: Int32Array;
  protected heap = Buffer.allocUnsafeSlow(1 << 12);
  protected size = 0;

  constructor(column: ResultColumn, capacity: number) {
    this.#arrow = arrowType(column.type);
    this.#validity = new Validity(capacity);
    this.#offsets = new Int32Array(capacity + 1);
  }

  set(row: number, bytes: Uint8Array, from: number, to: number, escaped: boolean): void {
    this.append(bytes, from, to, escaped);
    this.#offsets[row + 1] = this.size;
  }

  /** Adds one value at the heap's end. Unescaped text is never longer than escaped. */
  protected append(bytes: Uint8Array, from: number, to: number, escaped: boolean): void {
    const length = to - from;
    this.reserve(length);
    const { heap, size } = this;
    if (escaped) {
      this.size = unescapeInto(heap, size, bytes, from, to);
      return;
    }
    // Short texts are copied faster by hand than by a call.
    if (length < 64) for (let i = 0; i < length; i++) heap[size + i] = bytes[from + i]!;
    else heap.set(bytes.subarray(from, to), size);
    this.size = size + length;
  }

  setNull(row: number): void {
    this.#offsets[row + 1] = this.size;
    this.#validity.setNull(row);
  }

  finish(rows: number): Data {
    const data = this.heap.subarray(0, this.size);
    const type = this.#arrow;
    return makeData({
      type,
      length: rows,
      ...this.#validity.finish(),
      valueOffsets: this.#offsets,
      data,
    } as never) as Data;
  }

  protected reserve(length: number): void {
    if (this.size + length <= this.heap.length) return;
    const heap = Buffer.allocUnsafeSlow(Math.max(this.size + length, this.heap.length * 2));
    this.heap.copy(heap, 0, 0, this.size);
    this.heap = heap;
  }
}

/** BINARY, from hexadecimal digits. */
class HexBuilder extends HeapBuilder {
  protected override append(bytes: Uint8Array, from: number, to: number): void {
    this.reserve((to - from) >> 1);
    for (let at = from; at < to; at += 2) {
      this.heap[this.size++] = (hexDigit(bytes[at]!) << 4) | hexDigit(bytes[at + 1]!);
    }
  }
}

/** `0`–`9`, `a`–`f`, `A`–`F`. */
const hexDigit = (byte: number): number => (byte <= ZERO + 9 ? byte - ZERO : (byte & 0x0f) + 9);

const outOfRange = ({ name, type }: ResultColumn, text: string) =>
  new CausewayError(
    SQLSTATE.numericValueOutOfRange,
    `column "${name}" holds ${text}, which is out of range for type ${type.kind}`,
    {
      hint: `Cast it in a native query, or read it as text: TO_VARCHAR("${name}").`,
    },
  );

const malformed = ({ name, type }: ResultColumn, text: string) =>
  new CausewayError(SQLSTATE.invalidTextRepresentation, `column "${name}" holds "${text}", which is no ${type.kind}`);
