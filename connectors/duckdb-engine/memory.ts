/** Running out of memory, told so that a user can act: which operators of the statement hold it, and which setting says how much. */
import type { DuckDBConnection } from '@duckdb/node-api';
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';

/** Operators that keep rows, by DuckDB's name, as a user would call them. */
const HOLDING: Readonly<Record<string, string>> = {
  HASH_JOIN: 'hash join',
  NESTED_LOOP_JOIN: 'nested loop join',
  CROSS_PRODUCT: 'cross join',
  IE_JOIN: 'range join',
  ASOF_JOIN: 'as-of join',
  HASH_GROUP_BY: 'grouping',
  UNGROUPED_AGGREGATE: 'aggregate',
  ORDER_BY: 'sort',
  TOP_N: 'top-N sort',
  WINDOW: 'window',
  STREAMING_WINDOW: 'window',
};

interface PlanNode {
  readonly name?: string;
  readonly children?: readonly PlanNode[];
  readonly extra_info?: { readonly 'Estimated Cardinality'?: string };
}

/** `error` with the operators of `sql` that keep rows; any other error as it is. */
export async function explainMemory(
  connection: DuckDBConnection,
  sql: string,
  error: CausewayError,
): Promise<CausewayError> {
  if (error.sqlstate !== SQLSTATE.outOfMemory) return error;
  const operators: string[] = [];
  const visit = ({ name, children = [], extra_info: info }: PlanNode): void => {
    const known = HOLDING[name?.trim() ?? ''];
    const rows = info?.['Estimated Cardinality'];
    if (known !== undefined) operators.push(rows === undefined ? known : `${known} (about ${rows} rows)`);
    for (const child of children) visit(child);
  };
  try {
    const reader = await connection.runAndReadAll(`EXPLAIN (FORMAT json) ${sql}`);
    for (const node of JSON.parse(String(reader.getRows()[0]?.[1])) as PlanNode[]) visit(node);
  } catch {
    return error;
  }
  return new CausewayError(error.sqlstate, error.message, {
    detail: `Rows are kept by: ${operators.join(', ') || 'the result'}.`,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    cause: error.cause,
  });
}
