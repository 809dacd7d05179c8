/** What the executor needs of a mediator (operators/mediator has DuckDB's and Spark's). */
import type { RecordBatch } from 'apache-arrow';
import type { FragmentResult, ResultColumn } from '../../../connectors/connector.ts';

export interface ExecutionMediator {
  /** A place to work in for one statement; what it holds is gone when it is disposed of. */
  session(): Promise<ExecutionSession>;
}

export interface ExecutionSession extends AsyncDisposable {
  /** Takes rows in under `name`; answers their number where it is known. */
  ingest(name: string, result: FragmentResult, signal: AbortSignal): Promise<number | undefined>;
  /** Forgets the rows that were taken in under `name`. */
  forget(name: string, signal: AbortSignal): Promise<void>;
  /** Runs a query once and keeps its rows under `name`. */
  materialize(name: string, sql: string, columns: readonly ResultColumn[], signal: AbortSignal): Promise<void>;
  query(sql: string, columns: readonly ResultColumn[], signal: AbortSignal): AsyncIterable<RecordBatch>;
}
