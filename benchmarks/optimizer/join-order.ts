/** Join order and sites on seeded graphs with known cardinalities: cost against an exhaustive search, and planning time. */
import { type Cost, compareCosts } from '../../optimizer/cost/objective.ts';
import { costOf } from '../../optimizer/placement/entry.ts';
import type { JoinProblem } from '../../optimizer/placement/problem.ts';
import { randomProblem, SHAPES, type Shape } from '../../optimizer/placement/random-problem.ts';
import { search } from '../../optimizer/placement/search.ts';
import { median, printTable, quantile } from '../select/table.ts';

const cheapest = (problem: JoinProblem, pairBudget?: number): Cost =>
  search(problem, pairBudget === undefined ? {} : { pairBudget })
    .plans.flat()
    .map(costOf)
    .toSorted((a, b) => compareCosts(a, b, problem.objective))[0]!;

export function joinOrder(): void {
  const ratios = new Map<Shape, number[]>();
  for (const shape of SHAPES) {
    const found: number[] = [];
    for (let seed = 0; seed < 27; seed++) {
      const relations = 4 + (seed % 9);
      const problem = () => randomProblem(shape, relations, 2 + (seed % 5), seed);
      found.push(cheapest(problem()).seconds / cheapest(problem(), Number.POSITIVE_INFINITY).seconds);
    }
    ratios.set(shape, found);
  }
  printTable(
    `Join order: cost against exhaustive search, ${27 * SHAPES.length} seeded graphs of 4 to 12 relations`,
    ['shape', 'graphs', 'within 1.01 ×', 'worst'],
    [...ratios].map(([shape, found]) => [
      shape,
      String(found.length),
      String(found.filter((ratio) => ratio <= 1.01).length),
      `${Math.max(...found).toFixed(3)} ×`,
    ]),
  );
  const all: number[] = [];
  const rows: string[][] = [];
  for (const relations of [10, 17]) {
    for (const shape of SHAPES) {
      const times: number[] = [];
      for (let seed = 0; seed < 20; seed++) {
        const problem = randomProblem(shape, relations, 2 + (seed % 5), 500 + seed);
        const started = process.cpuUsage();
        search(problem);
        const { user, system } = process.cpuUsage(started);
        times.push((user + system) / 1000);
      }
      if (relations === 17) all.push(...times);
      rows.push([String(relations), shape, median(times).toFixed(1), quantile(times, 0.95).toFixed(1)]);
    }
  }
  rows.push(['17', 'all', median(all).toFixed(1), quantile(all, 0.95).toFixed(1)]);
  printTable('Planning time of the search, ms of processor time', ['relations', 'shape', 'median', 'p95'], rows);
}
