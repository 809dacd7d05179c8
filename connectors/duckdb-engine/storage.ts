/**
 * Arrow batches as a DuckDB table. Types that travel as text (arrow.ts) are appended as text and turned into their own
 * type in one pass at the end; the others are appended as they are.
 */
import type { DuckDBConnection } from '@duckdb/node-api';
import { type Data, makeData, RecordBatch, Struct, Utf8 } from 'apache-arrow';
import { throwIfAborted } from '../../src/plan/errors.ts';
import type { SqlType } from '../../src/plan/types.ts';
import type { ResultColumn } from '../connector.ts';
import { type ArrayItems, parseArray } from '../postgres-language/array-text.ts';
import { quoteIdentifier } from './conform.ts';
import { duckdbError } from './errors.ts';
import { duckdbTypeName, MAX_DECIMAL_DIGITS } from './types.ts';
import { BatchWriter } from './writer.ts';

/** Where a table stands: `"db"."schema"."table"`. */
export interface TablePlace {
  readonly database: string;
  readonly schema: string;
  readonly table: string;
}

export const placeText = (place: TablePlace): string =>
  [place.database, place.schema, place.table].map(quoteIdentifier).join('.');

/**
 * Creates `place` and fills it with the batches.
 * @returns the number of rows.
 */
export async function storeBatches(
  connection: DuckDBConnection,
  place: TablePlace,
  columns: readonly ResultColumn[],
  batches: AsyncIterable<RecordBatch>,
  signal: AbortSignal,
): Promise<number> {
  const convert = columns.some(({ type }) => travelsAsOtherText(type));
  const target = convert ? { ...place, table: `${place.table}~text` } : place;
  const definitions = columns.map(({ name, type }) => `${quoteIdentifier(name)} ${appendedType(type)}`);
  await run(connection, `CREATE TABLE ${placeText(target)} (${definitions.join(', ')})`);
  const rows = await appendBatches(connection, target, columns, batches, signal);
  if (convert) {
    const expressions = await restored(connection, target, columns);
    await run(
      connection,
      `CREATE TABLE ${placeText(place)} AS SELECT ${expressions.join(', ')} FROM ${placeText(target)}`,
    );
    await run(connection, `DROP TABLE ${placeText(target)}`);
  }
  return rows;
}

async function appendBatches(
  connection: DuckDBConnection,
  place: TablePlace,
  columns: readonly ResultColumn[],
  batches: AsyncIterable<RecordBatch>,
  signal: AbortSignal,
): Promise<number> {
  const appender = await connection.createAppender(place.table, place.schema, place.database);
  const writer = new BatchWriter(appender);
  const arrays = columns.flatMap(({ type }, index) => (type.kind === 'array' ? [index] : []));
  const padded = columns.flatMap(({ type }, index) => (type.kind === 'char' ? [index] : []));
  let rows = 0;
  try {
    for await (let batch of batches) {
      throwIfAborted(signal);
      for (const index of arrays) batch = mapTexts(batch, index, arrayAsJson);
      for (const index of padded) batch = mapTexts(batch, index, (text) => text.replace(/ +$/, ''));
      writer.append(batch);
      rows += batch.numRows;
    }
    writer.close();
    return rows;
  } catch (thrown) {
    throw duckdbError(thrown);
  }
}

async function run(connection: DuckDBConnection, sql: string): Promise<void> {
  try {
    await connection.run(sql);
  } catch (thrown) {
    throw duckdbError(thrown);
  }
}

/** True for types that are text in Arrow and something else in DuckDB. */
const travelsAsOtherText = (type: SqlType): boolean =>
  ['interval', 'timetz', 'uuid', 'json', 'jsonb', 'array'].includes(type.kind) || duckdbTypeName(type) === undefined;

const appendedType = (type: SqlType): string =>
  travelsAsOtherText(type) ? 'VARCHAR' : (duckdbTypeName(type) ?? 'VARCHAR');

