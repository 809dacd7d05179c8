/**
 * Reading a table through BigQuery's Storage Read API: one session, several streams at once, every message a complete Arrow
 * IPC stream of its own (schema and one record batch).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { MessageReader } from 'apache-arrow';
import { CausewayError, canceled, SQLSTATE, throwIfAborted } from '../../src/plan/errors.ts';
import type { HttpRetryPolicy } from '../http-retry.ts';
import type { TableReference } from './jobs.ts';
import type { ReadSessionMessage, RowsMessage, SessionRequestMessage, StorageClient } from './storage-client.ts';
import { isRefused, isUnauthenticated, mayPass, reasonOf, storageError } from './storage-errors.ts';
import { resumedRows, STREAM_RETRY } from './storage-stream.ts';

export interface ReadRequest {
  /** Who pays for the session; the table's project by default. */
  readonly billingProject?: string;
  readonly table: TableReference;
  /** All columns by default. They come in the table's order, whatever the order here is. */
  readonly columns?: readonly string[];
  /** A filter in BigQuery's SQL: `x > 5 AND day = "2024-01-01"`. */
  readonly rowRestriction?: string;
  /** With more than one stream the rows come in no order. */
  readonly maxStreams: number;
  /** Exactly so many rows must come, where the caller knows it: fewer or more are an error. */
  readonly expectedRows?: number;
  /** Of the buffers on their way: pays where the network is slower than decompression (about 0.5 GB/s). */
  readonly compression?: 'zstd' | 'lz4';
  readonly signal: AbortSignal;
}

/** An open session, or why there is none: then the rows must be had another way. */
export type ReadSession =
  | {
      readonly kind: 'session';
      readonly streams: number;
      /** By the service's statistics, which may be stale. */
      readonly estimatedRows: number;
      /** Complete Arrow IPC streams, at most one batch each; to be read once. */
      readonly messages: AsyncIterable<Uint8Array>;
    }
  | { readonly kind: 'refused'; readonly reason: string };

const ARROW = 2;
const CODECS = { lz4: 1, zstd: 2 } as const;

/**
 * Asks for a session. Refusals for the moment are asked again, with growing pauses.
 * @throws CausewayError naming the table when it cannot be read; refusals to use the API at all are returned
 */
export async function openReadSession(
  client: StorageClient,
  request: ReadRequest,
  retry: HttpRetryPolicy = STREAM_RETRY,
): Promise<ReadSession> {
  const { signal, table } = request;
  const name = `${table.projectId}.${table.datasetId}.${table.tableId}`;
  for (let tries = 1; ; tries++) {
    throwIfAborted(signal);
    try {
      const session = await client.createReadSession(messageOfRequest(request), signal);
      return {
        kind: 'session',
        streams: session.streams?.length ?? 0,
        estimatedRows: Number(session.estimatedRowCount ?? 0),
        messages: readMessages(client, session, name, request, retry),
      };
    } catch (thrown) {
      if (signal.aborted) throw canceled(thrown);
      if (isRefused(thrown)) return { kind: 'refused', reason: reasonOf(thrown) };
      const renewed = isUnauthenticated(thrown) && tries === 1;
      if ((!mayPass(thrown) && !renewed) || tries >= retry.attempts) throw storageError(thrown, name);
    }
    const pause = Math.random() * Math.min(retry.cap, retry.base * 2 ** (tries - 1));
    await sleep(pause, undefined, { signal }).catch(() => undefined);
  }
}

function messageOfRequest(request: ReadRequest): SessionRequestMessage {
  const { billingProject, columns, compression, maxStreams, rowRestriction, table } = request;
  return {
    parent: `projects/${billingProject ?? table.projectId}`,
    maxStreamCount: maxStreams,
    readSession: {
      table: `projects/${table.projectId}/datasets/${table.datasetId}/tables/${table.tableId}`,
      dataFormat: ARROW,
      readOptions: {
        ...(columns === undefined ? {} : { selectedFields: [...columns] }),
        ...(rowRestriction === undefined ? {} : { rowRestriction }),
        ...(compression === undefined ? {} : { arrowSerializationOptions: { bufferCompression: CODECS[compression] } }),
      },
    },
  };
}

async function* readMessages(
  client: StorageClient,
  session: ReadSessionMessage,
  table: string,
  { expectedRows, rowRestriction, signal }: ReadRequest,
  retry: HttpRetryPolicy,
): AsyncGenerator<Uint8Array, void, undefined> {
  const stop = new AbortController();
  const place = { client, table, retry, filtered: rowRestriction !== undefined };
  const until = AbortSignal.any([signal, stop.signal]);
  const streams = (session.streams ?? []).map((each) => resumedRows({ ...place, stream: each.name!, signal: until }));
  const schema = session.arrowSchema?.serializedSchema as Uint8Array | undefined;
  let rows = 0;
  try {
    for await (const message of merged(streams)) {
      rows += Number(message.rowCount ?? 0);
      const bytes = completeBatch(schema, message);
      if (bytes !== undefined) yield bytes;
    }
  } finally {
    stop.abort();
  }
  if (expectedRows !== undefined && rows !== expectedRows) {
    throw new CausewayError(
      SQLSTATE.connectionFailure,
      `reading ${table} through BigQuery's Storage API gave ${rows} rows instead of ${expectedRows}`,
      { hint: 'Run the statement again.' },
    );
  }
}

/** Whichever source has something next. Of each source one item is asked for ahead: a slow reader slows them all. */
async function* merged<T>(sources: readonly AsyncGenerator<T, void, undefined>[]): AsyncGenerator<T, void, undefined> {
  const ask = async (index: number) => ({ index, result: await sources[index]!.next() });
  const asked = new Map(sources.map((_, index) => [index, ask(index)]));
  try {
    while (asked.size > 0) {
      const { index, result } = await Promise.race(asked.values());
      if (result.done === true) asked.delete(index);
      else {
        asked.set(index, ask(index));
        yield result.value;
      }
    }
  } finally {
    // Not awaited one after the other: each ends once its call is cancelled.
    for (const promise of asked.values()) promise.catch(() => undefined);
    for (const source of sources) void source.return().catch(() => undefined);
  }
}

/** Schema and batch in one. Some servers send the schema with every batch already. */
function completeBatch(schema: Uint8Array | undefined, { arrowRecordBatch }: RowsMessage): Uint8Array | undefined {
  const batch = arrowRecordBatch?.serializedRecordBatch as Uint8Array | undefined;
  if (batch === undefined || batch.length === 0) return undefined;
  const first = new MessageReader(batch).next();
  return schema === undefined || (first.done !== true && first.value.isSchema())
    ? batch
    : Buffer.concat([schema, batch]);
}
