import { describe, expect, it } from 'vitest';
import type { ModelSpec } from '../../src/plan/training.ts';
import type { SequenceData } from './backend.ts';
import { createBackend } from './choose-backend.ts';
import { UNUSUAL } from './fixtures/unusual.ts';
import { bodyOf, bodyWeights, headOf, tuneHead, withHead } from './head-tuning.ts';
import { initialWeights } from './model.ts';
import { MersenneTwister } from './random.ts';

const BASE: ModelSpec = {
  cell: 'lstm',
  inputs: 3,
  hidden: 5,
  layers: 1,
  outputs: 2,
  dropout: 0,
  readout: 'last',
  biases: 2,
  loss: 'mse',
};
const random = new MersenneTwister(3);
const data: SequenceData = {
  values: Float32Array.from({ length: 75 }, () => random.uniform24() * 4 - 2),
  features: 3,
  targets: [0, 1],
  window: 5,
  horizon: 1,
};
const starts = Uint32Array.of(0, 3, 8, 9, 15);
const changes: SequenceData = { ...data, difference: { lag: 2, scales: [0.5, 2] } };

const CASES = [
  { name: 'lstm', spec: BASE, data, starts },
  { name: 'two layers, every step', spec: { ...BASE, layers: 2, readout: 'every' as const }, data, starts },
  {
    name: 'gru, quantiles',
    spec: { ...BASE, cell: 'gru' as const, loss: 'quantile' as const, outputs: 4, quantiles: [0.1, 0.9] },
    data,
    starts,
  },
  { name: 'changes', spec: BASE, data: changes, starts },
  // Dropout is of training alone: what the head reads has none.
  ...UNUSUAL.map((each) => ({ ...each, spec: { ...each.spec, dropout: 0 } })),
] satisfies readonly { name: string; spec: ModelSpec; data: SequenceData; starts: Uint32Array }[];

describe.each(['auto', 'wasm', 'reference'] as const)('fine-tuning the head on %s', (choice) => {
  it.each(CASES)('moves the head as a step of the whole network does, and nothing else: $name', (each) => {
    const { spec: model, starts: windows } = each;
    const { difference: _, ...plain } = each.data;
    const options = { choice, batch: windows.length, threads: 1 };
    using whole = createBackend(model, each.data, options);
    using body = createBackend(bodyOf(model), plain, options);
    const weights = initialWeights(model, 5);
    whole.setWeights(weights);
    const { gradient, loss } = whole.gradients(windows);
    body.setWeights(bodyWeights(model, weights));
    const tuned = tuneHead({
      ...{ silo: 'berlin', model, data: each.data, windows, body, learningRate: 0.1, onStep: () => undefined },
      request: {
        weights,
        round: 1,
        epochs: 1,
        batch: windows.length,
        seed: 1,
        optimizer: { name: 'sgd', learningRate: 0.1 },
      },
    });
    const { offset, length } = headOf(model);
    const expected = weights.map((weight, k) =>
      k < offset || k >= offset + length ? weight : weight - 0.1 * gradient[k]!,
    );
    expect(tuned.losses[0]).toBeCloseTo(loss, 4);
    expect(tuned.weights.findIndex((weight, k) => Math.abs(weight - expected[k]!) > 1e-5)).toBe(-1);
    expect(tuned.weights.some((weight, k) => weight !== weights[k])).toBe(true);
    expect([...withHead(model, weights, tuned.weights.slice(offset, offset + length))]).toEqual([...tuned.weights]);
  });
});
