import { describe, expect, it } from 'vitest';
import { type Cost, compareCosts } from '../cost/objective.ts';
import { costOf, type Entry, type Frontier } from './entry.ts';
import { adjacencyOf, forEachPair } from './pairs.ts';
import type { JoinProblem } from './problem.ts';
import { randomProblem, SHAPES } from './random-problem.ts';
import { search } from './search.ts';
import { sizeOf } from './sets.ts';
import { PlanTable } from './table.ts';

const cheapest = (plans: readonly Frontier[], problem: JoinProblem): Cost | undefined =>
  plans
    .flat()
    .map(costOf)
    .toSorted((a, b) => compareCosts(a, b, problem.objective))[0];

/** Every split of every set, larger frontiers than the product keeps, no idea of pairs: slow and obviously complete. */
function exhaustive(problem: JoinProblem): Cost | undefined {
  const table = new PlanTable(problem, 64);
  const count = problem.relations.length;
  const adjacency = adjacencyOf(count, problem.edges);
  const linked = (left: number, right: number): boolean =>
    adjacency.some((near, i) => (left & (1 << i)) !== 0 && (near & right) !== 0);
  const sets = Array.from({ length: 2 ** count - 1 }, (_, i) => i + 1).sort((a, b) => sizeOf(a) - sizeOf(b));
  for (const set of sets) {
    for (let left = (set - 1) & set; left > 0; left = (left - 1) & set) {
      const right = set ^ left;
      if (left < right && table.has(left) && table.has(right) && linked(left, right)) table.join(left, right);
    }
  }
  return cheapest(table.at(2 ** count - 1), problem);
}

describe('forEachPair', () => {
  it('yields each connected pair once: the counts of Ono and Lohman', () => {
    const count = (relations: number, edges: [number, number][]): number => {
      const seen = new Set<string>();
      forEachPair(adjacencyOf(relations, edges), (a, b) => seen.add(`${Math.min(a, b)} ${Math.max(a, b)}`));
      return seen.size;
    };
    const n = 8;
    const chain = Array.from({ length: n - 1 }, (_, i): [number, number] => [i, i + 1]);
    const star = Array.from({ length: n - 1 }, (_, i): [number, number] => [0, i + 1]);
    const clique = chain.flatMap((_, i) =>
      Array.from({ length: n - 1 - i }, (_, j): [number, number] => [i, i + 1 + j]),
    );
    expect(count(n, chain)).toBe((n ** 3 - n) / 6);
    expect(count(n, star)).toBe((n - 1) * 2 ** (n - 2));
    expect(count(n, clique)).toBe((3 ** n - 2 ** (n + 1) + 1) / 2);
  });

  it('stops when the budget is spent', () => {
    let visited = 0;
    expect(
      forEachPair(
        adjacencyOf(3, [
          [0, 1],
          [1, 2],
        ]),
        () => visited++,
        2,
      ),
    ).toBe(false);
    expect(visited).toBe(2);
  });
});

describe('search', () => {
  for (const shape of SHAPES) {
    it(`is within 1 % of an exhaustive search on 24 seeded ${shape} graphs`, () => {
      for (let seed = 0; seed < 24; seed++) {
        const relations = 4 + (seed % 9);
        // A clique of twelve takes the exhaustive search a minute; ten take a second.
        const count = shape === 'clique' ? Math.min(relations, 9) : relations;
        const problem = randomProblem(shape, count, 2 + (seed % 5), seed);
        const best = exhaustive(problem)!;
        const found = cheapest(search(problem).plans, problem)!;
        expect(found.seconds, `${shape} ${count} relations, seed ${seed}`).toBeLessThanOrEqual(best.seconds * 1.01);
      }
    });

    it(`stays near the optimum on ${shape} graphs when it may not search exactly`, () => {
      const ratios: number[] = [];
      for (let seed = 0; seed < 10; seed++) {
        const problem = randomProblem(shape, 9, 3, 100 + seed);
        const best = exhaustive(problem)!;
        const { plans, exact } = search(problem, { pairBudget: 10, window: 5 });
        expect(exact).toBe(false);
        ratios.push(cheapest(plans, problem)!.seconds / best.seconds);
      }
      expect(Math.max(...ratios)).toBeLessThan(1.5);
    });
  }

  it.each(['egress', 'money'] as const)('minimises %s when told to', (objective) => {
    for (let seed = 0; seed < 10; seed++) {
      const problem = randomProblem('snowflake', 7, 3, seed, objective);
      const best = exhaustive(problem)!;
      const found = cheapest(search(problem).plans, problem)!;
      const part = objective === 'egress' ? 'bytes' : 'money';
      expect(found[part]).toBeLessThanOrEqual(best[part] * 1.01);
    }
  });

  it('joins what no condition links, and a single relation is its own plan', () => {
    const apart = { ...randomProblem('chain', 4, 2, 1), edges: [[0, 1]] as const };
    expect(cheapest(search(apart).plans, apart)).toBeDefined();
    const one = randomProblem('chain', 1, 2, 1);
    expect(search(one).plans.flat().length).toBeGreaterThan(0);
  });

  it('never takes a step that has no cost', () => {
    const problem = randomProblem('chain', 5, 3, 5);
    const forbidden = 1;
    const guarded: JoinProblem = {
      ...problem,
      ship: (set, from, to) => (from === forbidden ? undefined : problem.ship(set, from, to)),
      shipReduced: () => undefined,
    };
    const leaves = (entry: Entry): boolean =>
      entry.step.kind === 'ship'
        ? entry.step.input.site !== forbidden && leaves(entry.step.input)
        : entry.step.kind === 'read' || (leaves(entry.step.left) && leaves(entry.step.right));
    const plans = search(guarded).plans.flat();
    for (const plan of plans) expect(leaves(plan)).toBe(true);
    const nothing = search({ ...guarded, ship: () => undefined }).plans.flat();
    const homes = new Set(problem.relations.map((accesses) => accesses[0]!.site));
    expect(homes.size > 1 ? nothing : []).toEqual([]);
  });
});
