/** Results of more than a page: from the table that the job has put them in, through the Storage Read API. */
import type { RecordBatch } from 'apache-arrow';
import type { ResultColumn } from '../connector.ts';
import { batchesInLayout } from './arrow-columns.ts';
import type { TableReference } from './jobs.ts';
import { type StorageAddress, type StorageClient, storageClient } from './storage-client.ts';
import { openReadSession } from './storage-read.ts';

/** The service gives fewer where there are fewer rows. */
const STREAMS = 8;

/** Milliseconds after which an API that was refused is asked for again: it may have been enabled. */
const REFUSED_FOR = 600_000;

export interface LargeResult {
  readonly table: TableReference;
  readonly billingProject: string;
  readonly rows: number;
  /** They come in the statement's order, over one stream. */
  readonly ordered: boolean;
}

export class LargeResults implements AsyncDisposable {
  readonly #address: StorageAddress;
  #client: Promise<StorageClient> | undefined;
  #refusedAt = Number.NEGATIVE_INFINITY;

  constructor(address: StorageAddress) {
    this.#address = address;
  }

  /**
   * The rows; undefined where the API may not be used.
   * @param onNotice told so, the first time
   */
  async read(
    { billingProject, ordered, rows, table }: LargeResult,
    columns: readonly ResultColumn[],
    onNotice: (message: string) => void,
    signal: AbortSignal,
  ): Promise<AsyncIterable<RecordBatch> | undefined> {
    if (performance.now() - this.#refusedAt < REFUSED_FOR) return undefined;
    this.#client ??= storageClient(this.#address);
    const session = await openReadSession(await this.#client, {
      ...{ table, billingProject, signal },
      maxStreams: ordered ? 1 : STREAMS,
      expectedRows: rows,
      // A network is slower than decompression; a server on this machine is not.
      ...(this.#address.endpoint.startsWith('https:') ? { compression: 'zstd' } : {}),
    });
    if (session.kind === 'session') return batchesInLayout(session.messages, columns);
    this.#refusedAt = performance.now();
    onNotice(
      `the result is read page by page, which is slower: the BigQuery Storage API may not be used (${session.reason})`,
    );
    return undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    (await this.#client)?.[Symbol.dispose]();
  }
}
