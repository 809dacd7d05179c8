/** Fair admission: at most so many statements work at the mediator at once, in the order in which they came. */
import { throwIfAborted } from '../../plan/errors.ts';

export class Admission {
  readonly #limit: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /** @param limit statements at work at once, at least 1 */
  constructor(limit: number) {
    this.#limit = Math.max(1, limit);
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * Waits for a turn; call the answer once to give it back (calling it again does nothing).
   * @throws CausewayError when the signal is aborted while waiting
   */
  async enter(signal: AbortSignal): Promise<() => void> {
    throwIfAborted(signal);
    if (this.#running < this.#limit) this.#running++;
    else await this.#turn(signal);
    let left = false;
    return () => {
      if (left) return;
      left = true;
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    };
  }

  /** The turn is handed over by the one who leaves, so nobody can slip in between. */
  #turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(start), 1);
        try {
          throwIfAborted(signal);
        } catch (thrown) {
          reject(thrown);
        }
      };
      const start = (): void => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(start);
    });
  }
}
