/** A training session on a thread of its own, so that the process that owns it stays responsive. */
import { Worker } from 'node:worker_threads';
import { CausewayError, canceled, SQLSTATE } from '../../src/plan/errors.ts';
import type { BackendChoice } from './choose-backend.ts';
import type { Evaluation } from './evaluation.ts';
import type { ExplainRequest, Explanation } from './explain.ts';
import type { EntityForecast, ForecastRequest } from './forecast.ts';
import type { Aim, GroupsRequest, SessionSetup, TrainRequest, TrainResult } from './training-session.ts';
import type { Part } from './windows.ts';

export interface ThreadSetup {
  readonly session: SessionSetup;
  readonly backend: BackendChoice;
  readonly threads?: number;
}

type Question =
  | { readonly kind: 'train' | 'train-head'; readonly request: TrainRequest }
  | { readonly kind: 'evaluate'; readonly weights: Float32Array; readonly part: Part }
  | ({ readonly kind: 'evaluate-groups' } & GroupsRequest)
  | { readonly kind: 'predict'; readonly weights: Float32Array; readonly starts: Uint32Array }
  | ({ readonly kind: 'explain' } & ExplainRequest)
  | ({ readonly kind: 'forecast' } & ForecastRequest);

export type ThreadRequest = Question & { readonly id: number; readonly aim?: Aim };

export type ThreadReply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: ThreadError };

interface ThreadError {
  readonly sqlstate: string;
  readonly message: string;
  readonly detail: string | undefined;
  readonly hint: string | undefined;
}

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** The extension of this file tells whether the sources or the compiled package run. */
const WORKER = new URL(
  import.meta.url.endsWith('.ts') ? './training-worker.ts' : './training-worker.js',
  import.meta.url,
);

export class TrainingThread implements AsyncDisposable {
  readonly #worker: Worker;
  readonly #silo: string;
  readonly #control: Int32Array;
  readonly #pending = new Map<number, Pending>();
  /** Of everything that is asked from now on. */
  aim: Aim | undefined;
  #lastId = 0;
  #failure: unknown;

  constructor(setup: ThreadSetup) {
    this.#silo = setup.session.silo;
    this.#control = setup.session.control;
    this.#worker = new Worker(WORKER, { workerData: setup });
    this.#worker.on('message', (reply: ThreadReply) => this.#settle(reply));
    this.#worker.on('error', (error) => this.#fail(error));
    this.#worker.on('exit', (code) => this.#fail(new Error(`the training thread ended with code ${code}`)));
  }

  train(request: TrainRequest, signal: AbortSignal): Promise<TrainResult> {
    return this.#ask({ kind: 'train', request }, signal) as Promise<TrainResult>;
  }

  trainHead(request: TrainRequest, signal: AbortSignal): Promise<TrainResult> {
    return this.#ask({ kind: 'train-head', request }, signal) as Promise<TrainResult>;
  }

  evaluate(weights: Float32Array, part: Part, signal: AbortSignal): Promise<Evaluation> {
    return this.#ask({ kind: 'evaluate', weights, part }, signal) as Promise<Evaluation>;
  }

  evaluateGroups(request: GroupsRequest, signal: AbortSignal): Promise<readonly Evaluation[]> {
    return this.#ask({ kind: 'evaluate-groups', ...request }, signal) as Promise<readonly Evaluation[]>;
  }

  predict(weights: Float32Array, starts: Uint32Array, signal: AbortSignal): Promise<Float32Array> {
    return this.#ask({ kind: 'predict', weights, starts }, signal) as Promise<Float32Array>;
  }

  forecast(request: ForecastRequest, signal: AbortSignal): Promise<readonly EntityForecast[]> {
    return this.#ask({ kind: 'forecast', ...request }, signal) as Promise<readonly EntityForecast[]>;
  }

  explain(request: ExplainRequest, signal: AbortSignal): Promise<Explanation> {
    return this.#ask({ kind: 'explain', ...request }, signal) as Promise<Explanation>;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#fail(canceled());
    await this.#worker.terminate();
  }

  /** One request at a time: the stop flag is the thread's, not the request's. */
  async #ask(question: Question, signal: AbortSignal): Promise<unknown> {
    if (this.#failure) throw this.#failure;
    if (signal.aborted) throw canceled(signal.reason);
    if (this.#pending.size > 0) {
      throw new CausewayError(SQLSTATE.objectInUse, `silo ${this.#silo} is training already`);
    }
    Atomics.store(this.#control, 0, 0);
    const id = ++this.#lastId;
    const stop = () => Atomics.store(this.#control, 0, 1);
    signal.addEventListener('abort', stop, { once: true });
    try {
      return await new Promise((resolve, reject) => {
        this.#pending.set(id, { resolve, reject });
        this.#worker.postMessage({ ...question, ...(this.aim && { aim: this.aim }), id });
      });
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  #settle(reply: ThreadReply): void {
    const pending = this.#pending.get(reply.id);
    this.#pending.delete(reply.id);
    if ('value' in reply) {
      pending?.resolve(reply.value);
      return;
    }
    const { sqlstate, message, detail, hint } = reply.error;
    pending?.reject(
      new CausewayError(sqlstate, message, {
        silo: this.#silo,
        ...(detail === undefined ? {} : { detail }),
        ...(hint === undefined ? {} : { hint }),
      }),
    );
  }

  #fail(cause: unknown): void {
    this.#failure ??=
      cause instanceof CausewayError
        ? cause
        : new CausewayError(SQLSTATE.internalError, 'the training thread failed', { silo: this.#silo, cause });
    for (const { reject } of this.#pending.values()) reject(this.#failure);
    this.#pending.clear();
  }
}
