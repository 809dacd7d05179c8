/** One builder per way of keeping a column: the binary COPY fields of a type into an Arrow array. */
import { type Data, type DataType, makeData } from 'apache-arrow';
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';
import type { SqlType } from '../../src/plan/types.ts';
import { arrowType } from '../arrow.ts';
import type { ResultColumn } from '../connector.ts';
import { readNumeric } from './copy-numeric.ts';

export interface ColumnBuilder {
  /**
   * Reads `rows` fields of column `index` out of `width`; row r's field is at `starts[r * width + index]`. They become
   * the array's elements from `at` on.
   */
  read(
    buffer: Buffer,
    starts: Int32Array,
    lengths: Int32Array,
    index: number,
    width: number,
    rows: number,
    at: number,
  ): void;
  /** The first `rows` elements; the builder is empty afterwards. */
  finish(rows: number): Data;
  /** Bytes of text held. */
  textBytes(): number;
}

export function columnBuilder(column: ResultColumn, capacity: number): ColumnBuilder {
  const arrow = arrowType(column.type);
  switch (column.type.kind) {
    case 'boolean':
      return fixedWidth(
        column,
        arrow,
        1,
        () => new Uint8Array(capacity >> 3),
        (bits, buffer, from, row) => {
          if (buffer[from] !== 0) bits[row >> 3]! |= 1 << (row & 7);
        },
      );
    case 'smallint':
      return fixedWidth(
        column,
        arrow,
        2,
        () => new Int16Array(capacity),
        (values, buffer, from, row) => {
          values[row] = (buffer[from]! << 8) | buffer[from + 1]!;
        },
      );
    case 'integer':
      return fixedWidth(
        column,
        arrow,
        4,
        () => new Int32Array(capacity),
        (values, buffer, from, row) => {
          values[row] = word(buffer, from);
        },
      );
    case 'real':
      return fixedWidth(column, arrow, 4, () => new Float32Array(capacity), words(1));
    case 'bigint':
      return fixedWidth(column, arrow, 8, () => new BigInt64Array(capacity), words(2));
    case 'time':
      return fixedWidth(column, arrow, 8, () => new BigInt64Array(capacity), words(2));
    case 'double':
      return fixedWidth(column, arrow, 8, () => new Float64Array(capacity), words(2));
    case 'date':
      return fixedWidth(
        column,
        arrow,
        4,
        () => new Int32Array(capacity),
        (values, buffer, from, row) => {
          values[row] = daysSinceUnixEpoch(word(buffer, from));
        },
      );
    case 'timestamp':
    case 'timestamptz':
      return fixedWidth(column, arrow, 8, () => new BigInt64Array(capacity), timestamps());
    case 'numeric':
      if (column.type.precision !== undefined && column.type.precision <= 38) {
        const scale = column.type.scale ?? 0;
        return fixedWidth(
          column,
          arrow,
          undefined,
          () => new Uint32Array(capacity * 4),
          (values, buffer, from, row) => {
            readNumeric(buffer, from, scale, values, row * 4, column.name);
          },
        );
      }
      return new TextBuilder(arrow, capacity);
    default:
      return new TextBuilder(arrow, capacity);
  }
}

type FixedArray = Uint8Array | Int16Array | Int32Array | Uint32Array | Float32Array | Float64Array | BigInt64Array;

/** Big-endian 32-bit word. */
const word = (buffer: Buffer, from: number): number =>
  (buffer[from]! << 24) | (buffer[from + 1]! << 16) | (buffer[from + 2]! << 8) | buffer[from + 3]!;

/** Views of the same memory as 32-bit words, made once per array. */
const wordViews = new WeakMap<ArrayBufferLike, Int32Array>();

function wordView(values: FixedArray): Int32Array {
  let view = wordViews.get(values.buffer);
  if (view === undefined) {
    view = new Int32Array(values.buffer);
    wordViews.set(values.buffer, view);
  }
  return view;
}

type ReadField<A> = (values: A, buffer: Buffer, from: number, row: number) => void;

/** Values whose big-endian bytes are `count` 32-bit words of the little-endian array. */
function words(count: 1 | 2): ReadField<FixedArray> {
  return (values, buffer, from, row) => {
    const view = wordView(values);
    if (count === 1) {
      view[row] = word(buffer, from);
    } else {
      view[row * 2 + 1] = word(buffer, from);
      view[row * 2] = word(buffer, from + 4);
    }
  };
}

const INT32_MAX = 2_147_483_647;
const INT32_MIN = -2_147_483_648;
/** Days from 1970-01-01 to PostgreSQL's epoch, 2000-01-01. */
const EPOCH_DAYS = 10_957;
const EPOCH_MICROS_LOW = (EPOCH_DAYS * 86_400_000_000) % 2 ** 32;
const EPOCH_MICROS_HIGH = Math.floor((EPOCH_DAYS * 86_400_000_000) / 2 ** 32);

/** Infinity keeps the highest number; -infinity becomes its negative, as DuckDB has it. */
const daysSinceUnixEpoch = (days: number): number =>
  days === INT32_MAX ? days : days === INT32_MIN ? -INT32_MAX : days + EPOCH_DAYS;

