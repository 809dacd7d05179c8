/** What PyTorch's fixtures do not show: odd batch sizes, dropout, every step, scoring, and that bits repeat. */
import { describe, expect, it } from 'vitest';
import type { ModelSpec } from '../../../src/plan/training.ts';
import { outputsPerWindow, type SequenceData } from '../backend.ts';
import { createBackend } from '../choose-backend.ts';
import { expectReference, UNUSUAL } from '../fixtures/unusual.ts';
import { initialWeights } from '../model.ts';
import { MersenneTwister } from '../random.ts';
import { ReferenceBackend } from '../reference-backend.ts';

const SPEC: ModelSpec = {
  cell: 'lstm',
  inputs: 5,
  hidden: 11,
  layers: 2,
  outputs: 3,
  dropout: 0.3,
  readout: 'every',
  biases: 2,
  loss: 'mse',
};

const random = new MersenneTwister(3);
const data: SequenceData = {
  values: Float32Array.from({ length: 200 }, () => random.uniform24() * 2 - 1),
  features: 5,
  targets: [0, 1, 4],
  window: 6,
  horizon: 3,
};

const weights = initialWeights(SPEC, 1);

function worstError(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  let worst = 0;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    worst = Math.max(worst, Math.abs(found[i]! - expected[i]!));
    largest = Math.max(largest, Math.abs(expected[i]!));
  }
  return worst / largest;
}

describe.each([1, 2, 3])('%i threads', (threads) => {
  it.each(UNUSUAL)('does what the reference does: $name', (one) => {
    using backend = createBackend(one.spec, one.data, { choice: 'wasm', batch: 13, threads });
    expectReference(one, backend);
  });

  const packed = () => {
    const backend = createBackend(SPEC, data, { choice: 'wasm', batch: 13, threads });
    backend.setWeights(weights);
    return backend;
  };
  using reference = new ReferenceBackend(SPEC, data);
  reference.setWeights(weights);

  // Small after large and large after small: nothing of an earlier batch may be left over.
  it('agrees with the reference for batches of any size, one after the other', () => {
    using backend = packed();
    for (const size of [13, 1, 4, 2, 13, 7]) {
      const starts = Uint32Array.from({ length: size }, (_, k) => (k * 5) % 30);
      const seed = 100 + size;
      const found = backend.gradients(starts, seed);
      const expected = reference.gradients(starts, seed);
      expect(found.loss).toBeCloseTo(expected.loss, 5);
      expect(worstError(found.gradient, expected.gradient)).toBeLessThan(1e-5);
    }
  });

  it('puts outputs out in the order of windows, then steps', () => {
    using backend = packed();
    const starts = Uint32Array.of(20, 3, 11, 0, 7);
    const found = new Float32Array(starts.length * outputsPerWindow(SPEC, data.window));
    const expected = found.slice();
    backend.predict(starts, found);
    reference.predict(starts, expected);
    expect(worstError(found, expected)).toBeLessThan(1e-5);
  });

  it('corrects gradients as the reference does, before it clips them', () => {
    using backend = packed();
    const correction = initialWeights(SPEC, 9);
    const starts = Uint32Array.of(0, 4, 9);
    const trained = [backend, reference].map((each) => {
      each.setWeights(weights);
      each.startOptimizer({ name: 'sgd', learningRate: 0.1, clipNorm: 1 }, correction);
      each.trainStep(starts, { learningRate: 0.1, dropoutSeed: 1 });
      return each.getWeights();
    });
    expect(worstError(trained[0]!, trained[1]!)).toBeLessThan(1e-6);
    reference.setWeights(weights);
  });

  it('repeats its bits', () => {
    const run = () => {
      using backend = packed();
      backend.startOptimizer({ name: 'adam', learningRate: 0.01, clipNorm: 0.5 });
      const starts = Uint32Array.from({ length: 13 }, (_, k) => k * 2);
      for (let step = 0; step < 5; step++) backend.trainStep(starts, { learningRate: 0.01, dropoutSeed: step });
      return backend.getWeights();
    };
    expect(run()).toEqual(run());
  });
});
