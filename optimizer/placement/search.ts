/**
 * Join order and sites in one search: exact where that is affordable, otherwise linearised and then improved piece by
 * piece.
 */
import { compareCosts } from '../cost/objective.ts';
import { costOf, type Entry, type Frontier } from './entry.ts';
import { linearOrders, solveInterval } from './linear.ts';
import { type Adjacency, adjacencyOf, components, forEachPair } from './pairs.ts';
import type { JoinProblem } from './problem.ts';
import { firstOf, type RelationSet, single, sizeOf } from './sets.ts';
import { PlanTable } from './table.ts';

export interface SearchOptions {
  /** Joins an exact search may consider; a clique of ten relations has 28,501. */
  readonly pairBudget?: number;
  /** Linear orders that are tried beyond it. */
  readonly orders?: number;
  /** Relations per piece that is searched exactly when a plan is improved; fewer when there are many pieces. */
  readonly window?: number;
}

export interface SearchResult {
  /** The best plans of all relations, by site. */
  readonly plans: readonly Frontier[];
  readonly exact: boolean;
  /** Joins that were considered. */
  readonly considered: number;
}

const DEFAULTS = { pairBudget: 30_000, orders: 8 } as const;

/** Finds the cheapest plans of joining all relations of `problem`, at every site where they can be had. */
export function search(problem: JoinProblem, options: SearchOptions = {}): SearchResult {
  const relations = problem.relations.length;
  const { pairBudget, orders, window } = { ...DEFAULTS, window: relations > 12 ? 7 : 8, ...options };
  const table = new PlanTable(problem);
  const adjacency = connected(problem);
  const all = relations === 0 ? 0 : 2 ** relations - 1;
  const exact = forEachPair(adjacency, () => {}, pairBudget);
  if (exact) forEachPair(adjacency, (left, right) => table.join(left, right));
  else {
    const units = problem.relations.map((_, i) => single(i));
    for (const order of linearOrders(problem, units, adjacency).slice(0, orders)) {
      solveInterval(table, units, adjacency, order);
    }
    improve(problem, table, adjacency, all, window);
  }
  return { plans: table.at(all), exact, considered: table.considered };
}

/** The join graph with cross products between what no condition links, smallest relations first. */
function connected(problem: JoinProblem): Adjacency {
  const adjacency = adjacencyOf(problem.relations.length, problem.edges);
  const parts = components(adjacency);
  if (parts.length < 2) return adjacency;
  const smallest = (set: RelationSet): number => {
    let best = firstOf(set);
    for (let rest = set; rest !== 0; rest &= rest - 1) {
      if (problem.rows(single(firstOf(rest))) < problem.rows(single(best))) best = firstOf(rest);
    }
    return best;
  };
  // Every pair of parts is linked, for the best order of cross products is not known beforehand.
  const links: [number, number][] = [];
  const ends = parts.map(smallest);
  for (const [i, a] of ends.entries()) for (const b of ends.slice(i + 1)) links.push([a, b]);
  return adjacencyOf(problem.relations.length, [...problem.edges, ...links]);
}

/**
 * Searches pieces of the best plan again, exactly: the subtrees below a join are taken as they are, and the way they are
 * joined is chosen anew, until no piece gets cheaper.
 */
function improve(problem: JoinProblem, table: PlanTable, adjacency: Adjacency, all: RelationSet, window: number): void {
  for (let round = 0; round < 4; round++) {
    const before = cheapest(table.at(all), problem);
    if (before === undefined) return;
    for (const piece of pieces(before, window)) {
      const unitAdjacency = contract(adjacency, piece);
      forEachPair(unitAdjacency, (left, right) => table.join(union(piece, left), union(piece, right)), 20_000);
    }
    // What changed below is taken over above.
    for (const [left, right] of joins(before)) table.join(left, right);
    const after = cheapest(table.at(all), problem)!;
    if (compareCosts(costOf(after), costOf(before), problem.objective) >= 0) return;
  }
}

function cheapest(plans: readonly Frontier[], problem: JoinProblem): Entry | undefined {
  let best: Entry | undefined;
  for (const entry of plans.flat()) {
    if (best === undefined || compareCosts(costOf(entry), costOf(best), problem.objective) < 0) best = entry;
  }
  return best;
}

/** The joins of a plan, inner ones first. */
function* joins(entry: Entry): Generator<readonly [RelationSet, RelationSet]> {
  const { step } = entry;
  if (step.kind === 'ship') yield* joins(step.input);
  if (step.kind !== 'join') return;
  yield* joins(step.left);
  yield* joins(step.right);
  yield [step.left.set, step.right.set];
}

/** For every join of the plan, inner ones first: the join's set cut into at most `window` subtrees, largest cut first. */
function* pieces(plan: Entry, window: number): Generator<readonly RelationSet[]> {
  const children = new Map<RelationSet, readonly [RelationSet, RelationSet]>();
  for (const [left, right] of joins(plan)) children.set(left | right, [left, right]);
  for (const top of children.keys()) {
    const cut: RelationSet[] = [top];
    while (cut.length < window) {
      cut.sort((a, b) => sizeOf(b) - sizeOf(a));
      const largest = cut[0]!;
      const parts = children.get(largest);
      if (parts === undefined) break;
      cut.splice(0, 1, ...parts);
    }
    if (cut.length > 2) yield cut;
  }
}

const union = (units: readonly RelationSet[], chosen: RelationSet): RelationSet =>
  units.reduce((set, unit, i) => ((chosen & single(i)) === 0 ? set : set | unit), 0);

/** The join graph between whole sets. */
function contract(adjacency: Adjacency, units: readonly RelationSet[]): Adjacency {
  const edges: [number, number][] = [];
  for (const [i, a] of units.entries()) {
    for (const [j, b] of units.entries()) {
      if (i < j && adjacency.some((near, relation) => (a & single(relation)) !== 0 && (near & b) !== 0)) {
        edges.push([i, j]);
      }
    }
  }
  return adjacencyOf(units.length, edges);
}