/** Microseconds since 2000 become microseconds since 1970: a 64-bit addition in two halves. */
function timestamps(): ReadField<FixedArray> {
  return (values, buffer, from, row) => {
    const view = wordView(values);
    const high = word(buffer, from);
    const low = word(buffer, from + 4) >>> 0;
    if (high === INT32_MAX && low === 0xffffffff) {
      view[row * 2 + 1] = high;
      view[row * 2] = -1;
    } else if (high === INT32_MIN && low === 0) {
      view[row * 2 + 1] = high;
      view[row * 2] = 1;
    } else {
      const sum = low + EPOCH_MICROS_LOW;
      view[row * 2] = sum;
      view[row * 2 + 1] = high + EPOCH_MICROS_HIGH + (sum > 0xffffffff ? 1 : 0);
    }
  };
}

/** Marks NULL rows; Arrow's validity bits are 1 for values. */
class Validity {
  readonly #bytes: number;
  #bits: Uint8Array | undefined;
  #nulls = 0;

  constructor(capacity: number) {
    this.#bytes = capacity >> 3;
  }

  setNull(row: number): void {
    this.#bits ??= new Uint8Array(this.#bytes).fill(0xff);
    this.#bits[row >> 3]! &= ~(1 << (row & 7));
    this.#nulls++;
  }

  finish(): { nullCount: number; nullBitmap?: Uint8Array } {
    const done = this.#bits === undefined ? { nullCount: 0 } : { nullCount: this.#nulls, nullBitmap: this.#bits };
    this.#bits = undefined;
    this.#nulls = 0;
    return done;
  }
}

/** A column of values of one size. `bytes` is the field's expected length; undefined where it varies. */
function fixedWidth<A extends FixedArray>(
  column: ResultColumn,
  arrow: DataType,
  bytes: number | undefined,
  allocate: () => A,
  readField: ReadField<A>,
): ColumnBuilder {
  const validity = new Validity(CAPACITY_BITS);
  let values = allocate();
  return {
    read(buffer, starts, lengths, index, width, rows, at) {
      for (let row = 0, field = index; row < rows; row++, field += width) {
        const length = lengths[field]!;
        if (length < 0) validity.setNull(at + row);
        else if (bytes !== undefined && length !== bytes) throw unexpectedLength(column, length);
        else readField(values, buffer, starts[field]!, at + row);
      }
    },
    finish(rows) {
      const data = makeData({ type: arrow, length: rows, ...validity.finish(), data: values } as never) as Data;
      values = allocate();
      return data;
    },
    textBytes: () => 0,
  };
}

const CAPACITY_BITS = 1 << 15;

const unexpectedLength = (column: { name: string; type: SqlType }, length: number) =>
  new CausewayError(
    SQLSTATE.internalError,
    `column "${column.name}" arrived with ${length} bytes a value, which is not ${column.type.kind}`,
  );

/** Text and bytea: offsets into one growing heap. */
class TextBuilder implements ColumnBuilder {
  readonly #arrow: DataType;
  readonly #validity: Validity;
  #offsets: Int32Array;
  #heap = Buffer.allocUnsafeSlow(1 << 16);
  #size = 0;

  constructor(arrow: DataType, capacity: number) {
    this.#arrow = arrow;
    this.#validity = new Validity(capacity);
    this.#offsets = new Int32Array(capacity + 1);
  }

  read(
    buffer: Buffer,
    starts: Int32Array,
    lengths: Int32Array,
    index: number,
    width: number,
    rows: number,
    at: number,
  ): void {
    let total = this.#size;
    for (let row = 0, field = index; row < rows; row++, field += width) total += Math.max(0, lengths[field]!);
    if (total > this.#heap.length) this.#grow(total);
    const heap = this.#heap;
    const offsets = this.#offsets;
    let size = this.#size;
    for (let row = 0, field = index; row < rows; row++, field += width) {
      const length = lengths[field]!;
      if (length < 0) {
        this.#validity.setNull(at + row);
      } else {
        const start = starts[field]!;
        // Short texts are copied faster by hand than by a call.
        if (length < 64) for (let i = 0; i < length; i++) heap[size + i] = buffer[start + i]!;
        else buffer.copy(heap, size, start, start + length);
        size += length;
      }
      offsets[at + row + 1] = size;
    }
    this.#size = size;
  }

  finish(rows: number): Data {
    const data = makeData({
      type: this.#arrow,
      length: rows,
      ...this.#validity.finish(),
      valueOffsets: this.#offsets,
      data: this.#heap.subarray(0, this.#size),
    } as never) as Data;
    this.#offsets = new Int32Array(this.#offsets.length);
    this.#heap = Buffer.allocUnsafeSlow(Math.max(1 << 16, this.#size));
    this.#size = 0;
    return data;
  }

  textBytes(): number {
    return this.#size;
  }

  #grow(size: number): void {
    const heap = Buffer.allocUnsafeSlow(Math.max(size, this.#heap.length * 2));
    this.#heap.copy(heap, 0, 0, this.#size);
    this.#heap = heap;
  }
}
