/** A job's rows on their way: out to the coordinator, or into a trainer within the owner's quota. */
import { type RecordBatch, RecordBatchStreamWriter } from 'apache-arrow';
import { CausewayError, SQLSTATE } from '../plan/errors.ts';

/** Every batch as an Arrow IPC stream of its own. */
export async function* encoded(batches: AsyncIterable<RecordBatch>): AsyncGenerator<Uint8Array> {
  for await (const batch of batches) yield RecordBatchStreamWriter.writeAll([batch]).toUint8Array(true);
}

/** @throws CausewayError CW001 after more rows than the owner's quota */
export async function* within(
  batches: AsyncIterable<RecordBatch>,
  most: number | undefined,
  silo: string,
): AsyncGenerator<RecordBatch> {
  let rows = 0;
  for await (const batch of batches) {
    rows += batch.numRows;
    if (most !== undefined && rows > most) {
      throw new CausewayError(SQLSTATE.policyViolation, `silo ${silo} lets a job read ${most} rows at most`, {
        silo,
        hint: 'Add a WHERE to the training query, or ask the owner for a larger quota.',
      });
    }
    yield batch;
  }
}
