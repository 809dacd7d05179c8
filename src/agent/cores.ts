/** The processor cores that an agent's owner gives to training: whoever needs one waits until one is free. */
import { canceled } from '../plan/errors.ts';

export class Cores {
  /** Threads that one job may train with. */
  readonly threads: number | undefined;
  readonly #waiting: (() => void)[] = [];
  #free: number;

  /** @param count absent: no quota; jobs train side by side, large models with two threads each */
  constructor(count: number | undefined) {
    // One job's threads must fit; two jobs with a thread each get as much done as one with two.
    this.threads = count === undefined ? undefined : 1;
    this.#free = count ?? Number.POSITIVE_INFINITY;
  }

  /** Does the work on a core. @throws CausewayError 57014 when `signal` is aborted while it waits */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.#take(signal);
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }

  async #take(signal: AbortSignal): Promise<void> {
    if (this.#free > 0) {
      this.#free--;
      return;
    }
    const { promise, reject, resolve } = Promise.withResolvers<void>();
    const leave = (): void => {
      const at = this.#waiting.indexOf(resolve);
      // It has just been given a core: nobody else must lose the place.
      if (at === -1) return;
      this.#waiting.splice(at, 1);
      reject(canceled(signal.reason));
    };
    this.#waiting.push(resolve);
    signal.addEventListener('abort', leave, { once: true });
    await promise.finally(() => signal.removeEventListener('abort', leave));
  }
}
