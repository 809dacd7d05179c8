/** The memory of the search: the best plans of every set at every site. */
import { type Entry, type Frontier, joinEntry, keep, readEntry, shipEntry } from './entry.ts';
import type { JoinProblem } from './problem.ts';
import { type RelationSet, single } from './sets.ts';

/** Plans of one set: those that were made at a site, and those and the shipped ones together. */
export interface Plans {
  readonly native: Frontier[];
  /** Undefined until somebody asks: shipping is considered once all native plans are known. */
  reached?: Frontier[];
}

export class PlanTable {
  readonly #plans = new Map<RelationSet, Plans>();
  readonly #problem: JoinProblem;
  readonly #capacity: number | undefined;
  /** Joins whose cost was computed, for EXPLAIN. */
  considered = 0;

  /** @param capacity plans kept per set and site; by default a few */
  constructor(problem: JoinProblem, capacity?: number) {
    this.#problem = problem;
    this.#capacity = capacity;
    problem.relations.forEach((accesses, relation) => {
      for (const { site, cost } of accesses) {
        this.#add(readEntry(relation, single(relation), site, problem.sites, cost));
      }
    });
  }

  has(set: RelationSet): boolean {
    return this.#plans.has(set);
  }

  /** The plans of a set by site, shipped ones included. */
  at(set: RelationSet): readonly Frontier[] {
    const plans = this.#plans.get(set);
    if (plans === undefined) return [];
    plans.reached ??= this.#reach(set, plans.native);
    return plans.reached;
  }

  /** Considers joining two sets at every site where both are or can be brought. */
  join(left: RelationSet, right: RelationSet): void {
    const problem = this.#problem;
    const lefts = this.at(left);
    const rights = this.at(right);
    for (let site = 0; site < problem.sites; site++) {
      const atLeft = lefts[site] ?? [];
      const atRight = rights[site] ?? [];
      const cost = atLeft.length + atRight.length === 0 ? undefined : problem.join(left, right, site);
      if (cost === undefined) continue;
      for (const a of atLeft) {
        for (const b of atRight) this.#add(joinEntry(a, b, cost));
        this.#joinReduced(a, right, site, cost);
      }
      for (const b of atRight) this.#joinReduced(b, left, site, cost);
    }
    this.considered++;
  }

  /** Keys of `by` go to the site where `set` is; only matching rows come back to `site`. */
  #joinReduced(by: Entry, set: RelationSet, site: number, join: Parameters<typeof joinEntry>[2]): void {
    if (this.#problem.shipReduced === undefined) return;
    const native = this.#plans.get(set)?.native ?? [];
    for (let from = 0; from < native.length; from++) {
      if (from === site) continue;
      const plans = native[from];
      if (plans === undefined || plans.length === 0) continue;
      const cost = this.#problem.shipReduced(set, from, site, by.set);
      if (cost === undefined) continue;
      for (const entry of plans) this.#add(joinEntry(by, shipEntry(entry, site, cost, by), join));
    }
  }

  #reach(set: RelationSet, native: readonly Frontier[]): Frontier[] {
    const { sites, objective } = this.#problem;
    const reached: Frontier[] = Array.from({ length: sites }, (_, site) => native[site] ?? []);
    for (let from = 0; from < sites; from++) {
      const plans = native[from];
      if (plans === undefined || plans.length === 0) continue;
      for (let to = 0; to < sites; to++) {
        if (from === to) continue;
        const cost = this.#problem.ship(set, from, to);
        if (cost === undefined) continue;
        for (const entry of plans) {
          reached[to] = keep(reached[to]!, shipEntry(entry, to, cost), objective, this.#capacity);
        }
      }
    }
    return reached;
  }

  #add(entry: Entry): void {
    let plans = this.#plans.get(entry.set);
    if (plans === undefined) {
      plans = { native: [] };
      this.#plans.set(entry.set, plans);
    }
    delete plans.reached;
    plans.native[entry.site] = keep(plans.native[entry.site] ?? [], entry, this.#problem.objective, this.#capacity);
  }
}
