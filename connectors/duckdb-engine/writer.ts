/**
 * Rows into DuckDB: Arrow record batches appended to a table, buffer by buffer.
 *
 * Fixed-width Arrow buffers are DuckDB's bytes already; strings are laid out as string_t that point into one heap per
 * chunk, which DuckDB allocates and checks to be UTF-8.
 */

import type { DuckDBAppender, DuckDBType } from '@duckdb/node-api';
import { DuckDBDataChunk } from '@duckdb/node-api';
import duckdb from '@duckdb/node-bindings';
import { type Data, type RecordBatch, Type } from 'apache-arrow';
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';

/** DuckDB's vectors hold this many rows. */
const CHUNK_ROWS = 2048;

/** Appends batches to one table. The appender's column types are those the Arrow columns are bit-equal to. */
export class BatchWriter {
  readonly #appender: DuckDBAppender;
  readonly #chunk: DuckDBDataChunk;
  readonly #types: readonly DuckDBType[];

  constructor(appender: DuckDBAppender) {
    this.#appender = appender;
    this.#types = Array.from({ length: appender.columnCount }, (_, index) => appender.columnType(index));
    this.#chunk = DuckDBDataChunk.create(this.#types);
  }

  append(batch: RecordBatch): void {
    for (let start = 0; start < batch.numRows; start += CHUNK_ROWS) {
      const rows = Math.min(CHUNK_ROWS, batch.numRows - start);
      const chunk = this.#chunk.chunk;
      duckdb.data_chunk_reset(chunk);
      duckdb.data_chunk_set_size(chunk, rows);
      for (let index = 0; index < this.#types.length; index++) {
        const column = batch.data.children[index]!;
        writeColumn(duckdb.data_chunk_get_vector(chunk, index), this.#types[index]!, column, start, rows);
      }
      this.#appender.appendDataChunk(this.#chunk);
    }
  }

  close(): void {
    this.#appender.closeSync();
  }
}

function writeColumn(vector: duckdb.Vector, type: DuckDBType, column: Data, start: number, rows: number): void {
  const validity = sliceValidity(column, start, rows);
  if (validity !== undefined) {
    duckdb.vector_ensure_validity_writable(vector);
    duckdb.copy_data_to_vector_validity(vector, 0, validity.buffer, 0, validity.byteLength);
  }
  switch (column.typeId) {
    case Type.Utf8:
    case Type.Binary:
      writeStrings(vector, column, start, rows, validity);
      return;
    case Type.Bool: {
      const bytes = new Uint8Array(rows);
      const bits = column.values as Uint8Array;
      for (let row = 0; row < rows; row++) {
        const at = column.offset + start + row;
        bytes[row] = (bits[at >> 3]! >> (at & 7)) & 1;
      }
      duckdb.copy_data_to_vector(vector, 0, bytes.buffer, 0, rows);
      return;
    }
    case Type.Decimal:
      writeDecimals(vector, type, column, start, rows);
      return;
    default: {
      const values = column.values as Int32Array<ArrayBuffer>;
      const width = values.BYTES_PER_ELEMENT * column.stride;
      duckdb.copy_data_to_vector(vector, 0, values.buffer, values.byteOffset + start * width, rows * width);
    }
  }
}

/** The validity bits of a range, aligned to its first row, in whole 8-byte words. Undefined when nothing is NULL. */
function sliceValidity(column: Data, start: number, rows: number): Uint8Array<ArrayBuffer> | undefined {
  if (column.nullCount === 0) return undefined;
  const bits = column.nullBitmap;
  if (bits === undefined || bits.length === 0) return undefined;
  const sliced = new Uint8Array(Math.ceil(rows / 64) * 8);
  const first = column.offset + start;
  if ((first & 7) === 0) {
    sliced.set(bits.subarray(first >> 3, (first >> 3) + Math.ceil(rows / 8)));
  } else {
    for (let row = 0; row < rows; row++) {
      const at = first + row;
      if ((bits[at >> 3]! >> (at & 7)) & 1) sliced[row >> 3]! |= 1 << (row & 7);
    }
  }
  return sliced;
}

const INLINE = 12;

/** Room for the string_t of one chunk; DuckDB copies them out before the next chunk is laid out. */
const SLOTS = new Uint32Array(CHUNK_ROWS * 4);
const SLOT_BYTES = new Uint8Array(SLOTS.buffer);

function writeStrings(
  vector: duckdb.Vector,
  column: Data,
  start: number,
  rows: number,
  validity: Uint8Array | undefined,
): void {
  const offsets = column.valueOffsets as Int32Array;
  const bytes = column.values as Uint8Array;
  const first = offsets[start]!;
  const size = offsets[start + rows]! - first;
  const slots = SLOTS;
  const slotBytes = SLOT_BYTES;
  let low = 0;
  let high = 0;
  if (size > INLINE) {
    // The whole heap becomes row 0's string; every row's slot is then pointed into it.
    duckdb.vector_assign_string_element_len(vector, 0, bytes.subarray(first, first + size));
    const slot = duckdb.vector_get_data(vector, 16);
    const view = new DataView(slot.buffer, slot.byteOffset, 16);
    // DuckDB turns invalid UTF-8 into NULL without a word; its pointer would be garbage.
    if (view.getUint32(0, true) !== size) throw invalidText();
    low = view.getUint32(8, true);
    high = view.getUint32(12, true);
  } else if (size > 0 && column.typeId === Type.Utf8 && !isUtf8(bytes.subarray(first, first + size))) {
    throw invalidText();
  }
  for (let row = 0; row < rows; row++) {
    const from = offsets[start + row]!;
    const length =
      validity === undefined || (validity[row >> 3]! >> (row & 7)) & 1 ? offsets[start + row + 1]! - from : 0;
    slots[row * 4] = length;
    // Strings inside their slot are compared with the zeros behind them.
    slots[row * 4 + 1] = 0;
    slots[row * 4 + 2] = 0;
    slots[row * 4 + 3] = 0;
    const shown = length > INLINE ? 4 : length;
    for (let i = 0; i < shown; i++) slotBytes[row * 16 + 4 + i] = bytes[from + i]!;
    if (length > INLINE) {
      const at = low + (from - first);
      slots[row * 4 + 2] = at >>> 0;
      slots[row * 4 + 3] = at > 0xffffffff ? high + 1 : high;
    }
  }
  duckdb.copy_data_to_vector(vector, 0, slots.buffer, 0, rows * 16);
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function isUtf8(bytes: Uint8Array): boolean {
  try {
    utf8.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

const invalidText = () => new CausewayError(SQLSTATE.dataCorrupted, 'a text value is not valid UTF-8');

/** Decimal128 into the 2, 4, 8 or 16 bytes that DuckDB keeps for the precision. */
function writeDecimals(vector: duckdb.Vector, type: DuckDBType, column: Data, start: number, rows: number): void {
  const words = column.values as Uint32Array<ArrayBuffer>;
  const width = 'width' in type ? type.width : 38;
  if (width > 18) {
    duckdb.copy_data_to_vector(vector, 0, words.buffer, words.byteOffset + start * 16, rows * 16);
    return;
  }
  const target = width > 9 ? new Uint32Array(rows * 2) : width > 4 ? new Uint32Array(rows) : new Uint16Array(rows);
  const stride = width > 9 ? 2 : 1;
  for (let row = 0; row < rows; row++) {
    target[row * stride] = words[(start + row) * 4]!;
    if (stride === 2) target[row * 2 + 1] = words[(start + row) * 4 + 1]!;
  }
  duckdb.copy_data_to_vector(vector, 0, target.buffer, 0, target.byteLength);
}
