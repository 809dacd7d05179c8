/** Rows of Arrow batches as messages: DataRow, CopyData of a binary COPY (whose rows are the same), or bare fields. */
import type { Data, RecordBatch } from 'apache-arrow';
import type { ResultColumn } from '../../../connectors/connector.ts';
import { formatOf } from '../wire/backend.ts';
import type { Format } from '../wire/frontend.ts';
import type { MessageWriter } from '../wire/message-writer.ts';
import { columnEncoder } from './column-encoder.ts';
import { clearScratch, type EncodedColumn, ROWS_PER_STEP } from './encoded-column.ts';
import type { OutputSettings } from './output-settings.ts';

/** What comes before the fields of a row: `D` and `d` are message types, followed by the length and the fields' number. */
export type RowHead = 'D' | 'd' | 'none';

/** Bytes of a message's type, its length, and the number of fields. */
const HEAD_BYTES = 7;

/** Of the rows being laid out: their sizes, then the places where their next field goes. */
const sizes = new Int32Array(ROWS_PER_STEP);

export class BatchRows {
  readonly length: number;
  readonly #columns: readonly EncodedColumn[];

  /** @param formats as in Bind: none is text, one is for all columns */
  constructor(
    batch: RecordBatch,
    columns: readonly ResultColumn[],
    formats: readonly Format[],
    output: OutputSettings,
  ) {
    this.length = batch.numRows;
    this.#columns = columns.map((column, i) => {
      const data: Data = batch.data.children[i]!;
      return columnEncoder(column.type, formatOf(formats, i), data, output);
    });
  }

  /** Writes rows `from` up to `to`: each field its length, -1 for NULL, and its bytes. */
  write(writer: MessageWriter, from: number, to: number, head: RowHead): void {
    for (let at = from; at < to; at += ROWS_PER_STEP) {
      this.#step(writer, at, Math.min(to, at + ROWS_PER_STEP), head);
    }
  }

  #step(writer: MessageWriter, from: number, to: number, head: RowHead): void {
    const columns = this.#columns;
    const count = to - from;
    const before = head === 'none' ? 0 : HEAD_BYTES;
    sizes.fill(before + columns.length * 4, 0, count);
    clearScratch();
    for (const column of columns) column.measure(sizes, from, to);
    let total = 0;
    for (let i = 0; i < count; i++) total += sizes[i]!;
    writer.reserve(total);
    const { buffer } = writer;
    const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
    let at = writer.offset;
    for (let i = 0; i < count; i++) {
      const size = sizes[i]!;
      if (before > 0) {
        buffer[at] = head === 'D' ? 0x44 : 0x64;
        view.setInt32(at + 1, size - 1);
        view.setUint16(at + 5, columns.length);
      }
      sizes[i] = at + before;
      at += size;
    }
    const target = { buffer, view };
    for (const column of columns) column.write(target, sizes, from, to);
    writer.offset += total;
  }
}
