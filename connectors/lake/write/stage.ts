/** Rows on their way into a lake: one local Parquet file, with the facts that table metadata wants of it. */
import { randomUUID } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CausewayError, SQLSTATE } from '../../../src/plan/errors.ts';
import { type SqlType, sameType, typeName } from '../../../src/plan/types.ts';
import type { ResultColumn, WriteRequest } from '../../connector.ts';
import { quoteIdentifier, quoteLiteral } from '../../duckdb-engine/conform.ts';
import { withStagedRows } from '../../duckdb-engine/staging.ts';

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
  const path = join(folder, `staged-${randomUUID()}.parquet`);
  const { columns } = request;
  try {
    return await withStagedRows(columns, request.batches, `writing ${request.table.table}`, signal, async (staged) => {
      const { connection, rows } = staged;
      const casts = columns.map(({ name, type }) => {
        const wanted = spelling(type);
        const column = quoteIdentifier(name);
        return wanted === undefined ? column : `${column}::${wanted} AS ${column}`;
      });
      await connection.run(
        `COPY (SELECT ${casts.join(', ')} FROM ${staged.table}) TO ${quoteLiteral(path)} (FORMAT parquet, COMPRESSION zstd)`,
      );
      const [found] = (await connection.runAndReadAll(boundsQuery(columns, staged.table))).getRowsJson();
      return { body: await wholeFile(path), rows, bounds: boundsOf(columns, found!) };
    });
  } finally {
    await rm(path, { force: true });
  }
}

/** @throws CausewayError 0A000 for more than a store takes in one request */
async function wholeFile(path: string): Promise<Uint8Array> {
  const body = await readFile(path);
  if (body.length <= LARGEST_FILE) return body;
  throw new CausewayError(SQLSTATE.featureNotSupported, `${body.length} bytes are too many for one file of a lake`, {
    hint: 'Write the rows in several statements.',
  });
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
