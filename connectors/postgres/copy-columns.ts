/** One builder per way of keeping a column: the binary COPY fields of a type into an Arrow array. */
import { type Data, type DataType, makeData, Type } from 'apache-arrow';
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';
import type { SqlType } from '../../src/plan/types.ts';
import { arrowType } from '../arrow.ts';
import type { ResultColumn } from '../connector.ts';
import { readNumeric } from './copy-numeric.ts';

export interface ColumnBuilder {
  /**
   * Reads `rows` fields of column `index` out of `width`; row r's field is at `starts[r * width + index]`. They become
   * the array's elements from `at` on. `view` shows the bytes of `buffer`: reading words through it is one instruction.
   */
  read(
    buffer: Buffer,
    view: DataView,
    starts: Int32Array,
    lengths: Int32Array,
    index: number,
    width: number,
    rows: number,
    at: number,
  ): void;
  /** The first `rows` elements; the builder is not used again. */
  finish(rows: number): Data;
  /** Bytes of text held. */
  textBytes(): number;
}

/** @param textBytes how much text may come; more may */
export function columnBuilder(column: ResultColumn, capacity: number, textBytes = 0): ColumnBuilder {
  const arrow = arrowType(column.type);
  const fixed = (values: FixedArray, size: number | undefined, readField: ReadField) =>
    fixedWidth(column, arrow, capacity, values, size, readField);
  switch (column.type.kind) {
    case 'boolean':
      return fixed(new Uint8Array(capacity >> 3), 1, readBit);
    case 'smallint':
      return fixed(new Int16Array(capacity), 2, readInt16);
    case 'integer':
      return fixed(new Int32Array(capacity), 4, readWord);
    case 'real':
      return fixed(new Float32Array(capacity), 4, readWord);
    case 'date':
      return fixed(new Int32Array(capacity), 4, readDate);
    case 'bigint':
    case 'time':
      return fixed(new BigInt64Array(capacity), 8, readTwoWords);
    case 'double':
      return fixed(new Float64Array(capacity), 8, readTwoWords);
    case 'timestamp':
    case 'timestamptz':
      return fixed(new BigInt64Array(capacity), 8, readTimestamp);
    case 'numeric':
      if (arrow.typeId === Type.Decimal) {
        const scale = column.type.scale ?? 0;
        return fixed(new Uint32Array(capacity * 4), undefined, (words, view, from, row) =>
          readNumeric(view, from, scale, words, row * 4, column.name),
        );
      }
      return new TextBuilder(arrow, capacity, textBytes);
    default:
      return new TextBuilder(arrow, capacity, textBytes);
  }
}

type FixedArray = Uint8Array | Int16Array | Int32Array | Uint32Array | Float32Array | Float64Array | BigInt64Array;

/** Writes the field at `from` as element `row`; `words` is the array's memory as 32-bit words (or bytes for booleans). */
type ReadField = (words: Int32Array, view: DataView, from: number, row: number, bytes: Uint8Array) => void;

const readBit: ReadField = (_words, view, from, row, bytes) => {
  if (view.getUint8(from) !== 0) bytes[row >> 3]! |= 1 << (row & 7);
};

const readInt16: ReadField = (_words, view, from, row, bytes) => {
  bytes[row * 2] = view.getUint8(from + 1);
  bytes[row * 2 + 1] = view.getUint8(from);
};

const readWord: ReadField = (words, view, from, row) => {
  words[row] = view.getInt32(from);
};

const readTwoWords: ReadField = (words, view, from, row) => {
  words[row * 2 + 1] = view.getInt32(from);
  words[row * 2] = view.getInt32(from + 4);
};

const INT32_MAX = 2_147_483_647;
const INT32_MIN = -2_147_483_648;
/** Days from 1970-01-01 to PostgreSQL's epoch, 2000-01-01. */
const EPOCH_DAYS = 10_957;
const EPOCH_MICROS_LOW = (EPOCH_DAYS * 86_400_000_000) % 2 ** 32;
const EPOCH_MICROS_HIGH = Math.floor((EPOCH_DAYS * 86_400_000_000) / 2 ** 32);

