import { expect, test } from 'vitest';
import type { ModelSpec } from '../../src/plan/training.ts';
import { headBetween, provenPart } from './proven-head.ts';

const model: ModelSpec = {
  cell: 'lstm',
  inputs: 1,
  hidden: 3,
  layers: 1,
  outputs: 1,
  dropout: 0,
  readout: 'last',
  biases: 2,
  loss: 'mse',
};
const count = 200;
const values = Float32Array.from({ length: count + 4 }, (_, i) => Math.sin(i / 5));
const data = { values, features: 1, targets: [0], window: 4, horizon: 1 };
const starts = Uint32Array.from({ length: count }, (_, k) => k);
const actual = Float32Array.from(starts, (start) => values[start + 4]!);
const federated = new Float32Array(count).fill(0.2);
const part = (tuned: Float32Array, block = 5): number => provenPart(model, data, { starts, federated, tuned }, block);

test('a head that is surely better is taken whole, one that is worse not at all', () => {
  expect(part(actual.map((value) => 0.9 * value + 0.02))).toBe(1);
  expect(part(actual.map((value) => 0.2 - value))).toBe(0);
  // What moves nothing proves nothing, and is the federation's head anyway.
  expect(part(federated)).toBe(0);
});

test('of a head that is better in few places only so much is taken as is certain', () => {
  const somewhere = federated.map((value, k) => (k < 8 ? actual[k]! : value + 0.01 * Math.sin(k * k)));
  expect(part(somewhere)).toBeLessThan(1);
});

test('a head in between puts out what lies in between', () => {
  expect([...headBetween(Float32Array.of(0, 2), Float32Array.of(4, 2), 0.25)]).toEqual([1, 2]);
});
