/** Seeded join problems with known true cardinalities, for tests and the benchmark. */
import type { Objective } from '../cost/objective.ts';
import { defaultProfile, MEDIATOR, type SiteProfile } from '../cost/site.ts';
import { addWork, crossWork, joinWork, secondsFor, shipWork, work } from '../cost/work.ts';
import { adjacencyOf } from './pairs.ts';
import type { JoinProblem } from './problem.ts';
import { firstOf, members, type RelationSet, single } from './sets.ts';

export const SHAPES = ['chain', 'star', 'snowflake', 'cycle', 'clique'] as const;

export type Shape = (typeof SHAPES)[number];

/** A linear congruential generator: the same numbers everywhere. */
function seeded(seed: number): () => number {
  let state = (seed * 2654435761 + 12345) % 2147483648;
  return () => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return state / 2147483648;
  };
}

function edgesOf(shape: Shape, relations: number): [number, number][] {
  const chain = Array.from({ length: relations - 1 }, (_, i): [number, number] => [i, i + 1]);
  switch (shape) {
    case 'chain':
      return chain;
    case 'cycle':
      return relations > 2 ? [...chain, [relations - 1, 0]] : chain;
    case 'star':
      return chain.map(([, to]) => [0, to]);
    case 'snowflake':
      // Dimensions around the fact table, each with its own further dimension.
      return chain.map(([, to]) => [to % 2 === 1 ? 0 : to - 1, to]);
    case 'clique':
      return chain.flatMap((_, i) =>
        Array.from({ length: relations - 1 - i }, (_, j): [number, number] => [i, i + 1 + j]),
      );
  }
}

/**
 * `relations` relations of 10 to 10⁶ rows in `silos` silos behind links of different speeds, and the mediator as the last
 * site. Selectivities make foreign keys of most edges.
 */
export function randomProblem(
  shape: Shape,
  relations: number,
  silos: number,
  seed: number,
  objective: Objective = 'time',
): JoinProblem {
  const next = seeded(seed + 1);
  const rows = Array.from({ length: relations }, () => Math.round(10 ** (1 + 5 * next())));
  const widths = rows.map(() => 8 + Math.round(80 * next()));
  const homes = rows.map(() => Math.floor(next() * silos));
  const edges = edgesOf(shape, relations);
  const selectivity = edges.map(([a, b]) => (next() < 0.8 ? 1 : 10 * next()) / Math.max(rows[a]!, rows[b]!));
  const kinds = ['postgres', 'duckdb', 'mysql'];
  const profiles = Array.from({ length: silos + 1 }, (_, site): SiteProfile => {
    if (site === silos) return defaultProfile(MEDIATOR);
    const base = defaultProfile(kinds[Math.floor(next() * kinds.length)]!);
    return {
      ...base,
      seconds: { ...base.seconds, bytes: 10 ** (-8 + 2 * next()), startup: 0.001 + 0.05 * next() },
      moneyPerByte: 10 ** (-11 + 2 * next()),
    };
  });
  const adjacency = adjacencyOf(relations, edges);
  const known = new Map<RelationSet, number>();
  const rowsOf = (set: RelationSet): number => {
    const found = known.get(set);
    if (found !== undefined) return found;
    let count = 1;
    for (const relation of members(set)) count *= rows[relation]!;
    for (const [i, [a, b]] of edges.entries()) {
      if ((set & single(a)) !== 0 && (set & single(b)) !== 0) count *= selectivity[i]!;
    }
    const answer = Math.max(count, 1e-3);
    known.set(set, answer);
    return answer;
  };
  const widthOf = (set: RelationSet): number => {
    let width = 0;
    for (const relation of members(set)) width += widths[relation]!;
    return width;
  };
  const costOf = (site: number, seconds: number, bytes = 0) => ({
    seconds,
    bytes,
    money: bytes * profiles[site]!.moneyPerByte + seconds * profiles[site]!.moneyPerSecond,
  });
  const linked = (left: RelationSet, right: RelationSet): boolean => {
    for (let rest = left; rest !== 0; rest &= rest - 1) if ((adjacency[firstOf(rest)]! & right) !== 0) return true;
    return false;
  };
  return {
    sites: silos + 1,
    objective,
    edges,
    relations: homes.map((home, relation) => [
      { site: home, cost: costOf(home, secondsFor(work({ scanned: rows[relation]! }), profiles[home]!.seconds)) },
    ]),
    rows: rowsOf,
    join: (left, right, site) => {
      const shape = linked(left, right) ? joinWork : crossWork;
      return costOf(
        site,
        secondsFor(shape(rowsOf(left), rowsOf(right), rowsOf(left | right)), profiles[site]!.seconds),
      );
    },
    ship: (set, from, to) => {
      if (to !== silos) return undefined;
      const amount = shipWork(rowsOf(set), widthOf(set));
      return costOf(from, secondsFor(amount, profiles[from]!.seconds), amount.bytes);
    },
    shipReduced: (set, from, to, by) => {
      if (to !== silos || !linked(set, by)) return undefined;
      const keys = Math.min(rowsOf(by), 1e5);
      if (keys > 5000) return undefined;
      const kept = Math.min(rowsOf(set), rowsOf(set | by));
      const amount = addWork(shipWork(kept, widthOf(set)), work({ built: keys, probed: rowsOf(set), bytes: keys * 8 }));
      return costOf(from, secondsFor(amount, profiles[from]!.seconds), amount.bytes);
    },
  };
}
