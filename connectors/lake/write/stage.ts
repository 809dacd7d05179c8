/** Rows on their way into a lake: local Parquet files, with the facts that table metadata wants of them. */
import { randomUUID } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { CausewayError, SQLSTATE } from '../../../src/plan/errors.ts';
import { type SqlType, sameType, typeName } from '../../../src/plan/types.ts';
import type { ResultColumn, WriteRequest } from '../../connector.ts';
import { quoteIdentifier, quoteLiteral } from '../../duckdb-engine/conform.ts';
import { type StagedRows, withStagedRows } from '../../duckdb-engine/staging.ts';

/** The most bytes of one file: what every store takes in one conditional request. */
const LARGEST_FILE = 2 ** 31 - 1;
/** Characters of text bounds. */
const BOUND_LENGTH = 32;

export interface StagedFile {
  readonly body: Uint8Array;
  /** The values of the partition columns, which the file itself lacks. */
  readonly partition: Readonly<Record<string, string | null>>;
  readonly rows: number;
  /** By column: bounds in text form, and NULLs. */
  readonly bounds: Readonly<Record<string, { readonly min?: string; readonly max?: string; readonly nulls: number }>>;
}

/** The most files that one statement writes. */
const MOST_FILES = 1000;

/**
 * Writes the rows of `request` into Parquet files in `folder`, one per value of the columns `partitionBy`, and reads them back.
 * @param spelling a cast per type
 */
export async function stageRows(
  request: WriteRequest,
  folder: string,
  spelling: (type: SqlType) => string | undefined,
  signal: AbortSignal,
  partitionBy: readonly string[] = [],
): Promise<readonly StagedFile[]> {
  const { batches, columns, table } = request;
  const stored = columns.filter(({ name }) => !partitionBy.includes(name));
  return withStagedRows(columns, batches, `writing ${table.table}`, signal, async (staged) => {
    const files: StagedFile[] = [];
    for (const partition of await partitionsOf(staged, partitionBy, table.table)) {
      const where = Object.entries(partition).map(
        ([name, value]) =>
          `${partitionText(name)} IS NOT DISTINCT FROM ${value === null ? 'NULL' : quoteLiteral(value)}`,
      );
      const rows = `${staged.table}${where.length === 0 ? '' : ` WHERE ${where.join(' AND ')}`}`;
      files.push({ ...(await stageFile(staged.connection, rows, stored, folder, spelling)), partition });
    }
    return files;
  });
}

/** A partition column's value as Delta's log has it (PROTOCOL.md, "Partition Value Serialization"): times in UTC, without a zone. */
const partitionText = (name: string): string => `regexp_replace(${quoteIdentifier(name)}::VARCHAR, '\\+00$', '')`;

async function partitionsOf(
  { connection, table }: StagedRows,
  names: readonly string[],
  what: string,
): Promise<readonly StagedFile['partition'][]> {
  if (names.length === 0) return [{}];
  const list = names.map(partitionText).join(', ');
  const found = await connection.runAndReadAll(
    `SELECT DISTINCT ${list} FROM ${table} ORDER BY ALL LIMIT ${MOST_FILES + 1}`,
  );
  const partitions = (found.getRowsJson() as (string | null)[][]).map((row) =>
    Object.fromEntries(names.map((name, i) => [name, row[i]!])),
  );
  if (partitions.length > MOST_FILES) {
    throw new CausewayError(
      SQLSTATE.featureNotSupported,
      `the rows fall into more than ${MOST_FILES} partitions of "${what}"`,
      {
        hint: 'Write the rows in several statements.',
      },
    );
  }
  const empty = partitions.flatMap((each) => names.filter((name) => each[name] === ''));
  if (empty.length === 0) return partitions;
  throw new CausewayError(
    SQLSTATE.invalidParameterValue,
    `the partition column "${empty[0]}" of "${what}" would be the empty text`,
    {
      hint: 'Delta Lake reads it as NULL: write NULL, or another text.',
    },
  );
}

async function stageFile(
  connection: DuckDBConnection,
  rows: string,
  columns: readonly ResultColumn[],
  folder: string,
  spelling: (type: SqlType) => string | undefined,
): Promise<Omit<StagedFile, 'partition'>> {
  const path = join(folder, `staged-${randomUUID()}.parquet`);
  const casts = columns.map(({ name, type }) => {
    const wanted = spelling(type);
    const column = quoteIdentifier(name);
    return wanted === undefined ? column : `${column}::${wanted} AS ${column}`;
  });
  try {
    await connection.run(
      `COPY (SELECT ${casts.join(', ')} FROM ${rows}) TO ${quoteLiteral(path)} (FORMAT parquet, COMPRESSION zstd)`,
    );
    const [found] = (await connection.runAndReadAll(boundsQuery(columns, rows))).getRowsJson();
    return { body: await wholeFile(path), rows: Number(found![0]), bounds: boundsOf(columns, found!.slice(1)) };
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

/** The number of rows, then per column its NULLs and bounds. */
function boundsQuery(columns: readonly ResultColumn[], table: string): string {
  const parts = columns.flatMap(({ name, type }) => {
    const column = quoteIdentifier(name);
    const bound = (aggregate: string) => (BOUNDED.has(type.kind) ? `${aggregate}(${column})::VARCHAR` : 'NULL');
    return [`(count(*) - count(${column}))::INTEGER`, bound('min'), bound('max')];
  });
  return `SELECT ${['count(*)::DOUBLE', ...parts].join(', ')} FROM ${table}`;
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
