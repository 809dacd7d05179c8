/** What a fragment did: for EXPLAIN ANALYZE, for the egress record, and for the cost model to learn from. */
import type { RecordBatch } from 'apache-arrow';
import type { FragmentId, Site } from '../../../optimizer/physical.ts';

export interface FragmentReport {
  readonly fragment: FragmentId;
  readonly site: Site;
  readonly rows: number;
  /** Bytes of the Arrow buffers that crossed the site's border. */
  readonly bytes: number;
  /** From asking the site to its last row. */
  readonly milliseconds: number;
  /** The mediator reads the rows by itself while it answers the rest: nobody has counted them. */
  readonly uncounted?: true;
  /** Keys that were sent to the site as a semi-join filter; absent when it ran without one. */
  readonly keys?: number;
}

export interface Measured {
  readonly batches: AsyncIterable<RecordBatch>;
  readonly total: { rows: number; bytes: number };
}

/** Counts what flows through. */
export function measure(batches: AsyncIterable<RecordBatch>): Measured {
  const total = { rows: 0, bytes: 0 };
  const counted = async function* (): AsyncGenerator<RecordBatch> {
    for await (const batch of batches) {
      total.rows += batch.numRows;
      total.bytes += batch.data.byteLength;
      yield batch;
    }
  };
  return { batches: counted(), total };
}
