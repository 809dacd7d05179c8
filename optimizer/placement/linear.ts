/**
 * For many relations: good orders in a line, then dynamic programming over its intervals (linearised DP, Neumann and
 * Radke, SIGMOD 2018), which finds the best bushy plan whose leaves stand in that order.
 */
import { type Adjacency, neighbours } from './pairs.ts';
import type { JoinProblem } from './problem.ts';
import { firstOf, type RelationSet, single } from './sets.ts';
import type { PlanTable } from './table.ts';

/** A relation or a run of relations in IKKBZ: `factor` is how it multiplies rows, `cost` the sum of intermediate rows. */
interface Run {
  readonly units: readonly number[];
  readonly factor: number;
  readonly cost: number;
}

const rankOf = ({ factor, cost }: Run): number => (factor - 1) / Math.max(cost, 1e-300);

const chained = (a: Run, b: Run): Run => ({
  units: [...a.units, ...b.units],
  factor: a.factor * b.factor,
  cost: a.cost + a.factor * b.cost,
});

/**
 * Orders of `units`, the most promising first: for each root the optimal left-deep order by the sum of intermediate rows
 * over a spanning tree of the most selective edges (Ibaraki and Kameda, TODS 1984; Krishnamurthy et al., VLDB 1986).
 */
export function linearOrders(
  problem: JoinProblem,
  units: readonly RelationSet[],
  adjacency: Adjacency,
): readonly (readonly number[])[] {
  const rows = units.map((unit) => Math.max(1, problem.rows(unit)));
  const selectivity = (a: number, b: number): number =>
    Math.max(problem.rows(units[a]! | units[b]!), 1e-9) / (rows[a]! * rows[b]!);
  const tree = spanningTree(units.length, adjacency, selectivity);
  const orders = units.map((_, root) => {
    const order = orderFrom(root, tree, (unit, parent) => ({
      units: [unit],
      factor: rows[unit]! * selectivity(parent, unit),
      cost: rows[unit]! * selectivity(parent, unit),
    }));
    let set = 0;
    let cost = 0;
    for (const unit of order) {
      set |= units[unit]!;
      cost += problem.rows(set);
    }
    return { order, cost };
  });
  return orders.sort((a, b) => a.cost - b.cost).map(({ order }) => order);
}

/** Prim's algorithm, most selective edges first. */
function spanningTree(
  count: number,
  adjacency: Adjacency,
  selectivity: (a: number, b: number) => number,
): readonly (readonly number[])[] {
  const tree: number[][] = Array.from({ length: count }, () => []);
  let inside = single(0);
  for (let grown = 1; grown < count; grown++) {
    let best: { a: number; b: number; weight: number } | undefined;
    for (let rest = neighbours(adjacency, inside); rest !== 0; rest &= rest - 1) {
      const b = firstOf(rest);
      for (let near = adjacency[b]! & inside; near !== 0; near &= near - 1) {
        const a = firstOf(near);
        const weight = selectivity(a, b);
        if (best === undefined || weight < best.weight) best = { a, b, weight };
      }
    }
    if (best === undefined) break;
    tree[best.a]!.push(best.b);
    tree[best.b]!.push(best.a);
    inside |= single(best.b);
  }
  return tree;
}

function orderFrom(
  root: number,
  tree: readonly (readonly number[])[],
  runOf: (unit: number, parent: number) => Run,
): readonly number[] {
  /** The subtree below `unit` as runs of rising rank. */
  const chain = (unit: number, parent: number): Run[] => {
    const below = tree[unit]!.filter((child) => child !== parent).map((child) => {
      const rest = chain(child, unit);
      let head = runOf(child, unit);
      // A run may not come before its parent: where the ranks say otherwise the two become one.
      while (rest.length > 0 && rankOf(rest[0]!) < rankOf(head)) head = chained(head, rest.shift()!);
      return [head, ...rest];
    });
    return below.flat().sort((a, b) => rankOf(a) - rankOf(b));
  };
  return [root, ...chain(root, -1).flatMap((run) => run.units)];
}

/** Fills the table with the best plans of every connected interval of the order. */
export function solveInterval(
  table: PlanTable,
  units: readonly RelationSet[],
  adjacency: Adjacency,
  order: readonly number[],
): void {
  const count = order.length;
  const unitSets: RelationSet[][] = [];
  const relationSets: RelationSet[][] = [];
  for (let from = 0; from < count; from++) {
    const inUnits: RelationSet[] = [];
    const inRelations: RelationSet[] = [];
    let u = 0;
    let r = 0;
    for (let to = from; to < count; to++) {
      u |= single(order[to]!);
      r |= units[order[to]!]!;
      inUnits[to] = u;
      inRelations[to] = r;
    }
    unitSets.push(inUnits);
    relationSets.push(inRelations);
  }
  for (let length = 2; length <= count; length++) {
    for (let from = 0; from + length <= count; from++) {
      const to = from + length - 1;
      for (let cut = from; cut < to; cut++) {
        const left = relationSets[from]![cut]!;
        const right = relationSets[cut + 1]![to]!;
        if (!table.has(left) || !table.has(right)) continue;
        if ((neighbours(adjacency, unitSets[from]![cut]!) & unitSets[cut + 1]![to]!) === 0) continue;
        table.join(left, right);
      }
    }
  }
}
