/** A few places for work that is better done by few at a time; whoever has waited long enough goes ahead without one. */
export class Turns {
  readonly #patienceMs: number;
  readonly #waiting: (() => void)[] = [];
  #free: number;

  /** `patienceMs`: one who holds a place and does not move must not hold up all others. */
  constructor(places: number, patienceMs: number) {
    this.#free = places;
    this.#patienceMs = patienceMs;
  }

  /** Resolves at this caller's turn; dispose what it gives when done. */
  async take(): Promise<Disposable> {
    if (this.#free > 0) {
      this.#free--;
      return { [Symbol.dispose]: () => this.#release() };
    }
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const mine = (): void => resolve(true);
    this.#waiting.push(mine);
    const timer = setTimeout(() => {
      this.#waiting.splice(this.#waiting.indexOf(mine), 1);
      resolve(false);
    }, this.#patienceMs);
    const granted = await promise;
    clearTimeout(timer);
    if (granted) return { [Symbol.dispose]: () => this.#release() };
    return { [Symbol.dispose]: () => {} };
  }

  #release(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next();
  }
}
