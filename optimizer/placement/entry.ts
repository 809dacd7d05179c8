/** Partial plans of the search, and which of them can be forgotten without loss. */
import { type Cost, leading, type Objective } from '../cost/objective.ts';
import type { ShipCost } from './problem.ts';
import type { RelationSet } from './sets.ts';

type Step =
  | { readonly kind: 'read'; readonly relation: number }
  | { readonly kind: 'join'; readonly left: Entry; readonly right: Entry }
  /** `by` is present for a semi-join: its keys go to `input`'s site first. */
  | { readonly kind: 'ship'; readonly input: Entry; readonly by?: Entry };

/**
 * A plan for `set` whose rows are at `site`. Its time is `max(path, busiest border) + work`: it starts when all its
 * inputs have arrived; what crosses one silo's border shares that border's capacity.
 */
export interface Entry {
  readonly set: RelationSet;
  readonly site: number;
  readonly step: Step;
  /** Seconds until the last input has arrived at the site. */
  readonly path: number;
  /** Seconds of sending per border so far. */
  readonly busy: readonly number[];
  /** The later of `path` and the busiest border: when the work at the site can start. */
  readonly ready: number;
  /** Seconds of work at the site itself since then. */
  readonly work: number;
  readonly bytes: number;
  readonly money: number;
}

function readyAt(path: number, busy: readonly number[]): number {
  let ready = path;
  for (const seconds of busy) if (seconds > ready) ready = seconds;
  return ready;
}

export const costOf = (entry: Entry): Cost => ({
  seconds: entry.ready + entry.work,
  bytes: entry.bytes,
  money: entry.money,
});

export function readEntry(relation: number, set: RelationSet, site: number, sites: number, cost: Cost): Entry {
  const busy = Array.from({ length: sites }, () => 0);
  return {
    set,
    site,
    step: { kind: 'read', relation },
    path: 0,
    busy,
    ready: 0,
    work: cost.seconds,
    bytes: cost.bytes,
    money: cost.money,
  };
}

export function joinEntry(left: Entry, right: Entry, cost: Cost): Entry {
  const path = Math.max(left.path, right.path);
  const busy = new Array<number>(left.busy.length);
  for (let i = 0; i < busy.length; i++) busy[i] = left.busy[i]! + right.busy[i]!;
  return {
    set: left.set | right.set,
    site: left.site,
    step: { kind: 'join', left, right },
    path,
    busy,
    ready: readyAt(path, busy),
    work: left.work + right.work + cost.seconds,
    bytes: left.bytes + right.bytes + cost.bytes,
    money: left.money + right.money + cost.money,
  };
}

/** `input` at another site. With `by`, it starts only when the keys are known. */
export function shipEntry(input: Entry, to: number, cost: ShipCost, by?: Entry): Entry {
  const start = by === undefined ? 0 : by.ready + by.work;
  const path = Math.max(input.ready, start) + input.work + cost.seconds;
  const busy = input.busy.slice();
  busy[input.site] = busy[input.site]! + input.work + cost.seconds - (cost.latency ?? 0);
  return {
    set: input.set,
    site: to,
    step: { kind: 'ship', input, ...(by === undefined ? {} : { by }) },
    path,
    busy,
    ready: readyAt(path, busy),
    work: 0,
    bytes: input.bytes + cost.bytes,
    money: input.money + cost.money,
  };
}

/** Plans of one set at one site, none of which is certainly useless. */
export type Frontier = readonly Entry[];

const CAPACITY = 6;

/**
 * Adds a plan unless another one is at least as good in all that may matter later: for `time` the arrival of the inputs
 * and the work since then (a later input may hide the one but not the other), for sums like bytes and money the sum.
 */
export function keep(frontier: Frontier, entry: Entry, objective: Objective, capacity = CAPACITY): Frontier {
  for (const known of frontier) if (dominates(known, entry, objective)) return frontier;
  const kept = frontier.filter((known) => !dominates(entry, known, objective));
  kept.push(entry);
  if (kept.length <= capacity) return kept;
  kept.sort((a, b) => rank(a, objective) - rank(b, objective));
  return kept.slice(0, capacity);
}

const rank = (entry: Entry, objective: Objective): number => leading(costOf(entry), objective);

const SLACK = 1 + 1e-9;

function dominates(a: Entry, b: Entry, objective: Objective): boolean {
  if (objective === 'time') {
    if (a.ready > b.ready * SLACK || a.work > b.work * SLACK) return false;
    const equal = b.ready <= a.ready * SLACK && b.work <= a.work * SLACK;
    return !equal || a.bytes <= b.bytes;
  }
  const first = objective === 'egress' ? a.bytes : a.money;
  const second = objective === 'egress' ? b.bytes : b.money;
  if (Math.abs(first - second) > 1e-9 * Math.max(first, second)) return first < second;
  return a.ready + a.work <= b.ready + b.work;
}
