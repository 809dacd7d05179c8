/**
 * Rows out of DuckDB: a streamed query as Arrow record batches.
 *
 * A DuckDB stream that fails or is interrupted ends like one that is complete (the C call returns NULL for both). So
 * every streamed query carries a last row that says "complete"; without it the stream is an error.
 */

import { type DuckDBConnection, type DuckDBDataChunk, DuckDBTypeId, type DuckDBValue } from '@duckdb/node-api';
import duckdb from '@duckdb/node-bindings';
import { type Data, makeData, RecordBatch, type Schema, Struct } from 'apache-arrow';
import { CausewayError, canceled, SQLSTATE, throwIfAborted } from '../../src/plan/errors.ts';
import type { SqlType } from '../../src/plan/types.ts';
import { arrowSchema, arrowType } from '../arrow.ts';
import type { ResultColumn } from '../connector.ts';
import { conform } from './conform.ts';
import { duckdbError } from './errors.ts';
import { interrupting, interruptOn } from './interrupt.ts';
import { explainMemory } from './memory.ts';
import { valueText } from './values.ts';

/**
 * Streams `sql` over `connection`, which may run nothing else until the last batch.
 * @throws CausewayError when the query fails at any time, also after the first rows; cancelled once `signal` aborts.
 */
export async function* streamQuery(
  connection: DuckDBConnection,
  sql: string,
  columns: readonly ResultColumn[],
  signal: AbortSignal,
): AsyncGenerator<RecordBatch, void, undefined> {
  throwIfAborted(signal);
  const interrupts = interruptOn(signal, connection);
  let next: Promise<DuckDBDataChunk | null> | undefined;
  try {
    const conformed = await conform(connection, sql, columns, 'read');
    const nulls = 'NULL, '.repeat(columns.length);
    const guarded = `SELECT *, FALSE FROM (${conformed}\n) UNION ALL SELECT ${nulls}TRUE`;
    const schema = arrowSchema(columns);
    const result = await connection.stream(guarded);
    let complete = false;
    next = result.fetchChunk();
    for (;;) {
      const chunk = await next;
      if (chunk === null || chunk.rowCount === 0) break;
      // One chunk ahead: DuckDB works while the consumer does.
      next = result.fetchChunk();
      next.catch(() => undefined);
      const flags = duckdb.vector_get_data(duckdb.data_chunk_get_vector(chunk.chunk, columns.length), chunk.rowCount);
      complete = flags[chunk.rowCount - 1] === 1;
      const rows = chunk.rowCount - (complete ? 1 : 0);
      if (rows > 0) yield chunkToBatch(chunk, rows, columns, schema);
    }
    throwIfAborted(signal);
    if (!complete) throw await reasonOfCut(connection, conformed);
  } catch (thrown) {
    throw signal.aborted ? canceled(thrown) : await explainMemory(connection, sql, duckdbError(thrown));
  } finally {
    interrupts[Symbol.dispose]();
    // A consumer that stops early leaves a fetch under way: the connection is free only after it.
    using _ = interrupting(connection);
    await next?.catch(() => undefined);
  }
}

/** The stream's own error text is lost: running the query again, without keeping its rows, tells it. */
async function reasonOfCut(connection: DuckDBConnection, sql: string): Promise<unknown> {
  try {
    await connection.run(`EXPLAIN ANALYZE ${sql}`);
  } catch (thrown) {
    return thrown;
  }
  return new CausewayError(SQLSTATE.internalError, 'the result was cut short', {
    hint: 'Run the statement again.',
  });
}

/** The first `rows` rows of a chunk, column by column. */
function chunkToBatch(
  chunk: DuckDBDataChunk,
  rows: number,
  columns: readonly ResultColumn[],
  schema: Schema,
): RecordBatch {
  const children = columns.map((column, index) => readColumn(chunk, index, rows, column.type));
  const struct = new Struct(schema.fields);
  return new RecordBatch(schema, makeData({ type: struct, length: rows, nullCount: 0, children }));
}

