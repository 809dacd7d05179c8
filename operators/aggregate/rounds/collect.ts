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
  readonly arrival: Promise<Arrival>;
  readonly abort: AbortController;
}

export class Collector {
  readonly #inFlight = new Map<string, Request>();
  readonly #signal: AbortSignal;

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
    const arrival = participant.train(task, AbortSignal.any([this.#signal, abort.signal])).then(
      (result): Arrival => ({ silo, task, outcome: { result } }),
      (thrown): Arrival => ({ silo, task, outcome: { error: reasonOf(thrown) } }),
    );
    this.#inFlight.set(silo, { arrival, abort });
  }

  /** The next answer, or undefined when `timeout` settles first. */
  async next(timeout: Promise<undefined>): Promise<Arrival | undefined> {
    const arrival = await Promise.race([timeout, ...[...this.#inFlight.values()].map((request) => request.arrival)]);
    if (arrival !== undefined) this.#inFlight.delete(arrival.silo);
    return arrival;
  }

  /** Tells silos that are still at work to stop; returns their names. */
  async stop(): Promise<string[]> {
    const busy = [...this.#inFlight];
    for (const [, { abort }] of busy) abort.abort();
    await Promise.all(busy.map(([, { arrival }]) => arrival));
    this.#inFlight.clear();
    return busy.map(([silo]) => silo);
  }
}