/** Infinity keeps the highest number; -infinity becomes its negative, as DuckDB has it. */
const readDate: ReadField = (words, view, from, row) => {
  const days = view.getInt32(from);
  words[row] = days === INT32_MAX ? days : days === INT32_MIN ? -INT32_MAX : days + EPOCH_DAYS;
};

/** Microseconds since 2000 become microseconds since 1970: a 64-bit addition in two halves. */
const readTimestamp: ReadField = (words, view, from, row) => {
  const high = view.getInt32(from);
  const low = view.getInt32(from + 4) >>> 0;
  if (high === INT32_MAX && low === 0xffffffff) {
    words[row * 2 + 1] = high;
    words[row * 2] = -1;
  } else if (high === INT32_MIN && low === 0) {
    words[row * 2 + 1] = high;
    words[row * 2] = 1;
  } else {
    const sum = low + EPOCH_MICROS_LOW;
    words[row * 2] = sum;
    words[row * 2 + 1] = high + EPOCH_MICROS_HIGH + (sum > 0xffffffff ? 1 : 0);
  }
};

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
    return this.#bits === undefined ? { nullCount: 0 } : { nullCount: this.#nulls, nullBitmap: this.#bits };
  }
}

/** A column of values of one size. `size` is a field's expected length; undefined where it varies. */
function fixedWidth(
  column: ResultColumn,
  arrow: DataType,
  capacity: number,
  values: FixedArray,
  size: number | undefined,
  readField: ReadField,
): ColumnBuilder {
  const validity = new Validity(capacity);
  const words = new Int32Array(values.buffer, 0, values.byteLength >> 2);
  const bytes = new Uint8Array(values.buffer);
  return {
    read(_buffer, view, starts, lengths, index, width, rows, at) {
      for (let row = 0, field = index; row < rows; row++, field += width) {
        const length = lengths[field]!;
        if (length < 0) validity.setNull(at + row);
        else if (size !== undefined && length !== size) throw unexpectedLength(column, length);
        else readField(words, view, starts[field]!, at + row, bytes);
      }
    },
    finish: (rows) => makeData({ type: arrow, length: rows, ...validity.finish(), data: values } as never) as Data,
    textBytes: () => 0,
  };
}

const unexpectedLength = (column: { name: string; type: SqlType }, length: number) =>
  new CausewayError(
    SQLSTATE.internalError,
    `column "${column.name}" arrived with ${length} bytes a value, which is not ${column.type.kind}`,
  );

/** Text and bytea: offsets into one growing heap. */
class TextBuilder implements ColumnBuilder {
  readonly #arrow: DataType;
  readonly #validity: Validity;
  readonly #offsets: Int32Array;
  #heap: Buffer;
  #size = 0;

  constructor(arrow: DataType, capacity: number, textBytes: number) {
    this.#heap = Buffer.allocUnsafeSlow(Math.max(1 << 12, Math.ceil(textBytes * 1.1)));
    this.#arrow = arrow;
    this.#validity = new Validity(capacity);
    this.#offsets = new Int32Array(capacity + 1);
  }

  read(
    buffer: Buffer,
    view: DataView,
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
    const words = new DataView(heap.buffer, heap.byteOffset, heap.length);
    const offsets = this.#offsets;
    let size = this.#size;
    for (let row = 0, field = index; row < rows; row++, field += width) {
      const length = lengths[field]!;
      if (length < 0) {
        this.#validity.setNull(at + row);
      } else {
        const start = starts[field]!;
        // Short texts are copied faster by hand than by a call, four bytes at a time.
        if (length < 256) {
          let i = 0;
          for (; i + 4 <= length; i += 4) words.setInt32(size + i, view.getInt32(start + i));
          for (; i < length; i++) heap[size + i] = buffer[start + i]!;
        } else buffer.copy(heap, size, start, start + length);
        size += length;
      }
      offsets[at + row + 1] = size;
    }
    this.#size = size;
  }

  finish(rows: number): Data {
    return makeData({
      type: this.#arrow,
      length: rows,
      ...this.#validity.finish(),
      valueOffsets: this.#offsets,
      data: this.#heap.subarray(0, this.#size),
    } as never) as Data;
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
