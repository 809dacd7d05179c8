/** The rows of a training job, as the procedures of the tests read them: numbers, times in microseconds. */
import type { StepRows } from '../../../connectors/training-step.ts';
import type { WarehouseSql } from '../warehouse/duckdb-sql.ts';
import { toDuckdb } from './dialect.ts';

export type StepRow = readonly (number | string | null)[];

const spelled = (type: string): string => {
  if (type === 'BOOLEAN') return 'CAST($1 AS INTEGER)';
  return /^(TIMESTAMP|DATE)/.test(type) ? 'epoch_us(CAST($1 AS TIMESTAMP))' : '$1';
};

/** Time, entity if there is one, features; in the order of the query. */
export async function stepRows(sql: WarehouseSql, job: StepRows, signal: AbortSignal): Promise<StepRow[]> {
  const { rows } = await sql.query(toDuckdb(job.query), spelled, signal);
  const found: StepRow[] = [];
  for await (const batch of rows) {
    for (const text of batch) {
      const values = JSON.parse(text) as readonly (string | null)[];
      found.push(values.map((value, i) => (value === null || (job.entity && i === 1) ? value : Number(value))));
    }
  }
  return found;
}
