/**
 * Functions in JavaScript at the test server: a call over all rows of a subquery, which DuckDB makes and hands over. The one that
 * trains is the generated one itself, run in a V8 context that has the language and WebAssembly alone.
 */
import { runInNewContext } from 'node:vm';
import type { DuckDBListValue, DuckDBValue } from '@duckdb/node-api';
import { trainingCode, trainingFunctions } from '../../../connectors/bigquery/training/functions.ts';
import type { WarehouseSql } from '../warehouse/duckdb-sql.ts';
import { duckdbString, stringValue } from '../warehouse/tokens.ts';
import { toDuckdb } from './dialect.ts';
import { Refusal } from './refusal.ts';

/** By path: a job and the rows in, an answer out. */
export type Functions = Readonly<Record<string, (job: string, rows: readonly object[]) => string>>;

/** `SELECT path('job', ARRAY_AGG(STRUCT(…) ORDER BY …)) AS answer FROM (…) AS r`, and nothing else. */
const CALL =
  /^SELECT ((?:`[^`]+`|\w+)(?:\.(?:`[^`]+`|\w+))*)\(('(?:[^'\\]|\\.)*'), ARRAY_AGG\(STRUCT\(time, entity, features\) ORDER BY entity, time\)\) AS answer\s+FROM ([\s\S]+)$/;

/** A SELECT for DuckDB that gives what the call answers; undefined for every other statement. */
export async function functionCall(sql: WarehouseSql, functions: Functions, text: string): Promise<string | undefined> {
  const [, path, job, rows] = CALL.exec(text) ?? [];
  if (path === undefined) return undefined;
  const name = path.replaceAll('`', '');
  const called = Object.hasOwn(functions, name) ? functions[name] : undefined;
  if (called === undefined) throw new Refusal(400, 'invalidQuery', `Function not found: ${name}`);
  const given: object[] = [];
  for await (const { columns, rows: count } of sql.values(
    toDuckdb(`SELECT time, entity, features FROM ${rows} ORDER BY entity, time`),
  )) {
    for (let row = 0; row < count; row++) {
      const [time, entity, features] = columns.map((values) => values[row]!) as [
        DuckDBValue,
        DuckDBValue,
        DuckDBListValue,
      ];
      given.push({ time, entity, features: features.items });
    }
  }
  try {
    return `SELECT ${duckdbString(called(stringValue(job!), given))} AS answer`;
  } catch (thrown) {
    throw new Refusal(400, 'invalidQuery', `${(thrown as Error).message} at ${name}(STRING, ARRAY<STRUCT<…>>)`);
  }
}

/** The generated functions, as the service would run them. */
export const trainingFunction: Functions[string] = (job, given) => {
  const kernel = /job, given, '([^']+)'/.exec(trainingFunctions({ project: 'p', dataset: 'd' }))![1]!;
  const script = `(function (job, given, kernel) {${trainingCode()}\n})(job, JSON.parse(given), kernel)`;
  return runInNewContext(script, { job, given: JSON.stringify(given), kernel }) as string;
};
