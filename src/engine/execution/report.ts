/** What a fragment did: for EXPLAIN ANALYZE, for the egress record, and for the cost model to learn from. */
import type { Data, RecordBatch } from 'apache-arrow';
import type { FragmentId, Site } from '../../../optimizer/physical.ts';

export interface FragmentReport {
  readonly fragment: FragmentId;
  readonly site: Site;
  readonly rows: number;
  /** Bytes of the rows in Arrow's layout that crossed the site's border. */
  readonly bytes: number;
  /** From asking the site to its last row. */
  readonly milliseconds: number;
  /** The mediator reads the rows by itself while it answers the rest: nobody has counted them. */
  readonly uncounted?: true;
  /** Keys that were sent to the site as a semi-join filter; absent when it ran without one. */
  readonly keys?: number;
  /** Where those keys had come from, and their bytes: of that silo they are seen by another one now. */
  readonly keysOf?: { readonly site: Site; readonly bytes: number };
  /** It was stopped before its end, for the rest was planned anew: these rows were of no use, but they have left the silo. */
  readonly stopped?: true;
}

export interface Measured {
  readonly batches: AsyncIterable<RecordBatch>;
  readonly total: { rows: number; bytes: number };
}

/** Counts what flows through. @param total where it is counted, while it flows; @param onBatch called after each batch */
export function measure(
  batches: AsyncIterable<RecordBatch>,
  total: Measured['total'] = { rows: 0, bytes: 0 },
  onBatch?: () => void,
): Measured {
  const counted = async function* (): AsyncGenerator<RecordBatch> {
    for await (const batch of batches) {
      total.rows += batch.numRows;
      total.bytes += batchBytes(batch);
      onBatch?.();
      yield batch;
    }
  };
  return { batches: counted(), total };
}

/** What the rows take in Arrow's layout; a reader's buffers may be larger than what it has filled. */
export const batchBytes = (batch: RecordBatch): number =>
  batch.data.children.reduce((sum, column) => sum + columnBytes(column), 0);

function columnBytes(column: Data): number {
  const { length, stride, valueOffsets, values, children } = column;
  const validity = column.nullCount > 0 ? Math.ceil(length / 8) : 0;
  if (valueOffsets !== undefined && valueOffsets.length > length) {
    const from = Number(valueOffsets[0]);
    return validity + (length + 1) * valueOffsets.BYTES_PER_ELEMENT + Number(valueOffsets[length]) - from;
  }
  const nested = children.reduce((sum, child) => sum + columnBytes(child), 0);
  const perValue = values === undefined ? 0 : values.BYTES_PER_ELEMENT * stride;
  // Booleans are bits: their buffer is the smaller one.
  return validity + nested + Math.min(values?.byteLength ?? 0, length * perValue);
}
