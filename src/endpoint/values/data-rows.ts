/** Rows of Arrow batches as DataRow messages (or as the rows of a binary COPY, which have the same fields). */
import { type Data, type RecordBatch, Type } from 'apache-arrow';
import type { ResultColumn } from '../../../connectors/connector.ts';
import { formatOf } from '../wire/backend.ts';
import type { Format } from '../wire/frontend.ts';
import type { MessageWriter } from '../wire/message-writer.ts';
import { columnEncoder, type ValueWriter } from './column-encoder.ts';
import type { OutputSettings } from './output-settings.ts';

interface Column {
  readonly write: ValueWriter;
  /** Undefined when no value is NULL. */
  readonly valid: Uint8Array | undefined;
  readonly offset: number;
}

const NO_VALUES = new Uint8Array(0);

export interface BatchRows {
  readonly length: number;
  /** Writes the fields of one row: each its length, -1 for NULL, and its bytes. */
  fields(writer: MessageWriter, row: number): void;
}

/** @param formats as in Bind: none is text, one is for all columns */
export function batchRows(
  batch: RecordBatch,
  columns: readonly ResultColumn[],
  formats: readonly Format[],
  output: OutputSettings,
): BatchRows {
  const encoders = columns.map((column, i): Column => {
    const data: Data = batch.data.children[i]!;
    return {
      write: columnEncoder(column.type, formatOf(formats, i), data, output),
      // Arrow's null type has no bitmap.
      valid: data.typeId === Type.Null ? NO_VALUES : data.nullCount > 0 ? data.nullBitmap : undefined,
      offset: data.offset,
    };
  });
  return {
    length: batch.numRows,
    fields(writer, row) {
      for (const { write, valid, offset } of encoders) {
        const place = row + offset;
        if (valid !== undefined && (((valid[place >> 3] ?? 0) >> (place & 7)) & 1) === 0) writer.int32(-1);
        else write(writer, row);
      }
    },
  };
}

/** Writes rows `from` up to `to` as DataRow messages. */
export function writeDataRows(
  writer: MessageWriter,
  rows: BatchRows,
  columnCount: number,
  from: number,
  to: number,
): void {
  for (let row = from; row < to; row++) {
    writer.begin('D').int16(columnCount);
    rows.fields(writer, row);
    writer.end();
  }
}
