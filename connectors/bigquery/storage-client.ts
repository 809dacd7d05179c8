/**
 * The two calls of the BigQuery Storage Read API (google.cloud.bigquery.storage.v1.BigQueryRead) that reading needs, over gRPC,
 * in the messages of the service's own library. Its clients on top retry and pipe on their own; here a broken stream must be
 * seen, so that it is resumed at its row. Everything is loaded when the first client is made.
 */

import type { google } from '@google-cloud/bigquery-storage/build/protos/protos.js';
import type { ClientReadableStream, Metadata, ServiceError } from '@grpc/grpc-js';

import { isUnauthenticated } from './storage-errors.ts';

export type Messages = typeof google.cloud.bigquery.storage.v1;
export type ReadSessionMessage = google.cloud.bigquery.storage.v1.IReadSession;
export type SessionRequestMessage = google.cloud.bigquery.storage.v1.ICreateReadSessionRequest;
export type RowsMessage = google.cloud.bigquery.storage.v1.IReadRowsResponse;

export interface StorageAddress {
  /** `http://host:port` (in the clear, for servers that stand in for the service) or `https://host[:port]`. */
  readonly endpoint: string;
  /**
   * What proves who asks; asked for every call.
   * @param refused a token that the service has just refused: another is wanted
   */
  readonly headers?: (signal: AbortSignal, refused?: string) => Promise<Readonly<Record<string, string>>>;
}

export const STORAGE_ENDPOINT = 'https://bigquerystorage.googleapis.com';

const SERVICE = '/google.cloud.bigquery.storage.v1.BigQueryRead';

export interface StorageClient extends Disposable {
  createReadSession(request: SessionRequestMessage, signal: AbortSignal): Promise<ReadSessionMessage>;
  /** Rows of one stream from `offset` on. It ends without an error only where the service says that it is at its end. */
  readRows(stream: string, offset: number, signal: AbortSignal): AsyncGenerator<RowsMessage, void, undefined>;
}

/** Opens no connection yet. @throws TypeError for an endpoint that is no URL */
export async function storageClient({ endpoint, headers }: StorageAddress): Promise<StorageClient> {
  const { protocol, hostname, port } = new URL(endpoint);
  const [grpc, { default: protos }] = await Promise.all([
    import('@grpc/grpc-js'),
    import('@google-cloud/bigquery-storage/build/protos/protos.js'),
  ]);
  const messages: Messages = protos.google.cloud.bigquery.storage.v1;
  const plain = protocol === 'http:';
  const credentials = plain ? grpc.credentials.createInsecure() : grpc.credentials.createSsl();
  const client = new grpc.Client(`${hostname}:${port || (plain ? 80 : 443)}`, credentials, {
    'grpc.max_receive_message_length': -1,
    'grpc.keepalive_time_ms': 30_000,
    'grpc.keepalive_timeout_ms': 10_000,
  });

  /** `route` is what the service sends a call to the right place by (x-goog-request-params). */
  const metadataOf = async (route: string, signal: AbortSignal): Promise<Metadata> => {
    const metadata = new grpc.Metadata();
    metadata.set('x-goog-request-params', route);
    const proof = (await headers?.(signal, refused)) ?? {};
    refused = undefined;
    for (const [name, value] of Object.entries(proof)) metadata.set(name.toLowerCase(), value);
    return metadata;
  };
  let refused: string | undefined;
  /** The next call asks for another token than the one of a call that failed for it. */
  const noteRefusal = (thrown: unknown, metadata: Metadata) => {
    if (isUnauthenticated(thrown))
      refused = metadata
        .get('authorization')[0]
        ?.toString()
        .replace(/^Bearer /, '');
  };

  return {
    async createReadSession(request, signal) {
      const metadata = await metadataOf(
        `read_session.table=${encodeURIComponent(request.readSession?.table ?? '')}`,
        signal,
      );
      return new Promise((done, fail) => {
        const call = client.makeUnaryRequest(
          `${SERVICE}/CreateReadSession`,
          (value: SessionRequestMessage) => Buffer.from(messages.CreateReadSessionRequest.encode(value).finish()),
          (bytes: Buffer): ReadSessionMessage => messages.ReadSession.decode(bytes),
          request,
          metadata,
          { deadline: Date.now() + SESSION_DEADLINE_MS },
          (error: ServiceError | null, session?: ReadSessionMessage) => {
            signal.removeEventListener('abort', cancel);
            if (error === null) done(session!);
            else {
              noteRefusal(error, metadata);
              fail(error);
            }
          },
        );
        const cancel = () => call.cancel();
        signal.addEventListener('abort', cancel);
        if (signal.aborted) cancel();
      });
    },

    async *readRows(readStream, offset, signal) {
      const metadata = await metadataOf(`read_stream=${encodeURIComponent(readStream)}`, signal);
      const call: ClientReadableStream<RowsMessage> = client.makeServerStreamRequest(
        `${SERVICE}/ReadRows`,
        (value: { readStream: string; offset: number }) => Buffer.from(messages.ReadRowsRequest.encode(value).finish()),
        (bytes: Buffer): RowsMessage => messages.ReadRowsResponse.decode(bytes),
        { readStream, offset },
        metadata,
      );
      const cancel = () => call.cancel();
      signal.addEventListener('abort', cancel);
      try {
        if (signal.aborted) cancel();
        yield* call;
      } catch (thrown) {
        noteRefusal(thrown, metadata);
        throw thrown;
      } finally {
        signal.removeEventListener('abort', cancel);
        call.cancel();
      }
    },

    [Symbol.dispose]() {
      client.close();
    },
  };
}

/** The service makes a session of a large table in seconds; Google's own clients wait as long. */
const SESSION_DEADLINE_MS = 600_000;
