import fc from 'fast-check';
import { expect, test } from 'vitest';
import { aggregate } from './aggregate.ts';
import { resolveOptions } from './options.ts';
import { meanOf, partialSum } from './partial.ts';
import { fedavg } from './strategies/fedavg.ts';
import { scaffold } from './strategies/scaffold.ts';
import { treeLevels, treeSum } from './tree.ts';

const updates = (values: readonly number[][]) =>
  values.map((delta, i) => ({
    silo: `silo ${String(i).padStart(4, '0')}`,
    delta: Float32Array.from(delta),
    count: 1 + ((i * 7) % 13),
    loss: 1,
  }));

test('a tree has as many levels as its fan-in asks for', () => {
  const pairs = [
    [1, 2],
    [2, 2],
    [3, 2],
    [8, 2],
    [9, 2],
    [200, 16],
    [256, 16],
    [257, 16],
    [5000, 2],
  ] as const;
  expect(pairs.map(([silos, fanIn]) => treeLevels(silos, fanIn))).toEqual([1, 1, 2, 3, 4, 2, 2, 3, 13]);
});

test('the mean of any tree is the flat mean to the rounding of float64, and does not depend on the order of arrival', () => {
  const vector = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 }), {
    minLength: 3,
    maxLength: 3,
  });
  fc.assert(
    fc.property(fc.array(vector, { minLength: 1, maxLength: 60 }), fc.integer({ min: 2, max: 20 }), (values, fanIn) => {
      const all = updates(values);
      const flat = meanOf(partialSum('federation', fedavg, all), all.length);
      const tree = meanOf(treeSum(fedavg, all, fanIn), all.length);
      expect(tree.cohort).toBe(all.length);
      expect(meanOf(treeSum(fedavg, all.toReversed(), fanIn), all.length)).toEqual(tree);
      // Σ|n_i Δ_i| ÷ Σ n_i bounds both errors.
      tree.delta.forEach((value, k) => {
        const size = all.reduce((sum, { count, delta }) => sum + count * Math.abs(delta[k]!), 0);
        const weight = all.reduce((sum, { count }) => sum + count, 0);
        expect(Math.abs(value - flat.delta[k]!)).toBeLessThanOrEqual((3 * all.length * 2 ** -53 * size) / weight);
      });
    }),
  );
});

test('a tree no wider than the silos is the flat sum bit for bit', () => {
  const all = updates(Array.from({ length: 16 }, (_, i) => [i / 3, -i / 7, 1 / (i + 1)]));
  expect(treeSum(fedavg, all, 16)).toEqual(partialSum('federation', fedavg, all));
});

test('control variates are added by the same tree, and bad updates are left out before', () => {
  const all = updates(Array.from({ length: 9 }, (_, i) => [i, 1, 2])).map((update) => ({
    ...update,
    control: update.delta,
  }));
  const input = {
    strategy: scaffold,
    options: resolveOptions(scaffold, {}),
    global: new Float32Array(3),
    state: {},
    population: 9,
  };
  const bad = all.with(4, { ...all[4]!, delta: Float32Array.of(Number.NaN, 0, 0) });
  const [flat, tree] = [{}, { fanIn: 2 }].map((how) => aggregate({ ...input, updates: bad, ...how }));
  expect(tree!.rejected.map(({ silo }) => silo)).toEqual(['silo 0004']);
  tree!.weights.forEach((weight, k) => {
    expect(weight).toBeCloseTo(flat!.weights[k]!, 6);
  });
  expect(tree!.state.control![0]).toBeCloseTo(flat!.state.control![0]!, 12);
});
