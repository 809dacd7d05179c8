/**
 * Statements that came before, bound and planned: prepared ones are executed many times, and tools send the same text
 * again and again.
 *
 * A statement is kept from its second run on: the first one has taught the true row counts, and most texts come only once.
 * Everything is forgotten when the catalog changes (silos, views, policies, roles; by another process, too), when a silo's
 * tables or statistics are read anew, and after a minute at the latest, as long as the lists of tables may be old.
 */
import type { OptimizerContext } from '../../../optimizer/context.ts';
import type { BoundSelect } from '../../sql/select/bind.ts';
import type { OpenPlan } from './open-plan.ts';
import type { Planned } from './planner.ts';
import { Recent } from './recent.ts';

const MOST_STATEMENTS = 1000;
/** Longer texts are generated ones, which seldom come twice. */
const LONGEST_TEXT = 20_000;
const LIFETIME_MS = 60_000;

/** How a statement runs whatever its parameters are. */
export interface ReadyPlan {
  readonly planned: Planned;
  readonly facts: OptimizerContext;
}

export interface KeptStatement {
  readonly bound: BoundSelect;
  /** The plan, as it runs or as one silo is told it; at most one of the two. With neither, each execution is planned for itself. */
  readonly ready?: ReadyPlan;
  readonly open?: OpenPlan;
}

export class PlanCache {
  readonly #kept = new Recent<KeptStatement & { readonly until: number }>(MOST_STATEMENTS);
  readonly #seen = new Recent<true>(MOST_STATEMENTS);
  readonly #state: () => string;
  readonly #now: () => number;
  #validFor = '';

  /** @param state another text whenever what plans are made from has changed */
  constructor(state: () => string, now: () => number = Date.now) {
    this.#state = state;
    this.#now = now;
  }

  /** Stands for what plans are made from now. */
  get state(): string {
    return this.#state();
  }

  /** @param state what {@link state} is now */
  get(key: string, state: string): KeptStatement | undefined {
    if (state !== this.#validFor) {
      this.#kept.clear();
      this.#validFor = state;
      return undefined;
    }
    const kept = this.#kept.get(key);
    if (kept === undefined || kept.until > this.#now()) return kept;
    this.#kept.delete(key);
    return undefined;
  }

  /** Whether a statement that has just been planned is to be kept. */
  wants(key: string): boolean {
    if (key.length > LONGEST_TEXT) return false;
    if (this.#seen.get(key) === true) return true;
    this.#seen.set(key, true);
    return false;
  }

  /** @param madeFrom the {@link state} before the statement was bound */
  keep(key: string, statement: KeptStatement, madeFrom: string): void {
    if (madeFrom !== this.state) return;
    this.#kept.set(key, { ...statement, until: this.#now() + LIFETIME_MS });
  }

  /** It is planned anew at its next run. */
  drop(key: string): void {
    this.#kept.delete(key);
  }

  get size(): number {
    return this.#kept.size;
  }
}
