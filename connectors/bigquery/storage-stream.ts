/** One stream of a read session, resumed where it broke. */
import { setTimeout as sleep } from 'node:timers/promises';
import { CausewayError, SQLSTATE, throwIfAborted } from '../../src/plan/errors.ts';
import type { HttpRetryPolicy } from '../http-retry.ts';
import type { RowsMessage, StorageClient } from './storage-client.ts';
import { isUnauthenticated, mayPass, storageError } from './storage-errors.ts';

export const STREAM_RETRY: HttpRetryPolicy = { attempts: 6, base: 100, cap: 8_000 };

export interface StreamPlace {
  readonly client: StorageClient;
  readonly stream: string;
  /** Of the table, as users know it. */
  readonly table: string;
  /** The service tells how far it is; with a filter its last rows may be dropped without a word. */
  readonly filtered: boolean;
  readonly retry: HttpRetryPolicy;
  readonly signal: AbortSignal;
}

/** A fraction of the stream below which its end is none: it is told as a float. */
const WHOLE = 0.999_999;

/**
 * All rows of the stream, once each. A stream that breaks goes on at the row behind the last one that came; so does one that
 * ends although the service has told that it is not at its end. Tries count anew after every message.
 * @throws CausewayError when it breaks `retry.attempts` times in a row, or for good
 */
export async function* resumedRows(place: StreamPlace): AsyncGenerator<RowsMessage, void, undefined> {
  const { client, filtered, retry, signal, stream, table } = place;
  let offset = 0;
  let tries = 0;
  let progress: number | undefined;
  for (;;) {
    throwIfAborted(signal);
    let failure: unknown;
    try {
      for await (const message of client.readRows(stream, offset, signal)) {
        tries = 0;
        yield message;
        offset += Number(message.rowCount ?? 0);
        progress = message.stats?.progress?.atResponseEnd ?? undefined;
      }
      if (filtered || progress === undefined || progress >= WHOLE) return;
      failure = cutShort(table, progress);
    } catch (thrown) {
      throwIfAborted(signal);
      if (!mayPass(thrown) && !(isUnauthenticated(thrown) && tries === 0)) throw storageError(thrown, table);
      failure = thrown;
    }
    if (++tries >= retry.attempts) throw storageError(failure, table);
    const pause = Math.random() * Math.min(retry.cap, retry.base * 2 ** (tries - 1));
    await sleep(pause, undefined, { signal }).catch(() => undefined);
  }
}

const cutShort = (table: string, progress: number): CausewayError =>
  new CausewayError(
    SQLSTATE.connectionFailure,
    `reading ${table} through BigQuery's Storage API ended after ${Math.floor(progress * 100)} % of a stream's rows`,
    { hint: 'Run the statement again.' },
  );
