import { expect, test } from 'vitest';
import { meanOf, mergePartials, partialSum } from './partial.ts';
import { fedavg } from './strategies/fedavg.ts';

const update = (silo: string, value: number, count: number) => ({
  silo,
  delta: Float64Array.of(value, -value),
  count,
  loss: 1,
});
const updates = [update('a', 1, 10), update('b', 4, 30), update('c', -2, 60), update('d', 0.1, 7)];

test('a tree’s mean is the flat mean', () => {
  const flat = meanOf(partialSum('all', fedavg, updates), 4);
  const north = partialSum('north', fedavg, updates.slice(0, 2));
  const south = partialSum('south', fedavg, updates.slice(2));
  const tree = meanOf(mergePartials('all', [south, north]), 4);
  expect(tree.cohort).toBe(4);
  expect(tree.delta[0]).toBeCloseTo(flat.delta[0]!, 14);
  expect(flat.delta[0]).toBeCloseTo((10 + 120 - 120 + 0.7) / 107, 14);
  // The order in which regions report does not change a bit.
  expect(meanOf(mergePartials('all', [north, south]), 4)).toEqual(tree);
});
