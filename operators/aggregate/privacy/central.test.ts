import { expect, test } from 'vitest';
import { aggregate } from '../aggregate.ts';
import { normals } from '../random.ts';
import { fedavg } from '../strategies/fedavg.ts';
import { fedavgm } from '../strategies/fedavgm.ts';
import type { ServerState } from '../strategy.ts';
import { norm } from '../vectors.ts';
import { type CentralPrivacy, privateMean, updateNoiseMultiplier } from './central.ts';

const seed = new Uint8Array(32).fill(7);
const update = (silo: string, values: number[]) => ({ silo, delta: Float64Array.from(values), count: 1, loss: 1 });
const equal = (...silos: string[]): Map<string, number> => new Map(silos.map((silo) => [silo, 1 / silos.length]));

test('normal numbers have mean 0, variance 1, and repeat', () => {
  const normal = normals(seed);
  const sample = Array.from({ length: 20_000 }, normal);
  const mean = sample.reduce((sum, x) => sum + x, 0) / sample.length;
  const variance = sample.reduce((sum, x) => sum + (x - mean) ** 2, 0) / sample.length;
  // Six standard errors.
  expect(Math.abs(mean)).toBeLessThan(6 / Math.sqrt(20_000));
  expect(Math.abs(variance - 1)).toBeLessThan(6 * Math.sqrt(2 / 20_000));
  expect(Array.from({ length: 5 }, normals(seed))).toEqual(sample.slice(0, 5));
});

test('noise follows the largest share, not 1 / n', () => {
  const shares = new Map([
    ['a', 0.9],
    ['b', 0.1],
  ]);
  const length = 4000;
  const zeros = ['a', 'b'].map((silo) => update(silo, Array<number>(length).fill(0)));
  const { delta } = privateMean(zeros, { clip: 2, noiseMultiplier: 1.5, seed, shares }, 2);
  const deviation = norm(delta) / Math.sqrt(length);
  // z · C · max p = 1.5 · 2 · 0.9 = 2.7; C / n would give 1.5.
  expect(Math.abs(deviation / 2.7 - 1)).toBeLessThan(6 / Math.sqrt(2 * length));
});

test('updates are clipped, and a lost silo keeps its share of the denominator', () => {
  const privacy: CentralPrivacy = { clip: 1, noiseMultiplier: 0, seed, shares: equal('a', 'b', 'c', 'd') };
  const { delta } = privateMean([update('a', [30, 40]), update('b', [0.3, 0.4])], privacy, 1);
  expect([...delta].map((value) => value.toFixed(12))).toEqual(['0.225000000000', '0.300000000000']);
});

test.each([
  [1, 100, 1.005037815],
  [1, 20, 1.154700538],
  [0.5, 10, 0.577350269],
])('z_Δ for z = %f and %i silos', (z, silos, expected) => {
  expect(updateNoiseMultiplier(z, silos / 20)).toBeCloseTo(expected, 8);
});

test('a count noise that spends everything is refused', () => {
  expect(() => updateNoiseMultiplier(1, 0.5)).toThrow(/below 1/);
});

test.each([0.1, 5])('adaptive clipping from %f finds the median norm', (start) => {
  const silos = Array.from({ length: 21 }, (_, k) => `s${k}`);
  // Norms 0.53 … 1.53: the median is 1.03.
  const updates = silos.map((silo, k) => update(silo, [0.53 + k / 20]));
  const options = { momentum: 0, server_learning_rate: 1 };
  const privacy: CentralPrivacy = {
    clip: start,
    noiseMultiplier: 0,
    seed,
    shares: equal(...silos),
    adaptive: { quantile: 0.5, rate: 0.2, countNoise: 1e-9 },
  };
  let state: ServerState = {};
  for (let round = 0; round < 200; round++) {
    const input = { strategy: fedavgm, options, global: Float32Array.of(0), updates, state, population: 21, privacy };
    state = aggregate(input).state;
  }
  expect(state.clip?.[0]).toBeGreaterThan(0.93);
  expect(state.clip?.[0]).toBeLessThan(1.13);
});

test('the clip in force is the one that was used, and the noise repeats with its seed', () => {
  const privacy = { clip: 1, noiseMultiplier: 0.5, seed, shares: equal('a', 'b') };
  const updates = [update('a', [3, 4]), update('b', [0, 1])];
  const input = {
    strategy: fedavg,
    options: {},
    global: Float32Array.of(0, 0),
    updates,
    state: {},
    population: 2,
    privacy,
  };
  const first = aggregate(input);
  expect(aggregate(input).weights).toEqual(first.weights);
  const other = { ...privacy, seed: new Uint8Array(32).fill(8) };
  expect(aggregate({ ...input, privacy: other }).weights).not.toEqual(first.weights);
  expect([...first.state.clip!]).toEqual([1]);
});
