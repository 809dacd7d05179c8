/**
 * BigQuery's Arrow batches in the layout of ../arrow.ts. What is laid out alike (INT64, FLOAT64, STRING, BYTES, DATE, TIME,
 * DATETIME, TIMESTAMP, BOOL, NUMERIC as numeric(38,9)) is taken as it is, without a copy; the rest value by value.
 */
import { type Data, DataType, makeData, RecordBatch, RecordBatchReader, Struct, Vector } from 'apache-arrow';
import { CausewayError, messageOf, SQLSTATE } from '../../src/plan/errors.ts';
import { arrowSchema, arrowType } from '../arrow.ts';
import { registerArrowCodecs } from '../arrow-compression.ts';
import { reading, sqlTypeOfArrow } from '../arrow-values.ts';
import type { ResultColumn } from '../connector.ts';
import { columnData } from '../row-batches.ts';
import { narrowed } from './narrow-columns.ts';

registerArrowCodecs();

/**
 * The batches in `messages`, whose i-th column is `columns[i]`.
 * @throws CausewayError 08006 for bytes that are no Arrow; 22003 and 22P02 for values that their columns do not hold
 */
export async function* batchesInLayout(
  messages: AsyncIterable<Uint8Array>,
  columns: readonly ResultColumn[],
): AsyncGenerator<RecordBatch, void, undefined> {
  for await (const message of messages) {
    for (const batch of decode(message)) yield inLayout(batch, columns);
  }
}

function decode(message: Uint8Array): RecordBatch[] {
  try {
    return [...RecordBatchReader.from(message)];
  } catch (thrown) {
    throw new CausewayError(
      SQLSTATE.connectionFailure,
      `BigQuery sent what cannot be read as Arrow: ${messageOf(thrown)}`,
      { hint: 'Run the statement again.', cause: thrown },
    );
  }
}

function inLayout(batch: RecordBatch, columns: readonly ResultColumn[]): RecordBatch {
  if (batch.numCols !== columns.length) {
    throw new CausewayError(
      SQLSTATE.internalError,
      `BigQuery returned ${batch.numCols} columns instead of ${columns.length}`,
    );
  }
  const schema = arrowSchema(columns);
  const children = columns.map((column, i) => columnInLayout(column, batch.data.children[i]!));
  return new RecordBatch(
    schema,
    makeData({ type: new Struct(schema.fields), length: batch.numRows, nullCount: 0, children }),
  );
}

function columnInLayout(column: ResultColumn, data: Data): Data {
  const wanted = arrowType(column.type);
  if (alike(data.type, wanted)) return data;
  const narrow = narrowed(data, wanted);
  if (narrow !== undefined) return narrow;
  const nested = DataType.isList(data.type) || DataType.isStruct(data.type);
  if (!nested) checkKind(column, data.type);
  // NUMERIC has no scale of its own: the nine decimals it always travels with say nothing.
  const read =
    DataType.isStruct(data.type) && column.type.kind === 'text'
      ? readingRanges(data)
      : reading(data.type, new Vector([data]), { trimmed: true, ...(nested ? { sqlType: column.type } : {}) });
  return columnData(
    column,
    Array.from({ length: data.length }, (_, row) => [read(row)]),
    0,
  );
}

/** A RANGE travels as a record of its bounds, and is told as text: `[2024-01-01, UNBOUNDED)`. */
function readingRanges(data: Data): (row: number) => string | null {
  const [start, end] = data.children.map((child) => reading(child.type, new Vector([child])));
  return (row) => (data.getValid(row) ? `[${start!(row) ?? 'UNBOUNDED'}, ${end!(row) ?? 'UNBOUNDED'})` : null);
}

/** Kinds whose values another kind would misread: a moment's number passes for a number. */
const OWN: ReadonlySet<string> = new Set(['date', 'time', 'timestamp', 'timestamptz', 'interval', 'bytea']);

function checkKind({ name, type }: ResultColumn, given: DataType): void {
  const { kind } = sqlTypeOfArrow(given);
  if (kind === type.kind || (!OWN.has(kind) && !OWN.has(type.kind))) return;
  throw new CausewayError(
    SQLSTATE.datatypeMismatch,
    `column "${name}" came from BigQuery as ${kind} instead of ${type.kind}`,
  );
}

/** Bit for bit the same. The name of a time zone is how a moment is shown. */
function alike(given: DataType, wanted: DataType): boolean {
  if (DataType.isTimestamp(given) && DataType.isTimestamp(wanted))
    return given.unit === wanted.unit && !given.timezone === !wanted.timezone;
  if (DataType.isDecimal(given) && DataType.isDecimal(wanted))
    return given.scale === wanted.scale && given.bitWidth === wanted.bitWidth && given.precision <= wanted.precision;
  return String(given) === String(wanted);
}