/** Bytes of a value in DuckDB's vectors, for the types whose bytes are Arrow's bytes as well. */
const FIXED_WIDTH: Readonly<Partial<Record<SqlType['kind'], number>>> = {
  smallint: 2,
  integer: 4,
  bigint: 8,
  real: 4,
  double: 8,
  date: 4,
  time: 8,
  timestamp: 8,
  timestamptz: 8,
};

function readColumn(chunk: DuckDBDataChunk, index: number, rows: number, type: SqlType): Data {
  const vector = duckdb.data_chunk_get_vector(chunk.chunk, index);
  const validity = duckdb.vector_get_validity(vector, Math.ceil(rows / 64) * 8) as Uint8Array | null;
  const nullBitmap = validity ?? undefined;
  const common = { length: rows, ...(nullBitmap === undefined ? { nullCount: 0 } : { nullBitmap, nullCount: -1 }) };
  const arrow = arrowType(type);
  const width = FIXED_WIDTH[type.kind];
  if (width !== undefined) {
    const bytes = duckdb.vector_get_data(vector, rows * width);
    return makeData({ ...common, type: arrow, data: typedView(arrow, bytes) } as never);
  }
  if (type.kind === 'boolean') {
    return makeData({ ...common, type: arrow, data: packBits(duckdb.vector_get_data(vector, rows)) } as never);
  }
  if (type.kind === 'numeric' && arrow.typeId !== TEXT_ID) {
    return makeData({ ...common, type: arrow, data: readDecimals(vector, rows, type.precision ?? 38) } as never);
  }
  const format = formatterOf(chunk, index, type);
  const { offsets, bytes } =
    format === undefined ? readStrings(vector, rows, validity) : encodeTexts(chunk, index, rows, format);
  return makeData({ ...common, type: arrow, valueOffsets: offsets, data: bytes } as never);
}

const TEXT_ID = arrowType({ kind: 'text' }).typeId;

/** The bytes as the typed array that Arrow keeps this type in. */
function typedView(arrow: ReturnType<typeof arrowType>, bytes: Uint8Array) {
  const TypedArray = arrow.ArrayType as new (
    buffer: ArrayBufferLike,
    offset: number,
    length: number,
  ) => ArrayLike<number>;
  const size = (arrow.ArrayType as { BYTES_PER_ELEMENT: number }).BYTES_PER_ELEMENT;
  return new TypedArray(bytes.buffer, bytes.byteOffset, bytes.byteLength / size);
}

/** One byte per value to one bit per value, least significant first. */
function packBits(bytes: Uint8Array): Uint8Array {
  const bits = new Uint8Array(Math.ceil(bytes.length / 8));
  for (let row = 0; row < bytes.length; row++) if (bytes[row] !== 0) bits[row >> 3]! |= 1 << (row & 7);
  return bits;
}

/** DuckDB keeps a decimal in 2, 4, 8 or 16 bytes by its precision; Arrow's Decimal128 always takes 16. */
function readDecimals(vector: duckdb.Vector, rows: number, precision: number): Uint32Array {
  if (precision > 18) {
    const bytes = duckdb.vector_get_data(vector, rows * 16);
    return new Uint32Array(bytes.buffer, bytes.byteOffset, rows * 4);
  }
  const words = new Int32Array(rows * 4);
  if (precision > 9) {
    const bytes = duckdb.vector_get_data(vector, rows * 8);
    const halves = new Int32Array(bytes.buffer, bytes.byteOffset, rows * 2);
    for (let row = 0; row < rows; row++) {
      const high = halves[row * 2 + 1]!;
      words[row * 4] = halves[row * 2]!;
      words[row * 4 + 1] = high;
      words[row * 4 + 2] = high >> 31;
      words[row * 4 + 3] = high >> 31;
    }
  } else {
    const bytes = duckdb.vector_get_data(vector, rows * (precision > 4 ? 4 : 2));
    const values =
      precision > 4
        ? new Int32Array(bytes.buffer, bytes.byteOffset, rows)
        : new Int16Array(bytes.buffer, bytes.byteOffset, rows);
    for (let row = 0; row < rows; row++) {
      const value = values[row]!;
      words[row * 4] = value;
      words.fill(value >> 31, row * 4 + 1, row * 4 + 4);
    }
  }
  return new Uint32Array(words.buffer);
}

