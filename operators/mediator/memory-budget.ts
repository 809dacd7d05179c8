/**
 * DuckDB has one memory limit for all queries of a process. It is kept at the sum of what the statements at work may take,
 * and never above what the process may take: a statement alone has exactly its own limit.
 */
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  k: 1000,
  m: 1000 ** 2,
  g: 1000 ** 3,
  t: 1000 ** 4,
  ki: 1024,
  mi: 1024 ** 2,
  gi: 1024 ** 3,
  ti: 1024 ** 4,
};

/** Bytes of `500MB`, `1.5 GiB` … @throws CausewayError 22023 for anything else. */
export function memoryBytes(text: string): number {
  const [, amount, unit] = /^\s*(\d+(?:\.\d+)?)\s*([kmgt]?i?)(?:b|bytes)?\s*$/i.exec(text) ?? [];
  const factor = unit === undefined ? undefined : UNITS[unit.toLowerCase()];
  if (amount === undefined || factor === undefined) {
    throw new CausewayError(SQLSTATE.invalidParameterValue, `"${text}" is not an amount of memory`, {
      hint: "Write a number and a unit: '500MB', '4GB'.",
    });
  }
  return Math.floor(Number(amount) * factor);
}

export class MemoryBudget {
  readonly #process: number;
  readonly #statements = new Map<symbol, number>();

  /** @param process bytes that all statements together may take */
  constructor(process: number) {
    this.#process = process;
  }

  /** The limit in force, in bytes: that of the process when no statement has one of its own. */
  get limit(): number {
    let sum = 0;
    for (const bytes of this.#statements.values()) sum += bytes;
    return this.#statements.size === 0 ? this.#process : Math.min(this.#process, sum);
  }

  /** Counts a statement in; call the answer when it is over. */
  enter(bytes: number): () => void {
    const key = Symbol('statement');
    this.#statements.set(key, bytes);
    return () => void this.#statements.delete(key);
  }
}
