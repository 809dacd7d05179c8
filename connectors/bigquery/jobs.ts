/** Query jobs: started under a name of ours, waited for, cancelled; or only judged (dry run). */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { throwIfAborted } from '../../src/plan/errors.ts';
import type { ResultRow } from './cells.ts';
import { RequestRefused } from './errors.ts';
import type { BigQuerySession } from './session.ts';
import type { Field } from './types.ts';

/** Where statements run and who pays for them. */
export interface JobPlace {
  readonly session: BigQuerySession;
  /** Of the tables. */
  readonly project: string;
  readonly dataset: string;
  readonly billingProject: string;
  readonly location: string;
  readonly labels: Readonly<Record<string, string>>;
  /** A statement that would be billed for more bytes fails at the service. */
  readonly maxBytesBilled?: string;
}

export interface Job {
  readonly place: JobPlace;
  readonly id: string;
}

/** An answer of jobs.getQueryResults. */
export interface ResultPage {
  readonly jobComplete: boolean;
  readonly schema?: { readonly fields?: readonly Field[] };
  readonly rows?: readonly ResultRow[];
  readonly totalRows?: string;
  readonly pageToken?: string;
}

/** What a dry run says. */
export interface DryRun {
  readonly totalBytesProcessed: string;
  readonly fields: readonly Field[];
  readonly referencedTables: number;
}

interface JobResource {
  readonly statistics?: {
    readonly totalBytesProcessed?: string;
    readonly query?: {
      readonly totalBytesProcessed?: string;
      readonly schema?: { readonly fields?: readonly Field[] };
      readonly referencedTables?: readonly unknown[];
    };
  };
  readonly configuration?: { readonly query?: { readonly destinationTable?: TableReference } };
}

export interface TableReference {
  readonly projectId: string;
  readonly datasetId: string;
  readonly tableId: string;
}

/** Milliseconds for which the service is asked to hold a question for a result. */
const HOLD = 10_000;

const configurationOf = ({ labels, project, dataset, maxBytesBilled }: JobPlace, query: string, dryRun: boolean) => ({
  labels,
  dryRun,
  query: {
    query,
    useLegacySql: false,
    defaultDataset: { projectId: project, datasetId: dataset },
    ...(maxBytesBilled === undefined || dryRun ? {} : { maximumBytesBilled: maxBytesBilled }),
  },
});

/**
 * Starts a statement. Its name is ours, so that a request whose answer was lost may be sent again: the service then says that
 * there is such a job.
 */
export async function startJob(place: JobPlace, query: string, signal: AbortSignal): Promise<Job> {
  const id = `causeway_${randomUUID()}`;
  const { session, billingProject: projectId, location } = place;
  const json = {
    jobReference: { projectId, jobId: id, location },
    configuration: configurationOf(place, query, false),
  };
  const job = { place, id };
  try {
    await session.request({ method: 'POST', path: `projects/${projectId}/jobs`, json }, signal);
  } catch (thrown) {
    if (signal.aborted) await cancelJob(job);
    if (!(thrown instanceof RequestRefused && thrown.problem.reason === 'duplicate')) throw session.errors.of(thrown);
  }
  return job;
}

/** What the statement would read, and its columns. Costs nothing. */
export async function dryRun(place: JobPlace, query: string, signal: AbortSignal): Promise<DryRun> {
  const { session, billingProject: projectId, location } = place;
  const json = { jobReference: { projectId, location }, configuration: configurationOf(place, query, true) };
  try {
    const { body } = await session.request<JobResource>(
      { method: 'POST', path: `projects/${projectId}/jobs`, json },
      signal,
    );
    const { statistics = {} } = body;
    return {
      totalBytesProcessed: statistics.query?.totalBytesProcessed ?? statistics.totalBytesProcessed ?? '0',
      fields: statistics.query?.schema?.fields ?? [],
      referencedTables: statistics.query?.referencedTables?.length ?? 0,
    };
  } catch (thrown) {
    throw session.errors.of(thrown);
  }
}

/** Waits for the statement's end; the first rows come with it. */
export async function awaitJob(job: Job, rows: number, signal: AbortSignal): Promise<ResultPage> {
  for (let pause = 20; ; pause = Math.min(2 * pause, 1000)) {
    const asked = performance.now();
    const page = await resultPage(job, { maxResults: rows, timeoutMs: HOLD }, signal);
    if (page.jobComplete) return page;
    if (performance.now() - asked < pause) await sleep(pause, undefined, { signal }).catch(() => undefined);
    throwIfAborted(signal);
  }
}

/** @param which part: `pageToken`, `maxResults` */
export async function resultPage(
  { place, id }: Job,
  which: Readonly<Record<string, string | number>>,
  signal: AbortSignal,
): Promise<ResultPage> {
  const { session, billingProject, location } = place;
  const query = { location, 'formatOptions.useInt64Timestamp': 'true', ...which };
  try {
    const { body } = await session.request<ResultPage>(
      { path: `projects/${billingProject}/queries/${id}`, query },
      signal,
    );
    return body;
  } catch (thrown) {
    throw session.errors.of(thrown);
  }
}

/** The table that holds the statement's result: anonymous, and kept for a day. */
export async function destinationOf({ place, id }: Job, signal: AbortSignal): Promise<TableReference | undefined> {
  const { session, billingProject, location } = place;
  try {
    const path = `projects/${billingProject}/jobs/${id}`;
    const { body } = await session.request<JobResource>({ path, query: { location } }, signal);
    return body.configuration?.query?.destinationTable;
  } catch (thrown) {
    throw session.errors.of(thrown);
  }
}

/** Milliseconds for a request to cancel; nobody waits longer for what nobody wants. */
const CANCEL_WITHIN = 10_000;

/** Tells the service to stop; whether it still could is of no matter. */
export async function cancelJob({ place, id }: Job): Promise<void> {
  const { session, billingProject, location } = place;
  const path = `projects/${billingProject}/jobs/${id}/cancel`;
  await session
    .request({ method: 'POST', path, query: { location } }, AbortSignal.timeout(CANCEL_WITHIN))
    .catch(() => undefined);
}