/** The select list that gives every column its own type. */
async function restored(
  connection: DuckDBConnection,
  place: TablePlace,
  columns: readonly ResultColumn[],
): Promise<string[]> {
  const expressions: string[] = [];
  for (const { name, type } of columns) {
    const column = quoteIdentifier(name);
    const wanted = duckdbTypeName(type) ?? (await decimalType(connection, place, column));
    const value = `${parsable(type, column)}::${wanted}`;
    expressions.push(travelsAsOtherText(type) ? `${value} AS ${column}` : column);
  }
  return expressions;
}

/** PostgreSQL's text of a value in a form that DuckDB's cast understands. */
function parsable(type: SqlType, column: string): string {
  if (type.kind === 'array') return `${column}::JSON`;
  // `-3 days +04:05:06`: DuckDB knows no plus sign here.
  if (type.kind === 'interval') return `replace(${column}, '+', '')`;
  return column;
}

/** DuckDB reads text as a decimal of up to so many digits quickly, and of more a hundred times slower. */
const QUICK_DECIMAL_DIGITS = 18;

/** A DECIMAL that holds every value exactly; DOUBLE where there is none (NaN, infinity, too many digits). */
async function decimalType(connection: DuckDBConnection, place: TablePlace, column: string): Promise<string> {
  const reader = await connection.runAndReadAll(
    `SELECT coalesce(max(if(strpos(v, '.') > 0, length(v) - strpos(v, '.'), 0)), 0)::INTEGER,
       coalesce(max(if(strpos(v, '.') > 0, strpos(v, '.') - 1, length(v))), 0)::INTEGER, coalesce(max(v) > 'A', FALSE)
     FROM (SELECT ltrim(${column}, '-') AS v FROM ${placeText(place)})`,
  );
  const [scale, digits, special] = reader.getRows()[0] as [number, number, boolean];
  if (special || scale + digits > MAX_DECIMAL_DIGITS) return 'DOUBLE';
  const width = scale + digits > QUICK_DECIMAL_DIGITS ? MAX_DECIMAL_DIGITS : QUICK_DECIMAL_DIGITS;
  return `DECIMAL(${width},${scale})`;
}

/** PostgreSQL's array text as JSON, from which DuckDB casts to a list. */
function arrayAsJson(text: string): string {
  const json = (elements: ArrayItems): string =>
    `[${elements.map((element) => (Array.isArray(element) ? json(element) : JSON.stringify(element))).join(',')}]`;
  return json(parseArray(text));
}

/** The batch with every text of one Utf8 column mapped. */
function mapTexts(batch: RecordBatch, index: number, map: (text: string) => string): RecordBatch {
  const column = batch.data.children[index]!;
  const offsets = column.valueOffsets as Int32Array;
  const bytes = Buffer.from(column.values.buffer, column.values.byteOffset, column.values.byteLength);
  const mapped: Buffer[] = [];
  const newOffsets = new Int32Array(column.length + 1);
  for (let row = 0; row < column.length; row++) {
    const text = column.getValid(row) ? map(bytes.toString('utf8', offsets[row], offsets[row + 1])) : '';
    const part = Buffer.from(text);
    mapped.push(part);
    newOffsets[row + 1] = newOffsets[row]! + part.length;
  }
  const replaced: Data = makeData({
    type: new Utf8(),
    length: column.length,
    offset: 0,
    nullCount: column.nullCount,
    nullBitmap: alignedBitmap(column),
    valueOffsets: newOffsets,
    data: Buffer.concat(mapped),
  });
  const children = batch.data.children.map((child, at) => (at === index ? replaced : child));
  return new RecordBatch(
    batch.schema,
    makeData({ type: new Struct(batch.schema.fields), length: batch.numRows, nullCount: 0, children }),
  );
}

function alignedBitmap(column: Data): Uint8Array | undefined {
  if (column.nullCount === 0) return undefined;
  const bits = new Uint8Array(Math.ceil(column.length / 8));
  for (let row = 0; row < column.length; row++) if (column.getValid(row)) bits[row >> 3]! |= 1 << (row & 7);
  return bits;
}
