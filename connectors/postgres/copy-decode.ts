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

/** A batch is given on when it holds this many rows, or this many bytes of text. */
const BATCH_ROWS = 32_768;
const BATCH_TEXT_BYTES = 16 * 1024 * 1024;

/** `PGCOPY\n\xff\r\n\0` */
const SIGNATURE = Buffer.from([0x50, 0x47, 0x43, 0x4f, 0x50, 0x59, 0x0a, 0xff, 0x0d, 0x0a, 0x00]);
const HEADER_BYTES = SIGNATURE.length + 8;

/** Turns the buffers of one COPY … TO STDOUT (FORMAT binary) into batches. */
export class CopyDecoder {
  readonly #columns: readonly ColumnBuilder[];
  readonly #schema: Schema;
  /** Field starts and lengths (-1: NULL) of the rows found in the current buffer, row by row. */
  #starts = new Int32Array(0);
  #lengths = new Int32Array(0);
  #carry: Buffer | undefined;
  #headerRead = false;
  #ended = false;
  #rows = 0;

  constructor(columns: readonly ResultColumn[]) {
    this.#columns = columns.map((column) => columnBuilder(column, BATCH_ROWS));
    this.#schema = arrowSchema(columns);
  }

  /** Takes the next bytes; gives the batches that are full. */
  *push(bytes: Buffer): Generator<RecordBatch, void, undefined> {
    const buffer = this.#carry === undefined ? bytes : Buffer.concat([this.#carry, bytes]);
    this.#carry = undefined;
    let at = 0;
    if (!this.#headerRead) {
      if (buffer.length < HEADER_BYTES) {
        this.#carry = buffer;
        return;
      }
      if (!buffer.subarray(0, SIGNATURE.length).equals(SIGNATURE)) throw malformed('it does not start as binary COPY');
      at = HEADER_BYTES + buffer.readUInt32BE(HEADER_BYTES - 4);
      this.#headerRead = true;
    }
    while (!this.#ended) {
      const room = BATCH_ROWS - this.#rows;
      const found = this.#findRows(buffer, at, room);
      if (found.rows > 0) {
        for (const [index, column] of this.#columns.entries()) {
          column.read(buffer, this.#starts, this.#lengths, index, this.#columns.length, found.rows, this.#rows);
        }
        this.#rows += found.rows;
      }
      at = found.next;
      if (this.#rows === BATCH_ROWS || this.#columns.some((column) => column.textBytes() > BATCH_TEXT_BYTES)) {
        yield this.#flush();
      }
      if (found.rows < room && !this.#ended) break;
    }
    if (!this.#ended && at < buffer.length) this.#carry = buffer.subarray(at);
  }

  /**
   * The last, partly filled batch.
   * @throws CausewayError when the stream stopped before COPY's own end mark.
   */
  end(): RecordBatch | undefined {
    if (!this.#ended) throw malformed('it stopped before its end mark');
    return this.#rows > 0 ? this.#flush() : undefined;
  }

  /** Finds up to `limit` whole rows from `at` on. */
  #findRows(buffer: Buffer, at: number, limit: number): { rows: number; next: number } {
    const width = this.#columns.length;
    const end = buffer.length;
    let rows = 0;
    let next = at;
    while (rows < limit && next + 2 <= end) {
      const fields = (buffer[next]! << 8) | buffer[next + 1]!;
      if (fields === 0xffff) {
        this.#ended = true;
        next += 2;
        break;
      }
      if (fields !== width) throw malformed(`a row has ${fields} fields instead of ${width}`);
      if ((rows + 1) * width > this.#starts.length) this.#grow(width);
      let field = rows * width;
      let cursor = next + 2;
      let column = 0;
      for (; column < width && cursor + 4 <= end; column++, field++) {
        const length =
          (buffer[cursor]! << 24) | (buffer[cursor + 1]! << 16) | (buffer[cursor + 2]! << 8) | buffer[cursor + 3]!;
        cursor += 4;
        this.#starts[field] = cursor;
        this.#lengths[field] = length;
        if (length > 0) cursor += length;
      }
      if (column < width || cursor > end) break;
      rows++;
      next = cursor;
    }
    return { rows, next };
  }

  #grow(width: number): void {
    const size = Math.max(1024 * width, this.#starts.length * 2);
    const starts = new Int32Array(size);
    const lengths = new Int32Array(size);
    starts.set(this.#starts);
    lengths.set(this.#lengths);
    this.#starts = starts;
    this.#lengths = lengths;
  }

  #flush(): RecordBatch {
    const rows = this.#rows;
    const children: Data[] = this.#columns.map((column) => column.finish(rows));
    this.#rows = 0;
    const type = new Struct(this.#schema.fields);
    return new RecordBatch(this.#schema, makeData({ type, length: rows, nullCount: 0, children }));
  }
}

const malformed = (what: string) =>
  new CausewayError(SQLSTATE.connectionFailure, `the data of PostgreSQL cannot be read: ${what}`, {
    hint: 'Run the statement again.',
  });
