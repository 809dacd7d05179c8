import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type AggregateInput, aggregate } from './aggregate.ts';
import { resolveOptions } from './options.ts';
import { STRATEGIES, strategyNamed } from './strategies.ts';
import type { Update } from './strategy.ts';

const published = [
  [1, 2],
  [1.21, 1.92],
  [0.8, 2.13],
  [1.1, 2.2],
  [0.9, 1.8],
  [1.05, 2.05],
  [9, -7],
];
const counts = [100, 50, 200, 80, 120, 150, 60];
const updates: Update[] = published.map((values, k) => ({
  silo: `silo${k}`,
  delta: Float64Array.from(values),
  count: counts[k]!,
  loss: 1,
}));

function round(name: string, over: Partial<AggregateInput> = {}): ReturnType<typeof aggregate> {
  const strategy = strategyNamed(name);
  const options = resolveOptions(strategy, {});
  return aggregate({ strategy, options, global: new Float32Array(2), updates, state: {}, population: 7, ...over });
}

test('FedAvg meets the published mean', () => {
  const { weights, shares, rejected } = round('fedavg');
  expect(weights[0]).toBeCloseTo(1.5973684211, 6);
  expect(weights[1]).toBeCloseTo(1.3177631579, 6);
  expect(shares.get('silo2')).toBeCloseTo(200 / 760, 12);
  expect(rejected).toEqual([]);
});

test('the bits do not depend on the order of arrival', () => {
  const float = fc.float({ min: 0.5, max: 10, noNaN: true });
  const cohort = fc.array(fc.tuple(fc.array(float, { minLength: 5, maxLength: 5 }), fc.integer({ min: 1, max: 999 })), {
    minLength: 8,
    maxLength: 12,
  });
  fc.assert(
    fc.property(cohort, fc.constantFrom(...STRATEGIES), fc.infiniteStream(fc.nat(1e6)), (raw, strategy, keys) => {
      const options = resolveOptions(strategy, {});
      const sent = raw.map(([values, count], k) => ({
        silo: `s${k}`,
        delta: Float32Array.from(values),
        control: Float32Array.from(values),
        count,
        loss: 1,
      }));
      const shuffled = sent
        .map((update) => ({ update, key: keys.next().value as number }))
        .sort((a, b) => a.key - b.key)
        .map(({ update }) => update);
      const input = { strategy, options, global: Float32Array.of(1, 2, 3, 4, 5), state: {}, population: 12 };
      const a = aggregate({ ...input, updates: sent });
      const b = aggregate({ ...input, updates: shuffled });
      expect(Buffer.from(a.weights.buffer).equals(Buffer.from(b.weights.buffer))).toBe(true);
      expect(a.state).toEqual(b.state);
    }),
    { numRuns: 200 },
  );
});

const spoiled = (change: Partial<Update>): Update[] =>
  updates.map((update) => (update.silo === 'silo3' ? { ...update, ...change } : update));

test.each([
  ['wrong length', { delta: Float32Array.of(1) }, /silo3 has 1 delta values, the model has 2/],
  ['NaN', { delta: Float32Array.of(1, Number.NaN) }, /silo3 has delta value NaN at 1/],
  ['infinity', { delta: Float32Array.of(Number.NEGATIVE_INFINITY, 1) }, /silo3 has delta value -Infinity at 0/],
  ['overflowing norm', { delta: Float64Array.of(1e200, 1) }, /silo3 has a delta whose norm overflows/],
  ['absurd norm', { delta: Float32Array.of(1e7, 1) }, /silo3 is absurdly large/],
  ['count 0', { count: 0 }, /silo3 has count 0/],
  ['control of wrong length', { control: new Float32Array(3) }, /silo3 has 3 control values/],
])('an update with %s is left out and named', (_, change, message) => {
  const { weights, rejected } = round('fedavg', { updates: spoiled(change) });
  expect(rejected).toHaveLength(1);
  expect(rejected[0]?.message).toMatch(message);
  expect(rejected[0]?.silo).toBe('silo3');
  const without = round('fedavg', { updates: updates.filter((update) => update.silo !== 'silo3') });
  expect(weights).toEqual(without.weights);
});

test('a silo counts once', () => {
  const { rejected, weights } = round('fedavg', { updates: [...updates, updates[0]!] });
  expect(rejected.map((error) => error.silo)).toEqual(['silo0']);
  expect(weights).toEqual(round('fedavg').weights);
});

test('nothing sound left is an error that says why', () => {
  const bad = [{ silo: 'a', delta: Float32Array.of(Number.NaN, 0), count: 1, loss: 1 }];
  expect(() => round('fedavg', { updates: bad })).toThrow(/needs 1 sound updates, this round has 0/);
});

test('weights that overflow float32 are an error', () => {
  const huge = [{ silo: 'a', delta: Float64Array.of(1e39, 0), count: 1, loss: 1 }];
  expect(() => round('fedavg', { updates: huge })).toThrow(/made weight 0 Infinity/);
});

test('an unknown strategy names the nearest', () => {
  expect(() => strategyNamed('fedavgg')).toThrow(expect.objectContaining({ hint: 'Did you mean "fedavg"?' }));
});

test('an unknown option names the nearest, a bad value the range', () => {
  const strategy = strategyNamed('fedavgm');
  expect(() => resolveOptions(strategy, { momentun: 0.5 })).toThrow(
    expect.objectContaining({ hint: 'Did you mean "momentum"?' }),
  );
  expect(() => resolveOptions(strategy, { momentum: 2 })).toThrow(/momentum of strategy fedavgm cannot be 2/);
  expect(() => resolveOptions(strategyNamed('fedavg'), { mu: 1 })).toThrow(
    expect.objectContaining({ hint: 'fedavg takes no options of its own.' }),
  );
});
