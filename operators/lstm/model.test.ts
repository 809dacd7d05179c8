import { expect, it } from 'vitest';
import type { ModelSpec } from '../../src/plan/training.ts';
import { flopsPerWindow, initialWeights, weightCount, weightLayout } from './model.ts';

const spec: ModelSpec = {
  cell: 'lstm',
  inputs: 5,
  hidden: 64,
  layers: 1,
  outputs: 1,
  dropout: 0,
  readout: 'last',
  biases: 2,
  loss: 'mse',
};

it('counts the parameters PyTorch counts', () => {
  expect(weightCount(spec)).toBe(18_241);
  expect(weightCount({ ...spec, inputs: 9 })).toBe(19_265);
});

it('lays tensors out without gaps', () => {
  for (const cell of ['lstm', 'gru'] as const) {
    let next = 0;
    for (const { offset, shape } of weightLayout({ ...spec, cell, layers: 3 })) {
      expect(offset).toBe(next);
      next += shape.reduce((a, b) => a * b, 1);
    }
  }
});

it('draws first weights in ±1/√hidden, the same for the same seed', () => {
  const weights = initialWeights(spec, 7);
  expect(weights.every((w) => Math.abs(w) <= 1 / 8)).toBe(true);
  expect(weights).toEqual(initialWeights(spec, 7));
  expect(weights).not.toEqual(initialWeights(spec, 8));
});

it('counts operations of a training step: 0.324 GFLOP for 64 windows of 48 × 7 with 64 units', () => {
  const perStep = 64 * flopsPerWindow({ ...spec, inputs: 7 }, { window: 48 });
  expect(perStep / 1e9).toBeCloseTo(0.324, 3);
});
