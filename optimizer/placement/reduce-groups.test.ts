import { expect, it } from 'vitest';
import type { RelationalNode } from '../../src/plan/nodes.ts';
import { printPlan } from '../../src/plan/print.ts';
import {
  aggregate,
  aggregateCall,
  bigint,
  call,
  filter,
  integer,
  join,
  literal,
  of,
  table,
  test,
} from '../../test/support/plans.ts';
import { CostModel } from '../cost/model.ts';
import { estimator } from '../statistics/cardinality.ts';
import { type GroupSurroundings, reduceGroups } from './reduce-groups.ts';

const part = table('a.part', { id: integer, brand: integer });
const items = table('a.items', { part: integer, quantity: integer });
const others = table('a.items', { part: integer, quantity: integer });

const around = (over: Partial<GroupSurroundings> = {}): GroupSurroundings => ({
  estimate: estimator({
    statistics: ({ table: name }) =>
      name === 'part'
        ? { rows: 10_000, columns: { id: { distinct: 10_000 }, brand: { distinct: 50 } } }
        : { rows: 1_000_000, columns: { part: { distinct: 10_000 } } },
  }),
  model: new CostModel(() => 'duckdb'),
  siteOf: () => 'a',
  readableAt: () => true,
  ...over,
});

const sums = aggregate(
  others,
  { key: of(others, 'part') },
  { sum: aggregateCall('sum', bigint, of(others, 'quantity')) },
);

/** Items of some parts with the sum over all items of the part. */
function bySum(parts: RelationalNode, right: RelationalNode = sums, on = of(items, 'part')): RelationalNode {
  const outer = join('inner', parts, items, test('=', of(parts, 'id'), of(items, 'part')));
  return join('left', outer, right, test('=', on, of(right, 'key')));
}
const brand = filter(part, test('=', of(part, 'brand'), literal(7)));
const print = (plan: RelationalNode): string => `\n${printPlan(plan).replaceAll(/#\d+/g, '')}\n`;

it('computes the groups of the parts that are asked for', () => {
  // The key is the item's part, whose values are those of the parts of one brand.
  expect(print(reduceGroups(bySum(brand), around()))).toBe(`
Join left on part = key
  Join inner on id = part
    Filter brand = 7
      Scan a.part (id, brand)
    Scan a.items (part, quantity)
  Aggregate by part: sum := sum(quantity)
    Join semi on part = id
      Scan a.items (part, quantity)
      Project id
        Filter brand = 7
          Scan a.part (id, brand)
`);
});

it('gives what it reads twice columns of their own', () => {
  const plan = reduceGroups(bySum(brand), around());
  const ids = new Set<number>();
  const scans = [...printPlan(plan).matchAll(/Scan a\.part \(id#(\d+), brand#(\d+)\)/g)];
  for (const [, id, other] of scans) ids.add(Number(id)).add(Number(other));
  expect(scans).toHaveLength(2);
  expect(ids.size).toBe(4);
});

it.each<[string, RelationalNode, Partial<GroupSurroundings>]>([
  ['nearly all groups are asked for', bySum(part), {}],
  ['the keys would cross a border', bySum(brand), { readableAt: () => false }],
  ['the keys are random', bySum(filter(part, test('<', call('random', integer), literal(7)))), {}],
])('leaves an aggregate as it is where %s', (_, plan, over) => {
  expect(reduceGroups(plan, around(over))).toEqual(plan);
});
