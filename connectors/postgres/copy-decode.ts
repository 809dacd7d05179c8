/**
 * Binary COPY (PostgreSQL documentation, "COPY", Binary Format) into Arrow record batches.
 *
 * Each buffer of the wire is read twice: once to find where its fields begin, then column by column in a loop over one
 * type. Values are written straight into the typed arrays that become the batch.
 */
import { type Data, makeData, RecordBatch, type Schema, Struct } from 'apache-arrow';
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';
import { arrowSchema } from '../arrow.ts';
import type { ResultColumn } from '../connector.ts';
import { type ColumnBuilder, columnBuilder } from './copy-columns.ts';

/** The first batch is small, for lookups; the next ones still show rows early: to readers, and to whoever doubts the estimate. */
const FIRST_BATCH_ROWS = 64;
const BATCH_GROWTH = 8;
/**
 * Large enough to cost little each, small enough that the server goes on sending while one is taken in. A batch is given on when it holds this
 * many rows, or this many bytes of text.
 */
const BATCH_ROWS = 8192;
const BATCH_TEXT_BYTES = 16 * 1024 * 1024;

/** `PGCOPY\n\xff\r\n\0`, then flags and the length of an extension. */
const SIGNATURE = Buffer.from([0x50, 0x47, 0x43, 0x4f, 0x50, 0x59, 0x0a, 0xff, 0x0d, 0x0a, 0x00]);
const HEADER_BYTES = SIGNATURE.length + 8;
/** Type and length in front of every CopyData message. */
const MESSAGE_BYTES = 5;
/** The field count of COPY's end mark. */
const END_MARK = 0xffff;

/**
 * Turns the CopyData messages of one COPY … TO STDOUT (FORMAT binary) into batches; or, not `framed`, DataRow messages
 * with binary values, whose end the protocol itself tells.
 */
export class CopyDecoder {
  readonly #columns: readonly ResultColumn[];
  /** Of the batch that is being filled; none between two batches. */
  #builders: readonly ColumnBuilder[] | undefined;
  readonly #schema: Schema;
  /** Field starts and lengths (-1: NULL) of the rows found in the current buffer, row by row. */
  #starts = new Int32Array(0);
  #lengths = new Int32Array(0);
  readonly #framed: boolean;
  #headerRead: boolean;
  #ended = false;
  #rows = 0;
  #capacity = FIRST_BATCH_ROWS;
  /** Of each column in the last batch: the next one will be much the same. */
  #textBytes: readonly number[] = [];

  constructor(columns: readonly ResultColumn[], framed = true) {
    this.#columns = columns;
    this.#framed = framed;
    this.#headerRead = !framed;
    this.#schema = schemaOf(columns);
  }

  /** Takes whole messages, one row each; gives the batches that are full. */
  *push(messages: Buffer): Generator<RecordBatch, void, undefined> {
    let at = 0;
    const view = new DataView(messages.buffer, messages.byteOffset, messages.length);
    while (at < messages.length && !this.#ended) {
      this.#builders ??= this.#columns.map((column, i) => columnBuilder(column, this.#capacity, this.#textBytes[i]));
      const builders = this.#builders;
      const found = this.#findRows(messages, view, at, this.#capacity - this.#rows);
      const width = builders.length;
      for (let index = 0; index < width && found.rows > 0; index++) {
        builders[index]!.read(messages, view, this.#starts, this.#lengths, index, width, found.rows, this.#rows);
      }
      this.#rows += found.rows;
      at = found.next;
      const full = this.#rows === this.#capacity || builders.some((column) => column.textBytes() > BATCH_TEXT_BYTES);
      if (full) yield this.#flush();
    }
  }

  /**
   * The last, partly filled batch.
   * @throws CausewayError when the stream stopped before COPY's own end mark.
   */
  end(): RecordBatch | undefined {
    if (this.#framed && !this.#ended) throw malformed('it stopped before its end mark');
    return this.#rows > 0 ? this.#flush() : undefined;
  }

  /** Finds up to `limit` rows from `at` on. */
  #findRows(messages: Buffer, view: DataView, at: number, limit: number): { rows: number; next: number } {
    const width = this.#columns.length;
    let rows = 0;
    let next = at;
    while (rows < limit && next < messages.length) {
      let cursor = next + MESSAGE_BYTES;
      next += 1 + view.getInt32(next + 1);
      if (!this.#headerRead) {
        cursor = this.#readHeader(messages, cursor);
        if (cursor >= next) continue;
      }
      const fields = view.getUint16(cursor);
      if (fields === END_MARK && this.#framed) {
        this.#ended = true;
        break;
      }
      if (fields !== width) throw malformed(`a row has ${fields} fields instead of ${width}`);
      cursor += 2;
      if ((rows + 1) * width > this.#starts.length) this.#grow(width);
      const starts = this.#starts;
      const lengths = this.#lengths;
      for (let field = rows * width; field < (rows + 1) * width; field++) {
        const length = view.getInt32(cursor);
        cursor += 4;
        starts[field] = cursor;
        lengths[field] = length;
        if (length > 0) cursor += length;
      }
      if (cursor > next) throw malformed('a row is longer than its message');
      rows++;
    }
    return { rows, next };
  }

  #readHeader(messages: Buffer, at: number): number {
    if (!messages.subarray(at, at + SIGNATURE.length).equals(SIGNATURE)) throw malformed('it is not binary COPY');
    this.#headerRead = true;
    return at + HEADER_BYTES + messages.readUInt32BE(at + HEADER_BYTES - 4);
  }

  #grow(width: number): void {
    const size = Math.max(FIRST_BATCH_ROWS * width, this.#starts.length * 2);
    const starts = new Int32Array(size);
    const lengths = new Int32Array(size);
    starts.set(this.#starts);
    lengths.set(this.#lengths);
    this.#starts = starts;
    this.#lengths = lengths;
  }

  #flush(): RecordBatch {
    const rows = this.#rows;
    this.#textBytes = (this.#builders ?? []).map((column) => column.textBytes());
    const children: Data[] = (this.#builders ?? []).map((column) => column.finish(rows));
    this.#builders = undefined;
    this.#capacity = Math.min(BATCH_GROWTH * this.#capacity, BATCH_ROWS);
    this.#rows = 0;
    const type = new Struct(this.#schema.fields);
    return new RecordBatch(this.#schema, makeData({ type, length: rows, nullCount: 0, children }));
  }
}

/** Statements that come again bring the same columns. */
const SCHEMAS = new WeakMap<readonly ResultColumn[], Schema>();

function schemaOf(columns: readonly ResultColumn[]): Schema {
  let schema = SCHEMAS.get(columns);
  if (schema === undefined) {
    schema = arrowSchema(columns);
    SCHEMAS.set(columns, schema);
  }
  return schema;
}

const malformed = (what: string) =>
  new CausewayError(SQLSTATE.connectionFailure, `the data of PostgreSQL cannot be read: ${what}`, {
    hint: 'Run the statement again.',
  });
