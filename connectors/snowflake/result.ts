/** The result of a statement: waited for, then its chunks read in parallel and given on in order. */

import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { RecordBatch } from 'apache-arrow';
import { CausewayError, canceled, SQLSTATE, throwIfAborted } from '../../src/plan/errors.ts';
import type { ResultColumn } from '../connector.ts';
import { fetchWithRetry } from '../http-retry.ts';
import type { SnowflakeErrors } from './errors.ts';
import { rowsetBatches } from './rowset.ts';
import type { SnowflakeSession } from './session.ts';

/** Chunks that are fetched ahead of the one that is read: what a slow reader keeps in memory. */
const CHUNKS_AHEAD = 4;

/** The statement still runs: the service has held the request for as long as it does. */
const IN_PROGRESS: ReadonlySet<string> = new Set(['333333', '333334']);

/** `data` of a finished statement's answer. */
interface ResultData {
  readonly rowtype?: readonly RowType[];
  /** The first rows; all of them where there are no chunks. */
  readonly rowset?: readonly (readonly (string | null)[])[];
  readonly returned?: number;
  readonly chunks?: readonly Chunk[];
  readonly chunkHeaders?: Readonly<Record<string, string>>;
  /** The key of the chunks' encryption at rest, sent back when they are fetched. */
  readonly qrmk?: string;
}

interface RowType {
  readonly name: string;
  readonly type: string;
}

interface Chunk {
  readonly url: string;
  readonly rowCount: number;
}

export interface ResultPlace {
  readonly session: SnowflakeSession;
  readonly errors: SnowflakeErrors;
  readonly queryId: string;
  readonly signal: AbortSignal;
}

/** Waits for the statement's end. The service holds each question for most of a minute; where it does not, we pause. */
export async function awaitResult({ session, queryId, signal }: ResultPlace): Promise<ResultData> {
  for (let pause = 20; ; pause = Math.min(2 * pause, 1000)) {
    const asked = performance.now();
    const answer = await session.get(`/queries/${queryId}/result`, signal);
    if (!IN_PROGRESS.has(answer.code ?? '')) return (answer.data ?? {}) as ResultData;
    if (performance.now() - asked < pause) await sleep(pause, undefined, { signal }).catch(() => undefined);
    throwIfAborted(signal);
  }
}

/**
 * The rows in order. The number of rows of each chunk is known before: a chunk that ends early is an error.
 */
export async function* readResult(
  place: ResultPlace,
  first: ResultData,
  columns: readonly ResultColumn[],
): AsyncGenerator<RecordBatch, void, undefined> {
  checkShape(first.rowtype ?? [], columns);
  const rows = first.rowset ?? [];
  if (rows.length > 0) yield* rowsetBatches(Buffer.from(JSON.stringify(rows)), columns, rows.length);
  const chunks = first.chunks ?? [];
  const stop = new AbortController();
  const reader = chunkReader(place, first, AbortSignal.any([place.signal, stop.signal]));
  const ahead: Promise<Buffer>[] = [];
  try {
    for (let i = 0; i < chunks.length; i++) {
      while (ahead.length < CHUNKS_AHEAD && i + ahead.length < chunks.length) {
        const body = reader(i + ahead.length);
        // A failure is told when its turn comes; until then nobody waits for it.
        body.catch(() => undefined);
        ahead.push(body);
      }
      const body = await ahead.shift()!;
      for (const batch of rowsetBatches(body, columns, chunks[i]!.rowCount)) {
        throwIfAborted(place.signal);
        yield batch;
      }
    }
  } finally {
    stop.abort();
  }
}

/** The body of the n-th chunk. Addresses are signed for some hours; once they are refused, fresh ones are asked for, once. */
function chunkReader(place: ResultPlace, first: ResultData, signal: AbortSignal): (index: number) => Promise<Buffer> {
  const { errors } = place;
  let current = first;
  let refreshed: Promise<void> | undefined;
  const refresh = () => {
    refreshed ??= awaitResult(place).then((data) => {
      current = data;
    });
    return refreshed;
  };
  const fetchChunk = async (index: number): Promise<Buffer | undefined> => {
    const { url } = current.chunks![index]!;
    return fetchWithRetry(url, { headers: chunkHeaders(current) }, bodyOf, signal);
  };
  return async (index) => {
    try {
      const body = (await fetchChunk(index)) ?? (await refresh().then(() => fetchChunk(index)));
      if (body === undefined) throw expired();
      return body;
    } catch (thrown) {
      throw place.signal.aborted ? canceled(thrown) : errors.of(thrown);
    }
  };
}

const AES = 'x-amz-server-side-encryption-customer-';

const chunkHeaders = ({ chunkHeaders: given, qrmk }: ResultData): Readonly<Record<string, string>> =>
  given ?? (qrmk === undefined ? {} : { [`${AES}algorithm`]: 'AES256', [`${AES}key`]: qrmk });

const unzip = promisify(gunzip);

/** The bytes; undefined when the address is refused. */
async function bodyOf(response: Response): Promise<Buffer | undefined> {
  if (response.status === 403 || response.status === 404) {
    await response.body?.cancel();
    return undefined;
  }
  if (!response.ok) throw new Error(`a part of the result: ${response.status} ${response.statusText}`);
  const body = Buffer.from(await response.arrayBuffer());
  // Stores that do not say so in a header give the part as it lies there: zipped.
  return body[0] === 0x1f && body[1] === 0x8b ? await unzip(body) : body;
}

const expired = () =>
  new CausewayError(SQLSTATE.noData, 'the result has expired at Snowflake', {
    hint: 'Results are kept for a day: run the statement again.',
  });

/** What decides how a value is spelled: a date as days where a text was planned would pass for a number. */
const SPELLED: Readonly<Record<string, readonly string[]>> = {
  date: ['date'],
  time: ['time'],
  timestamp_ntz: ['timestamp', 'timestamptz'],
  timestamp_ltz: ['timestamp', 'timestamptz'],
  timestamp_tz: ['timestamp', 'timestamptz'],
  binary: ['bytea'],
};

/** @throws CausewayError 42804 for a column that came as something else than was planned */
export function checkShape(rowtype: readonly RowType[], columns: readonly ResultColumn[]): void {
  if (rowtype.length !== columns.length) {
    throw new CausewayError(
      SQLSTATE.internalError,
      `Snowflake returned ${rowtype.length} columns instead of ${columns.length}`,
    );
  }
  for (const [i, { name, type }] of columns.entries()) {
    const spelled = rowtype[i]!.type.toLowerCase();
    const expected = SPELLED[spelled];
    const timed = ['date', 'time', 'timestamp', 'timestamptz', 'bytea'].includes(type.kind);
    if (expected === undefined ? !timed : expected.includes(type.kind)) continue;
    throw new CausewayError(
      SQLSTATE.datatypeMismatch,
      `column "${name}" came from Snowflake as ${spelled} instead of ${type.kind}`,
    );
  }
}
