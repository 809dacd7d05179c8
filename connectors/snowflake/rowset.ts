/**
 * Snowflake's rows — JSON arrays of strings and nulls, `["1","a",null],["2",…]` — from the bytes of a response straight into
 * Arrow record batches. JSON.parse would make a string of every value first; numbers would be read twice, and rounded.
 */
import { makeData, RecordBatch, type Schema, Struct } from 'apache-arrow';
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';
import { arrowSchema } from '../arrow.ts';
import type { ResultColumn } from '../connector.ts';
import { type ColumnBuilder, columnBuilder } from './columns.ts';

const BATCH_ROWS = 32_768;

const QUOTE = 34;
const COMMA = 44;
const OPEN = 91;
const BACKSLASH = 92;
const CLOSE = 93;
const LETTER_N = 110;
const LETTER_U = 117;
/** The last of the bytes that JSON takes for white space. */
const SPACE = 32;

/**
 * The batches of the rows in `bytes`, which may be within an outer pair of brackets or not.
 * @param expected how many rows there must be: a body that was cut short is an error, never a short result.
 * @throws CausewayError 08006 for bytes that are no such rows; 22003 and 22P02 for values their columns do not hold.
 */
export function* rowsetBatches(
  bytes: Uint8Array,
  columns: readonly ResultColumn[],
  expected: number,
): Generator<RecordBatch, void, undefined> {
  const schema = arrowSchema(columns);
  const width = columns.length;
  let at = skipSpace(bytes, 0);
  // `[[` and `[]` open a list of rows, `["` and `[n` the first row.
  const second = bytes[skipSpace(bytes, at + 1)];
  if (bytes[at] === OPEN && (second === OPEN || second === CLOSE)) at++;
  for (let done = 0; done < expected; ) {
    const rows = Math.min(BATCH_ROWS, expected - done);
    const builders = columns.map((column) => columnBuilder(column, rows));
    for (let row = 0; row < rows; row++) {
      at = nextOpen(bytes, at);
      for (let index = 0; index < width; index++) at = readValue(bytes, at, builders[index]!, row);
      at = skipSpace(bytes, at);
      if (bytes[at++] !== CLOSE) throw broken(`a row has not ${width} values`);
    }
    done += rows;
    yield batchOf(schema, builders, rows);
  }
  // What may follow is the end of the outer list.
  for (at = skipSpace(bytes, at); at < bytes.length; at = skipSpace(bytes, at + 1)) {
    if (bytes[at] !== CLOSE) throw broken(`it holds more than the ${expected} rows that were announced`);
  }
}

function skipSpace(bytes: Uint8Array, from: number): number {
  let at = from;
  while (bytes[at]! <= SPACE) at++;
  return at;
}

/** Behind the bracket that opens the next row. */
function nextOpen(bytes: Uint8Array, from: number): number {
  let at = skipSpace(bytes, from);
  if (bytes[at] === COMMA) at = skipSpace(bytes, at + 1);
  if (bytes[at] !== OPEN) throw broken(at < bytes.length ? 'a row does not begin' : 'it ends before its last row');
  return at + 1;
}

/** Reads one value of a row, with the comma in front of it; gives the place behind it. */
function readValue(bytes: Uint8Array, from: number, builder: ColumnBuilder, row: number): number {
  let at = skipSpace(bytes, from);
  if (bytes[at] === COMMA) at = skipSpace(bytes, at + 1);
  if (bytes[at] === QUOTE) {
    const start = ++at;
    let escaped = false;
    for (;;) {
      const byte = bytes[at];
      if (byte === QUOTE) break;
      if (byte === undefined) throw broken('it ends within a value');
      if (byte === BACKSLASH) {
        escaped = true;
        at++;
      }
      at++;
    }
    builder.set(row, bytes, start, at, escaped);
    return at + 1;
  }
  if (bytes[at] !== LETTER_N || bytes[at + 1] !== LETTER_U) throw broken('a value is neither a string nor null');
  builder.setNull(row);
  return at + 4;
}

function batchOf(schema: Schema, builders: readonly ColumnBuilder[], rows: number): RecordBatch {
  const children = builders.map((builder) => builder.finish(rows));
  return new RecordBatch(schema, makeData({ type: new Struct(schema.fields), length: rows, nullCount: 0, children }));
}

const broken = (what: string) =>
  new CausewayError(SQLSTATE.connectionFailure, `the rows of Snowflake cannot be read: ${what}`, {
    hint: 'Run the statement again.',
  });
