import { describe, expect, it } from 'vitest';
import type { ModelSpec } from '../../src/plan/training.ts';
import type { SequenceData } from './backend.ts';
import { UNUSUAL, type UnusualCase } from './fixtures/unusual.ts';
import { initialWeights } from './model.ts';
import { MersenneTwister } from './random.ts';
import { ReferenceBackend } from './reference-backend.ts';
import { ReferenceNetwork } from './reference-network.ts';

const BASE: ModelSpec = {
  cell: 'lstm',
  inputs: 3,
  hidden: 4,
  layers: 1,
  outputs: 2,
  dropout: 0,
  readout: 'last',
  biases: 2,
  loss: 'mse',
};

const SPECS: readonly (readonly [string, Partial<ModelSpec>])[] = [
  ['lstm', {}],
  ['three layers', { layers: 3 }],
  ['dropout between layers', { layers: 3, dropout: 0.4 }],
  ['every step', { readout: 'every' }],
  ['gru', { cell: 'gru' }],
  ['gru, one bias, layers, dropout, every step', { cell: 'gru', biases: 1, layers: 2, dropout: 0.3, readout: 'every' }],
  ['huber', { loss: 'huber', delta: 0.3 }],
];

const data: SequenceData = {
  values: Float32Array.from(
    { length: 45 },
    (
      (random) => () =>
        random.uniform24() * 4 - 2
    )(new MersenneTwister(3)),
  ),
  features: 3,
  targets: [0, 1],
  window: 5,
  horizon: 1,
};

const starts = Uint32Array.of(0, 3, 8);

const CASES: readonly UnusualCase[] = [
  ...SPECS.map(([name, overrides]) => ({ name, spec: { ...BASE, ...overrides }, data, starts })),
  ...UNUSUAL,
];

describe('gradients in float64 against central differences', () => {
  it.each(CASES)('$name', (one) => {
    const backend = new ReferenceBackend(one.spec, one.data, 'float64');
    const weights = Float64Array.from(initialWeights(one.spec, 1));
    backend.setWeights(weights);
    const seed = 11;
    backend.gradients(one.starts, seed);
    const analytic = backend.exactGradient.slice();
    const lossAt = (i: number, change: number) => {
      const moved = weights.slice();
      moved[i] = moved[i]! + change;
      backend.setWeights(moved);
      return backend.gradients(one.starts, seed).loss;
    };
    const step = 1e-5;
    for (let i = 0; i < weights.length; i++) {
      const numeric = (lossAt(i, step) - lossAt(i, -step)) / (2 * step);
      expect(Math.abs(numeric - analytic[i]!)).toBeLessThan(1e-8 + 1e-6 * Math.abs(numeric));
    }
  });
});

it('a window whose first rows are missing is what a shorter window is', () => {
  const spec = { ...BASE, layers: 2 };
  const values = data.values.subarray(0, 12);
  const ofShorter = new ReferenceBackend(spec, { ...data, values, window: 3 });
  const masked = new ReferenceBackend(spec, { ...data, values, sequences: Uint32Array.of(0) });
  const [expected, found] = [ofShorter, masked].map((backend, k) => {
    backend.setWeights(initialWeights(spec, 4));
    return backend.gradients(Uint32Array.of(k === 0 ? 0 : -2));
  });
  expect(found).toEqual(expected);
});

it.each(['lstm', 'gru'] as const)('the gradient by the inputs of an %s agrees with central differences', (cell) => {
  const spec = { ...BASE, cell, layers: 2, readout: 'every' } as const;
  const network = new ReferenceNetwork(spec, data.window, (length) => new Float64Array(length));
  const weights = Float64Array.from(initialWeights(spec, 1));
  const inputs = Float64Array.from(data.values.subarray(0, data.window * 3));
  const outputs = new Float64Array(data.window * 2);
  const sumAt = (i: number, change: number) => {
    const moved = inputs.slice();
    moved[i] = moved[i]! + change;
    network.forward(weights, moved, 0, outputs, 0);
    return outputs.reduce((sum, value) => sum + value, 0);
  };
  const gradient = new Float64Array(inputs.length);
  network.forward(weights, inputs, 0, outputs, 0);
  const ones = new Float64Array(outputs.length).fill(1);
  network.backward(weights, ones, 0, new Float64Array(weights.length), undefined, gradient);
  gradient.forEach((value, i) => {
    const numeric = (sumAt(i, 1e-5) - sumAt(i, -1e-5)) / 2e-5;
    expect(Math.abs(numeric - value)).toBeLessThan(1e-8 + 1e-6 * Math.abs(numeric));
  });
});

it('draws the same dropout mask for the same seed, and another for another', () => {
  const spec = { ...BASE, layers: 2, dropout: 0.5 };
  const backend = new ReferenceBackend(spec, data);
  backend.setWeights(initialWeights(spec, 1));
  const loss = (seed: number) => backend.gradients(starts, seed).loss;
  expect(loss(5)).toBe(loss(5));
  expect(loss(5)).not.toBe(loss(6));
});
