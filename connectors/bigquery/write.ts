/** Rows into a BigQuery table: one load job, which makes all of them visible at once or none, and is not billed. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { CausewayError, SQLSTATE, throwIfAborted } from '../../src/plan/errors.ts';
import type { WriteRequest } from '../connector.ts';
import { tableExists } from './catalog.ts';
import { RequestRefused, type ServiceProblem } from './errors.ts';
import type { JobPlace } from './jobs.ts';
import { jsonLines } from './json-lines.ts';
import { writtenField } from './types.ts';
import { Upload } from './upload.ts';

/** Bytes of one request; the service wants a multiple of 256 KiB. */
const CHUNK = 8 * 1024 * 1024;

interface LoadJob {
  readonly status?: { readonly state?: string; readonly errorResult?: ServiceProblem };
  readonly statistics?: { readonly load?: { readonly outputRows?: string } };
}

/**
 * Creates or appends to the table, all or nothing: the job begins when the last row is there.
 * @returns the number of rows written.
 * @throws CausewayError 42P07 when a table to create is there
 */
export async function writeTable(
  place: JobPlace,
  { table, columns, batches, mode }: WriteRequest,
  signal: AbortSignal,
): Promise<{ readonly rows: number }> {
  const { session, project, billingProject, dataset, location, labels } = place;
  const { table: tableId, schema = dataset } = table;
  if (mode === 'create' && (await tableExists(place, schema, tableId, signal))) {
    throw new CausewayError(SQLSTATE.duplicateTable, `the table "${tableId}" is already in the dataset ${schema}`);
  }
  const jobId = `causeway_${randomUUID()}`;
  const fields = columns.map(({ name, type }) => ({ name, ...writtenField(type) }));
  const load = {
    destinationTable: { projectId: project, datasetId: schema, tableId },
    sourceFormat: 'NEWLINE_DELIMITED_JSON',
    ...(mode === 'create'
      ? { schema: { fields }, createDisposition: 'CREATE_IF_NEEDED', writeDisposition: 'WRITE_EMPTY' }
      : { createDisposition: 'CREATE_NEVER', writeDisposition: 'WRITE_APPEND' }),
  };
  const job = { jobReference: { projectId: billingProject, jobId, location }, configuration: { labels, load } };
  const upload = new Upload(session, billingProject, job, signal);
  let rows = 0;
  let pending: Buffer[] = [];
  let size = 0;
  try {
    for await (const batch of batches) {
      throwIfAborted(signal);
      const lines = Buffer.from(jsonLines(batch, columns));
      pending.push(lines);
      size += lines.length;
      rows += batch.numRows;
      if (size < CHUNK) continue;
      const all = Buffer.concat(pending);
      const whole = all.length - (all.length % CHUNK);
      await upload.send(all.subarray(0, whole));
      pending = [all.subarray(whole)];
      size = all.length - whole;
    }
    await upload.finish(Buffer.concat(pending));
    const done = await loaded(place, jobId, signal);
    if (Number(done.statistics?.load?.outputRows ?? rows) !== rows) {
      throw new CausewayError(
        SQLSTATE.internalError,
        `BigQuery loaded ${done.statistics?.load?.outputRows} rows of ${rows}`,
      );
    }
    return { rows };
  } catch (thrown) {
    throw session.errors.of(thrown);
  }
}

async function loaded(
  { session, billingProject, location }: JobPlace,
  jobId: string,
  signal: AbortSignal,
): Promise<LoadJob> {
  for (let pause = 20; ; pause = Math.min(2 * pause, 2000)) {
    const path = `projects/${billingProject}/jobs/${jobId}`;
    const { body } = await session.request<LoadJob>({ path, query: { location } }, signal);
    const { state, errorResult } = body.status ?? {};
    if (errorResult !== undefined) throw new RequestRefused(400, errorResult);
    if (state === 'DONE') return body;
    await sleep(pause, undefined, { signal }).catch(() => undefined);
    throwIfAborted(signal);
  }
}
