/** Asks silos for their updates and takes them as they come: one request per silo at a time, whatever the round. */
import { CausewayError, messageOf } from '../../../src/plan/errors.ts';
import type { LocalResult, RoundParticipant, RoundTask } from './participant.ts';

export interface Arrival {
  readonly silo: string;
  /** The task the silo was asked for: it may be of an earlier round. */
  readonly task: RoundTask;
  readonly outcome: { readonly result: LocalResult } | { readonly error: string };
}

/** With the detail: of a loss that diverged it names the column and its range. */
const reasonOf = (thrown: unknown): string => {
  const detail = thrown instanceof CausewayError ? thrown.detail : undefined;
  return detail === undefined ? messageOf(thrown) : `${messageOf(thrown)}. ${detail}`;
};

interface Request {
  readonly arrival: Promise<void>;
  readonly abort: AbortController;
}

export class Collector {
  /** Silos that were asked and whose answer has not been taken. */
  readonly #inFlight = new Map<string, Request>();
  readonly #arrived: Arrival[] = [];
  readonly #signal: AbortSignal;
  #wake = (): void => {};

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** Silos that are at work. */
  get size(): number {
    return this.#inFlight.size;
  }

  /** Asks a silo, unless it is still busy with what it was asked before. */
  ask(participant: RoundParticipant, task: RoundTask): void {
    const { silo } = participant;
    if (this.#inFlight.has(silo)) return;
    const abort = new AbortController();
    const take = (outcome: Arrival['outcome']): void => {
      this.#arrived.push({ silo, task, outcome });
      this.#wake();
    };
    const arrival = participant.train(task, AbortSignal.any([this.#signal, abort.signal])).then(
      (result) => take({ result }),
      (thrown) => take({ error: reasonOf(thrown) }),
    );
    this.#inFlight.set(silo, { arrival, abort });
  }

  /** The next answer, or undefined when `timeout` settles first; for one caller at a time. */
  async next(timeout?: Promise<void>): Promise<Arrival | undefined> {
    if (this.#arrived.length === 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      void timeout?.then(resolve);
      await promise;
    }
    const arrival = this.#arrived.shift();
    if (arrival !== undefined) this.#inFlight.delete(arrival.silo);
    return arrival;
  }

  /** Tells silos that are still at work to stop; returns their names. */
  async stop(): Promise<string[]> {
    const busy = [...this.#inFlight];
    for (const [, { abort }] of busy) abort.abort();
    await Promise.all(busy.map(([, { arrival }]) => arrival));
    this.#inFlight.clear();
    this.#arrived.length = 0;
    return busy.map(([silo]) => silo);
  }
}
