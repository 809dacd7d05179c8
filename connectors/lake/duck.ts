/** What a lake asks DuckDB for: footers, schemas, and whether a file can be read at all. */
import { CausewayError, canceled, messageOf, SQLSTATE } from '../../src/plan/errors.ts';
import type { SqlType } from '../../src/plan/types.ts';
import { quoteLiteral } from '../duckdb-engine/conform.ts';
import { connectDuckDB } from '../duckdb-engine/process.ts';
import { sqlTypeOf } from '../duckdb-engine/types.ts';

export type DuckRow = Readonly<Record<string, unknown>>;

/** A column of a query: its SQL type, and its type in DuckDB's spelling. */
export interface DuckColumn {
  readonly name: string;
  readonly type: SqlType;
  readonly duckType: string;
}

/**
 * All rows of a query; 64-bit integers come as text.
 * @throws CausewayError XX001 with `what` and DuckDB's own words when a file cannot be read.
 */
export async function duckRows(sql: string, what: string, signal: AbortSignal): Promise<readonly DuckRow[]> {
  const connection = await connectDuckDB();
  const stop = () => connection.interrupt();
  signal.addEventListener('abort', stop);
  try {
    return (await connection.runAndReadAll(sql)).getRowObjectsJson();
  } catch (error) {
    throw signal.aborted ? canceled(error) : unreadable(what, error);
  } finally {
    signal.removeEventListener('abort', stop);
    connection.closeSync();
  }
}

/** The columns of a query, which is planned but not run. @throws CausewayError XX001 as above. */
export async function duckColumns(sql: string, what: string): Promise<readonly DuckColumn[]> {
  const connection = await connectDuckDB();
  try {
    const prepared = await connection.prepare(sql);
    const columns = Array.from({ length: prepared.columnCount }, (_, i) => {
      const type = prepared.columnType(i);
      return { name: prepared.columnName(i), type: sqlTypeOf(type), duckType: type.toString() };
    });
    prepared.destroySync();
    return columns;
  } catch (error) {
    throw unreadable(what, error);
  } finally {
    connection.closeSync();
  }
}

const unreadable = (what: string, error: unknown): CausewayError =>
  new CausewayError(SQLSTATE.dataCorrupted, `${what} cannot be read: ${messageOf(error).split('\n')[0]}`, {
    cause: error,
  });

/** A literal of DuckDB type `duckType`. */
export const typedLiteral = (value: string | number | bigint | boolean | null, duckType: string): string =>
  value === null ? `CAST(NULL AS ${duckType})` : `CAST(${quoteLiteral(String(value))} AS ${duckType})`;
