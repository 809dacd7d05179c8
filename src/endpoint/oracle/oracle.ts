/**
 * The catalog oracle: a PostgreSQL (PGlite) in a thread of its own that knows the federated schema but holds no rows.
 *
 * One exchange runs at a time. One that takes too long, or is cancelled, ends with its thread: PGlite cannot be
 * interrupted. A new thread starts from a dump and replays the schema, so that every object keeps its number.
 */
import { Worker } from 'node:worker_threads';
import { CausewayError, canceled, messageOf, SQLSTATE } from '../../plan/errors.ts';
import { type BackendMessage, splitMessages } from './messages.ts';
import type { OracleAnswer, OracleRequest, OracleStart, SessionContext } from './thread.ts';

export interface OracleOptions {
  /** Milliseconds an exchange may take. */
  readonly exchangeTimeout?: number;
}

export interface ExchangeOptions {
  readonly signal?: AbortSignal;
  /** Milliseconds, when the session's own limit is tighter. */
  readonly timeout?: number;
}

type RequestBody = OracleRequest extends infer R ? (R extends OracleRequest ? Omit<R, 'id'> : never) : never;

// Compiled, the thread's file stands beside this one under another ending.
const WORKER = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);

export class Oracle implements AsyncDisposable {
  readonly #exchangeTimeout: number;
  readonly #schema: string[] = [];
  #dump: Uint8Array<ArrayBuffer> | undefined;
  #worker: Worker | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #lastId = 0;
  #closed = false;
  /** How many threads have been started, the first included. */
  starts = 0;

  private constructor(options: OracleOptions) {
    this.#exchangeTimeout = options.exchangeTimeout ?? 5000;
  }

  /** Makes the database and starts the thread on it: two to eight seconds. */
  static async start(options: OracleOptions = {}): Promise<Oracle> {
    const oracle = new Oracle(options);
    await oracle.#spawn();
    const { bytes } = await oracle.#take({ kind: 'dump' }, undefined);
    // PostgreSQL counts objects on from another number after a dump: the first thread must start from it, too.
    await oracle.#worker?.terminate();
    if (bytes !== undefined) oracle.#dump = bytes;
    await oracle.#spawn();
    return oracle;
  }

  /** Changes the mirrored schema for good. */
  async schema(text: string): Promise<void> {
    await this.#queue(async () => {
      await this.#take({ kind: 'schema', text }, undefined);
      this.#schema.push(text);
    });
  }

  /**
   * Sends messages of the wire protocol, which must end in a Sync or be a simple query, as a session.
   * @returns the answer's messages
   * @throws CausewayError 57014 when it was cancelled or took too long
   */
  exchange(session: SessionContext, bytes: Uint8Array, options: ExchangeOptions = {}): Promise<BackendMessage[]> {
    return this.#queue(async () => {
      const answer = await this.#take({ kind: 'exchange', session, bytes }, options);
      return splitMessages(Buffer.from(answer.bytes ?? new Uint8Array()));
    });
  }

  #queue<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(run);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  /** @param limits undefined: may take any time */
  async #take(request: RequestBody, limits: ExchangeOptions | undefined): Promise<OracleAnswer> {
    if (limits?.signal?.aborted) throw canceled(limits.signal.reason);
    if (this.#closed) throw new CausewayError(SQLSTATE.objectNotInPrerequisiteState, 'the catalog oracle is closed');
    if (this.#worker === undefined) await this.#spawn();
    const worker = this.#worker!;
    const id = ++this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<OracleAnswer>();
    const onMessage = (answer: OracleAnswer) => {
      if (answer.id === id) resolve(answer);
    };
    const end = (reason: unknown) => {
      this.#worker = undefined;
      void worker.terminate();
      reject(reason);
    };
    const onAbort = () => end(canceled(limits?.signal?.reason));
    const timeout = Math.min(limits?.timeout ?? Number.POSITIVE_INFINITY, this.#exchangeTimeout);
    const timer =
      limits === undefined
        ? undefined
        : setTimeout(() => {
            const message = 'canceling statement due to statement timeout';
            end(
              new CausewayError(SQLSTATE.queryCanceled, message, { detail: `A catalog query may take ${timeout} ms.` }),
            );
          }, timeout);
    worker.on('message', onMessage);
    worker.on('error', end);
    limits?.signal?.addEventListener('abort', onAbort, { once: true });
    try {
      worker.postMessage({ ...request, id });
      const answer = await promise;
      if (answer.error !== undefined) throw new CausewayError(SQLSTATE.internalError, answer.error);
      return answer;
    } finally {
      clearTimeout(timer);
      worker.off('message', onMessage);
      worker.off('error', end);
      limits?.signal?.removeEventListener('abort', onAbort);
    }
  }

  async #spawn(): Promise<void> {
    const workerData: OracleStart = {
      schema: this.#schema,
      ...(this.#dump === undefined ? {} : { dump: this.#dump }),
    };
    const worker = new Worker(WORKER, { workerData });
    this.starts++;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    worker.once('message', () => resolve());
    worker.once('error', reject);
    try {
      await promise;
    } catch (cause) {
      throw new CausewayError(SQLSTATE.internalError, `the catalog oracle does not start: ${messageOf(cause)}`, {
        cause,
      });
    }
    worker.off('error', reject);
    // A thread that dies while idle is replaced at the next exchange.
    worker.on('error', () => {
      if (this.#worker === worker) this.#worker = undefined;
    });
    this.#worker = worker;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await this.#turn;
    await this.#worker?.terminate();
  }
}
