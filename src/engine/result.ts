/** What a statement answers. */
import type { RecordBatch } from 'apache-arrow';
import type { ResultColumn } from '../../connectors/connector.ts';

/** Rows stream; iterate `batches` once, to the end, or abort the statement's signal. */
export interface StatementResult {
  /** As in PostgreSQL's CommandComplete, without a row count: `SELECT`, `CREATE SILO`, `TRAIN MODEL` … */
  readonly tag: string;
  /** Empty for statements without rows. */
  readonly columns: readonly ResultColumn[];
  readonly batches: AsyncIterable<RecordBatch>;
}

export interface Notice {
  readonly severity: 'NOTICE' | 'WARNING' | 'INFO';
  readonly message: string;
  readonly hint?: string;
  /** Set for the progress of a TRAIN, so that a terminal can draw a bar. */
  readonly progress?: TrainingProgress;
}

export interface TrainingProgress {
  readonly model: string;
  readonly round: number;
  readonly rounds: number;
  readonly loss: number;
  readonly validationLoss?: number;
  readonly rowsPerSecond: number;
}

export interface ExecuteOptions {
  /** What now() means inside a transaction block; the time of the statement when absent. */
  readonly transactionBegan?: Date;
  readonly signal?: AbortSignal;
  /** Text forms of `$1`, `$2` …; null is NULL. */
  readonly parameters?: readonly (string | null)[];
  readonly onNotice?: (notice: Notice) => void;
}
