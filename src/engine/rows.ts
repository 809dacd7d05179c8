/** Small results that the engine makes itself (SHOW, DESCRIBE, EXPLAIN, system tables), as Arrow batches. */
import { Field, makeData, RecordBatch, Schema, Struct, vectorFromArray } from 'apache-arrow';
import { arrowType } from '../../connectors/arrow.ts';
import type { BatchResult, ResultColumn } from '../../connectors/connector.ts';
import { type ScalarKind, scalar } from '../plan/types.ts';
import type { StatementResult } from './result.ts';

/** A cell in the JavaScript form of its Arrow type; dates and timestamps as Date. */
export type Cell = string | number | bigint | boolean | Date | null;

/** Columns by name and type, in order. */
export const columnsOf = (types: Readonly<Record<string, ScalarKind>>): ResultColumn[] =>
  Object.entries(types).map(([name, kind]) => ({ name, type: scalar(kind) }));

/** One batch with these rows. */
export function recordBatch(columns: readonly ResultColumn[], rows: readonly (readonly Cell[])[]): RecordBatch {
  const fields = columns.map(({ name, type }) => new Field(name, arrowType(type), true));
  const children = columns.map(({ type }, i) => {
    const vector = vectorFromArray(
      rows.map((row) => row[i] ?? null),
      arrowType(type),
    );
    return vector.data[0] ?? makeData({ type: arrowType(type), length: 0 });
  });
  return new RecordBatch(new Schema(fields), makeData({ type: new Struct(fields), length: rows.length, children }));
}

export function batchResult(columns: readonly ResultColumn[], rows: readonly (readonly Cell[])[]): BatchResult {
  return { kind: 'batches', columns, batches: one(recordBatch(columns, rows)) };
}

export function rowsResult(
  tag: string,
  columns: readonly ResultColumn[],
  rows: readonly (readonly Cell[])[],
): StatementResult {
  return { tag, columns, batches: one(recordBatch(columns, rows)) };
}

/** The result of a statement that returns no rows. */
export const done = (tag: string): StatementResult => ({ tag, columns: [], batches: none() });

async function* one(batch: RecordBatch): AsyncGenerator<RecordBatch> {
  if (batch.numRows > 0) yield batch;
}

async function* none(): AsyncGenerator<RecordBatch> {}
