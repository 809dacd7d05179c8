/** Whether a large result is cheaper to fetch as Parquet files, unloaded into a stage, than as chunks of JSON. */
import type { RelationalNode } from '../../../src/plan/nodes.ts';
import type { SqlType } from '../../../src/plan/types.ts';
import type { SqlFragment } from '../../connector.ts';

/**
 * Seconds for a byte of rows, by each way: what is fetched, decoded and put into Arrow. JSON as measured against our protocol
 * server (docs/benchmarks.md); Parquet is a quarter of the bytes, read by DuckDB: an assumption, as are the seconds for
 * COPY INTO, the files' addresses and their removal.
 */
const JSON_CHUNKS = { startup: 0, perByte: 2.5e-8 };
const PARQUET_FILES = { startup: 3, perByte: 4e-9 };

export interface ExtractPrice {
  readonly seconds: number;
  /** What chunks of JSON would take. */
  readonly inChunks: number;
}

/** Undefined where chunks are cheaper, the number of rows is not known, or their order counts: files have none. */
export function extractPrice({ columns, parameters, plan, rows }: SqlFragment): ExtractPrice | undefined {
  if (rows === undefined || plan === undefined || parameters !== undefined || isOrdered(plan)) return undefined;
  const bytes = rows * columns.reduce((sum, { type }) => sum + widthOf(type), 0);
  const [seconds, inChunks] = [PARQUET_FILES, JSON_CHUNKS].map(({ perByte, startup }) => startup + bytes * perByte);
  return seconds! < inChunks! ? { seconds: seconds!, inChunks: inChunks! } : undefined;
}

function isOrdered(plan: RelationalNode): boolean {
  if (plan.kind === 'sort') return true;
  return (plan.kind === 'project' || plan.kind === 'limit' || plan.kind === 'filter') && isOrdered(plan.input);
}

/** Bytes of a value, about. */
function widthOf({ kind }: SqlType): number {
  if (kind === 'boolean') return 1;
  if (kind === 'smallint' || kind === 'integer' || kind === 'date') return 4;
  if (kind === 'numeric') return 16;
  return ['text', 'varchar', 'json', 'bytea'].includes(kind) ? 32 : 8;
}
