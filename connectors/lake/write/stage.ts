/** Rows on their way into a lake: one local Parquet file, with the facts that table metadata wants of it. */
import { randomUUID } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CausewayError, SQLSTATE } from '../../../src/plan/errors.ts';
import { type SqlType, sameType, typeName } from '../../../src/plan/types.ts';
import type { ResultColumn, WriteRequest } from '../../connector.ts';
import { quoteIdentifier, quoteLiteral } from '../../duckdb-engine/conform.ts';
import { duckdbError } from '../../duckdb-engine/errors.ts';
import { connectDuckDB } from '../../duckdb-engine/process.ts';
import { placeText, storeBatches } from '../../duckdb-engine/storage.ts';

/** The most bytes of one file: what every store takes in one conditional request. */
const LARGEST_FILE = 2 ** 31 - 1;
/** Characters of text bounds. */
const BOUND_LENGTH = 32;

export interface StagedFile {
  readonly body: Uint8Array;
  readonly rows: number;
  /** By column: bounds in text form, and NULLs. */
  readonly bounds: Readonly<Record<string, { readonly min?: string; readonly max?: string; readonly nulls: number }>>;
}

/** Writes the rows of `request` into a Parquet file in `folder` and reads it back. `spelling` is a cast per type. */
export async function stageRows(
  request: WriteRequest,
  folder: string,
  spelling: (type: SqlType) => string | undefined,
  signal: AbortSignal,
): Promise<StagedFile> {
  const id = randomUUID().replaceAll('-', '');
  const place = { database: 'memory', schema: 'main', table: `lake_${id}` };
  const path = join(folder, `staged-${id}.parquet`);
  const connection = await connectDuckDB();
  try {
    const rows = await storeBatches(connection, place, request.columns, request.batches, signal);
    const casts = request.columns.map(({ name, type }) => {
      const wanted = spelling(type);
      return wanted === undefined
        ? quoteIdentifier(name)
        : `${quoteIdentifier(name)}::${wanted} AS ${quoteIdentifier(name)}`;
    });
    await connection.run(
      `COPY (SELECT ${casts.join(', ')} FROM ${placeText(place)}) TO ${quoteLiteral(path)} (FORMAT parquet, COMPRESSION zstd)`,
    );
    const [found] = (await connection.runAndReadAll(boundsQuery(request.columns, placeText(place)))).getRowsJson();
    const body = await readFile(path);
    if (body.length > LARGEST_FILE) {
      throw new CausewayError(
        SQLSTATE.featureNotSupported,
        `${body.length} bytes are too many for one file of a lake`,
        {
          hint: 'Write the rows in several statements.',
        },
      );
    }
    return { body, rows, bounds: boundsOf(request.columns, found!) };
  } catch (error) {
    throw duckdbError(error, `writing ${request.table.table}`);
  } finally {
    await connection.run(`DROP TABLE IF EXISTS ${placeText(place)}`).catch(() => {});
    connection.closeSync();
    await rm(path, { force: true });
  }
}

const BOUNDED = new Set([
  'smallint',
  'integer',
  'bigint',
  'numeric',
  'text',
  'varchar',
  'date',
  'timestamp',
  'timestamptz',
]);

function boundsQuery(columns: readonly ResultColumn[], table: string): string {
  const parts = columns.flatMap(({ name, type }) => {
    const column = quoteIdentifier(name);
    const bound = (aggregate: string) => (BOUNDED.has(type.kind) ? `${aggregate}(${column})::VARCHAR` : 'NULL');
    return [`(count(*) - count(${column}))::INTEGER`, bound('min'), bound('max')];
  });
  return `SELECT ${parts.join(', ')} FROM ${table}`;
}

function boundsOf(columns: readonly ResultColumn[], row: readonly unknown[]): StagedFile['bounds'] {
  return Object.fromEntries(
    columns.map(({ name }, i) => {
      const [nulls, min, max] = row.slice(i * 3, i * 3 + 3) as [number, string | null, string | null];
      return [
        name,
        {
          nulls,
          // A text's beginning is never greater than the text; an upper bound cannot be cut so simply.
          ...(min === null ? {} : { min: min.slice(0, BOUND_LENGTH) }),
          ...(max === null || max.length > BOUND_LENGTH ? {} : { max }),
        },
      ];
    }),
  );
}

/** @throws CausewayError when the rows have not exactly the columns of the table they are appended to. */
export function assertSameColumns(table: string, have: readonly ResultColumn[], given: readonly ResultColumn[]): void {
  const fits = have.every(({ name, type }, i) => name === given[i]?.name && sameType(type, given[i].type));
  if (fits && have.length === given.length) return;
  const shown = (columns: readonly ResultColumn[]) =>
    columns.map(({ name, type }) => `${name} ${typeName(type)}`).join(', ');
  throw new CausewayError(SQLSTATE.datatypeMismatch, `the rows do not fit the columns of "${table}"`, {
    detail: `The table has ${shown(have)}; the rows have ${shown(given)}.`,
    hint: 'Select the columns in the order of the table and cast them to its types.',
  });
}
