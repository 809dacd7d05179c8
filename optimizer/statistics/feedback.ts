/** What executed fragments taught: the true row counts of sub-plans, by signature. */

export interface Observation {
  readonly rows: number;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** Observations older than this count for nothing: the data have moved on. */
const FORGET_AFTER_MS = 24 * 3600 * 1000;

/** The last true row counts, the least recently used forgotten first. */
export class Feedback {
  readonly #observations = new Map<string, Observation>();
  readonly #capacity: number;
  readonly #now: () => number;

  constructor(capacity = 10_000, now: () => number = Date.now) {
    this.#capacity = capacity;
    this.#now = now;
  }

  /** Notes that the sub-plan put out `rows` rows. Only complete results may be noted: a LIMIT above cuts them short. */
  observe(signature: string, rows: number): void {
    if (!Number.isFinite(rows) || rows < 0) return;
    this.#observations.delete(signature);
    this.#observations.set(signature, { rows, at: this.#now() });
    if (this.#observations.size > this.#capacity) {
      const oldest = this.#observations.keys().next();
      if (!oldest.done) this.#observations.delete(oldest.value);
    }
  }

  /** The true rows of the sub-plan, where they were seen within a day. */
  rowsOf(signature: string): number | undefined {
    const seen = this.#observations.get(signature);
    if (seen === undefined) return undefined;
    if (this.#now() - seen.at <= FORGET_AFTER_MS) return seen.rows;
    this.#observations.delete(signature);
    return undefined;
  }

  get size(): number {
    return this.#observations.size;
  }
}

/** max(estimate/actual, actual/estimate), both at least one row (Moerkotte et al., VLDB 2009). */
export function qError(estimated: number, actual: number): number {
  const a = Math.max(1, estimated);
  const b = Math.max(1, actual);
  return Math.max(a / b, b / a);
}
