/** The processor cores that an agent's owner gives to training: whoever needs one waits until one is free. */
import { Admission } from '../engine/execution/admission.ts';

export class Cores {
  /** Threads that one job may train with. */
  readonly threads: number | undefined;
  readonly #admission: Admission;

  /** @param count absent: no quota; jobs train side by side, large models with two threads each */
  constructor(count: number | undefined) {
    // One job's threads must fit; two jobs with a thread each get as much done as one with two.
    this.threads = count === undefined ? undefined : 1;
    this.#admission = new Admission(count ?? Number.POSITIVE_INFINITY);
  }

  /** Does the work on a core. @throws CausewayError 57014 when `signal` is aborted while it waits */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const leave = await this.#admission.enter(signal);
    try {
      return await work();
    } finally {
      leave();
    }
  }
}