interface Texts {
  readonly offsets: Int32Array;
  readonly bytes: Uint8Array;
}

/** Longest string that stands inside its 16-byte string_t; longer ones stand behind a pointer. */
const INLINE = 12;
/** Two strings nearer than a memory page in one heap can be copied in one call: no unmapped page fits between. */
const MERGE_GAP = 4096;

/**
 * Strings of a vector. The string_t of a NULL row is garbage, so validity is asked first. Strings whose heap ranges
 * follow each other are copied by one native call.
 */
function readStrings(vector: duckdb.Vector, rows: number, validity: Uint8Array | null): Texts {
  const slots = duckdb.vector_get_data(vector, rows * 16);
  const words = new Uint32Array(slots.buffer, slots.byteOffset, rows * 4);
  const offsets = new Int32Array(rows + 1);
  for (let row = 0; row < rows; row++) {
    const valid = validity === null || (validity[row >> 3]! >> (row & 7)) & 1;
    offsets[row + 1] = offsets[row]! + (valid ? words[row * 4]! : 0);
  }
  const bytes = new Uint8Array(offsets[rows]!);
  const long: number[] = [];
  for (let row = 0; row < rows; row++) {
    const from = offsets[row]!;
    const size = offsets[row + 1]! - from;
    if (size > INLINE) long.push(row);
    else for (let i = 0; i < size; i++) bytes[from + i] = slots[row * 16 + 4 + i]!;
  }
  const pointer = (row: number) => words[row * 4 + 3]! * 2 ** 32 + words[row * 4 + 2]!;
  for (let first = 0; first < long.length; ) {
    const start = pointer(long[first]!);
    let end = start + words[long[first]! * 4]!;
    let after = first + 1;
    for (; after < long.length; after++) {
      const next = pointer(long[after]!);
      if (next < end || next - end > MERGE_GAP) break;
      end = next + words[long[after]! * 4]!;
    }
    const place = slots.byteOffset + long[first]! * 16 + 8;
    const range = duckdb.get_data_from_pointer(slots.buffer as ArrayBuffer, place, end - start);
    for (; first < after; first++) {
      const row = long[first]!;
      const from = pointer(row) - start;
      const size = words[row * 4]!;
      const to = offsets[row]!;
      // A short copy is quicker by hand than by a call.
      if (size < 128) for (let i = 0; i < size; i++) bytes[to + i] = range[from + i]!;
      else bytes.set(range.subarray(from, from + size), to);
    }
  }
  return { offsets, bytes };
}

function encodeTexts(
  chunk: DuckDBDataChunk,
  index: number,
  rows: number,
  format: (value: DuckDBValue) => string,
): Texts {
  const vector = chunk.getColumnVector(index);
  const offsets = new Int32Array(rows + 1);
  const parts: Buffer[] = [];
  for (let row = 0; row < rows; row++) {
    const value = vector.getItem(row);
    const part = Buffer.from(value === null ? '' : format(value));
    parts.push(part);
    offsets[row + 1] = offsets[row]! + part.length;
  }
  return { offsets, bytes: Buffer.concat(parts) };
}

/** How a value that is not already text becomes text; undefined for strings. */
function formatterOf(
  chunk: DuckDBDataChunk,
  index: number,
  type: SqlType,
): ((value: DuckDBValue) => string) | undefined {
  if (type.kind === 'interval' || type.kind === 'timetz') return valueText;
  if (type.kind !== 'array' && type.kind !== 'numeric') return undefined;
  const first = chunk.getColumnVector(index);
  return first.type.typeId === DuckDBTypeId.VARCHAR ? undefined : valueText;
}
