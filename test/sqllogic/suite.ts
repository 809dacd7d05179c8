/** Runs the records of one file against a target and says which do not hold. */
import { CausewayError } from '../../src/plan/errors.ts';
import { difference, type Row } from './compare.ts';
import type { SqlRecord } from './records.ts';

/** Where a file's statements run. Values of rows are in PostgreSQL's text form. */
export interface Target {
  statement(sql: string): Promise<void>;
  query(sql: string): Promise<readonly Row[]>;
}

export interface Failure {
  readonly line: number;
  readonly sql: string;
  readonly reason: string;
}

export interface Outcome {
  readonly queries: number;
  readonly failures: readonly Failure[];
}

/** Runs all records in order; a failed one does not stop the rest. */
export async function runRecords(records: readonly SqlRecord[], target: Target): Promise<Outcome> {
  const failures: Failure[] = [];
  let queries = 0;
  for (const record of records) {
    if (record.kind !== 'statement') queries++;
    const reason = await failureOf(record, target);
    if (reason !== undefined) failures.push({ line: record.line, sql: record.sql, reason });
  }
  return { queries, failures };
}

async function failureOf(record: SqlRecord, target: Target): Promise<string | undefined> {
  const expected =
    record.kind === 'statement' ? record.error : record.kind === 'query-error' ? record.sqlstate : undefined;
  try {
    if (record.kind === 'statement') await target.statement(record.sql);
    else {
      const rows = await target.query(record.sql);
      if (record.kind === 'query') return difference(record.types, record.sort, record.rows, rows);
    }
  } catch (thrown) {
    if (expected === undefined) return String(thrown instanceof Error ? thrown.message : thrown);
    const state = thrown instanceof CausewayError ? thrown.sqlstate : (thrown as { code?: string }).code;
    return expected === '' || state === expected ? undefined : `error ${state} instead of ${expected}: ${thrown}`;
  }
  return expected === undefined ? undefined : `no error instead of ${expected || 'one'}`;
}
