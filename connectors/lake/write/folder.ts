/** Tables that are just Parquet files: each write adds one object, which is there as a whole or not at all. */
import { randomUUID } from 'node:crypto';
import { CausewayError, SQLSTATE } from '../../../src/plan/errors.ts';
import type { WriteRequest } from '../../connector.ts';
import { type ObjectStore, StoreError } from '../stores/store.ts';
import type { Snapshot } from '../tables/table.ts';
import { assertSameColumns, type StagedFile, stageRows } from './stage.ts';

/** Creates the folder `name/` with its first file. @throws CausewayError 42P07 when somebody was faster. */
export async function createFolder(
  request: WriteRequest,
  store: ObjectStore,
  staging: string,
  signal: AbortSignal,
): Promise<number> {
  const { table } = request.table;
  const [{ body, rows }] = (await stageRows(request, staging, () => undefined, signal)) as [StagedFile];
  try {
    await store.write(`${table}/part-0.parquet`, body, 'absent', signal);
  } catch (error) {
    if (!(error instanceof StoreError) || error.kind !== 'conflict') throw error;
    throw new CausewayError(SQLSTATE.duplicateTable, `relation "${table}" already exists`, { cause: error });
  }
  return rows;
}

/** Adds a file to the folder `base` (ending in `/`). */
export async function appendFile(
  request: WriteRequest,
  base: string,
  snapshot: Snapshot,
  store: ObjectStore,
  staging: string,
  signal: AbortSignal,
): Promise<number> {
  assertSameColumns(request.table.table, snapshot.columns, request.columns);
  const [{ body, rows }] = (await stageRows(request, staging, () => undefined, signal)) as [StagedFile];
  await store.write(`${base}part-${randomUUID()}.parquet`, body, 'absent', signal);
  return rows;
}
