/** The result of a statement: a short one from the REST interface, page by page; a long one from the table it stands in. */
import type { RecordBatch } from 'apache-arrow';
import { CausewayError, SQLSTATE, throwIfAborted } from '../../src/plan/errors.ts';
import type { ResultColumn } from '../connector.ts';
import { type RowValue, rowBatches } from '../row-batches.ts';
import { type CellReader, cellReaders, type ResultRow } from './cells.ts';
import { awaitJob, cancelJob, type Job, type ResultPage, resultPage } from './jobs.ts';

/** Rows that come with the statement's end. The service sends at most 20 MB at a time, whatever it is asked for. */
const FIRST_ROWS = 10_000;
/** The same where longer results are read in another way: the rows would come twice. */
const FEW_ROWS = 2000;
const PAGE_ROWS = 50_000;

/**
 * The rows of a job in order; the job is cancelled where they are not wanted to its end.
 * @param large gives the rows of a result that has more than one page another way, where there is one
 */
export async function* readResult(
  job: Job,
  columns: readonly ResultColumn[],
  large: ((result: ResultPage) => Promise<AsyncIterable<RecordBatch> | undefined>) | undefined,
  signal: AbortSignal,
): AsyncGenerator<RecordBatch, void, undefined> {
  const first = await finished(job, signal, large === undefined ? FIRST_ROWS : FEW_ROWS);
  const batches = first.pageToken === undefined ? undefined : await large?.(first);
  if (batches !== undefined) yield* batches;
  else yield* rowBatches(columns, pagedRows(job, first, columns, signal));
}

/** Waits for the end of a statement, which is cancelled when the wait ends otherwise. */
export async function finished(job: Job, signal: AbortSignal, rows = FIRST_ROWS): Promise<ResultPage> {
  try {
    return await awaitJob(job, rows, signal);
  } catch (thrown) {
    // A statement that nobody waits for any more would run, and be billed, to its end.
    await cancelJob(job);
    throw thrown;
  }
}

/** The number of all rows is known with the first page: fewer are an error. */
async function* pagedRows(
  job: Job,
  first: ResultPage,
  columns: readonly ResultColumn[],
  signal: AbortSignal,
): AsyncGenerator<readonly RowValue[], void, undefined> {
  const readers = cellReaders(first.schema?.fields ?? [], columns);
  let count = 0;
  for (let page = first; ; ) {
    const ahead = page.pageToken === undefined ? undefined : nextPage(job, page.pageToken, signal);
    // A failure is told when its turn comes; until then nobody waits for it.
    ahead?.catch(() => undefined);
    for (const row of page.rows ?? []) yield valuesOf(row, readers);
    throwIfAborted(signal);
    count += page.rows?.length ?? 0;
    if (ahead === undefined) break;
    page = await ahead;
  }
  if (count !== Number(first.totalRows ?? 0)) throw incomplete(count, first.totalRows ?? '0');
}

async function nextPage(job: Job, pageToken: string, signal: AbortSignal): Promise<ResultPage> {
  try {
    return await resultPage(job, { pageToken, maxResults: PAGE_ROWS }, signal);
  } catch (thrown) {
    if ((thrown as CausewayError).sqlstate !== SQLSTATE.undefinedTable) throw thrown;
    throw new CausewayError(SQLSTATE.noData, 'the result has expired at BigQuery', {
      hint: 'Results are kept for a day: run the statement again.',
    });
  }
}

const valuesOf = ({ f }: ResultRow, readers: readonly CellReader[]): readonly RowValue[] =>
  readers.map((read, i) => read(f[i]!));

const incomplete = (count: number, total: string) =>
  new CausewayError(SQLSTATE.connectionFailure, `BigQuery sent ${count} rows of ${total}`, {
    hint: 'Run the statement again.',
  });
