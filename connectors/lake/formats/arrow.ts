/**
 * Arrow IPC, files and streams (Arrow columnar format, "IPC File Format"). DuckDB does not read them: their rows are
 * turned into a Parquet file that stands for one scan.
 */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type DataType, type RecordBatch, RecordBatchReader } from 'apache-arrow';
import { CausewayError, messageOf, SQLSTATE } from '../../../src/plan/errors.ts';
import { registerArrowCodecs } from '../../arrow-compression.ts';
import { reading, sqlTypeOfArrow } from '../../arrow-values.ts';
import { quoteIdentifier, quoteLiteral } from '../../duckdb-engine/conform.ts';
import { withStagedRows } from '../../duckdb-engine/staging.ts';
import { duckdbTypeName } from '../../duckdb-engine/types.ts';
import { type RowValue, rowBatches } from '../../row-batches.ts';
import type { ObjectCache } from '../cache/cache.ts';
import type { CachedObject } from '../cache/object.ts';
import type { DuckColumn } from '../duck.ts';

registerArrowCodecs();

/** The columns of `object`, all of which must be there. @throws CausewayError XX001 when it is no Arrow file. */
export async function arrowColumns(object: CachedObject): Promise<DuckColumn[]> {
  const { schema } = await open(object);
  return schema.fields.map(({ name, type }) => {
    const sqlType = sqlTypeOfArrow(type);
    return { name, type: sqlType, duckType: duckdbTypeName(sqlType) ?? 'VARCHAR' };
  });
}

/** A Parquet file with the columns `names` of `object`. The caller removes it. */
export async function arrowAsParquet(
  object: CachedObject,
  names: readonly string[],
  cache: ObjectCache,
  signal: AbortSignal,
): Promise<string> {
  const { batches, schema } = await open(object);
  const path = join(cache.folder, `arrow-${randomUUID()}.parquet`);
  const fields = schema.fields.filter(({ name }) => names.includes(name));
  const columns = fields.map(({ name, type }) => ({ name, type: sqlTypeOfArrow(type) }));
  // A file of no columns still has rows.
  const shown = columns.length === 0 ? [{ name: 'none', type: { kind: 'boolean' } as const }] : columns;
  const rows = rowBatches(shown, rowsOf(batches, fields));
  await withStagedRows(shown, rows, `reading ${object.info.key}`, signal, async ({ connection, table }) => {
    const list = shown.map(({ name }) => quoteIdentifier(name)).join(', ');
    await connection.run(`COPY (SELECT ${list} FROM ${table}) TO ${quoteLiteral(path)} (FORMAT parquet)`);
  });
  return path;
}

async function open(object: CachedObject) {
  try {
    const reader = RecordBatchReader.from(await readFile(object.path));
    reader.open({ autoDestroy: false });
    return { schema: reader.schema, batches: [...reader] as RecordBatch[] };
  } catch (error) {
    throw new CausewayError(
      SQLSTATE.dataCorrupted,
      `${object.info.key} cannot be read as an Arrow file: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

function* rowsOf(
  batches: readonly RecordBatch[],
  fields: readonly { readonly name: string; readonly type: DataType }[],
): Generator<RowValue[]> {
  for (const batch of batches) {
    const readers = fields.map(({ name, type }) => reading(type, batch.getChild(name)!));
    for (let row = 0; row < batch.numRows; row++) yield readers.map((read) => read(row));
  }
}
