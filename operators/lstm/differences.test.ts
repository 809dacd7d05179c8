import { describe, expect, it, test } from 'vitest';
import type { DifferenceSpec, ModelSpec } from '../../src/plan/training.ts';
import type { SequenceData } from './backend.ts';
import { changeSums, leastShare } from './change-share.ts';
import { createBackend } from './choose-backend.ts';
import { canDifference, differenceMoments } from './differences.ts';
import { initialWeights, weightCount } from './model.ts';

const model: ModelSpec = {
  cell: 'lstm',
  inputs: 2,
  hidden: 4,
  layers: 1,
  outputs: 1,
  dropout: 0,
  readout: 'last',
  biases: 2,
  loss: 'mse',
};
const rows = 40;
const values = Float32Array.from({ length: 2 * rows }, (_, i) => Math.sin(i) + i / 50);
const data: SequenceData = { values, features: 2, targets: [1], window: 6, horizon: 2 };
const difference: DifferenceSpec = { lag: 3, scales: [0.5] };
const starts = Uint32Array.from({ length: 8 }, (_, k) => k);

describe.each(['wasm', 'reference', 'auto'] as const)('a network of changes on %s', (choice) => {
  const create = (spec: DifferenceSpec) =>
    createBackend(model, { ...data, difference: spec }, { choice, batch: 8, threads: 1 });

  it('is the naive rule when it puts out nothing', () => {
    using backend = create(difference);
    backend.setWeights(new Float32Array(weightCount(model)));
    const outputs = new Float32Array(8);
    backend.predict(starts, outputs);
    // The target is at start + 7, and three rows before it the base.
    expect([...outputs]).toEqual(Array.from(starts, (start) => values[(start + 4) * 2 + 1]!));
  });

  it('learns the change in its own units, and adds the share of it that is asked for', () => {
    using plain = createBackend(model, data, { choice, batch: 8, threads: 1 });
    using whole = create(difference);
    using half = create({ ...difference, share: 0.5 });
    const weights = initialWeights(model, 3);
    const [network, all, part] = [plain, whole, half].map((backend) => {
      backend.setWeights(weights);
      const outputs = new Float32Array(8);
      backend.predict(starts, outputs);
      return outputs;
    });
    let loss = 0;
    starts.forEach((start, k) => {
      const base = values[(start + 4) * 2 + 1]!;
      expect(all![k]).toBeCloseTo(base + 0.5 * network![k]!, 6);
      expect(part![k]).toBeCloseTo(base + 0.25 * network![k]!, 6);
      loss += ((values[(start + 7) * 2 + 1]! - base) / 0.5 - network![k]!) ** 2 / 8;
    });
    expect(whole.gradients(starts).loss).toBeCloseTo(loss, 5);
  });
});

test('a lag is taken when its row lies in every window and is known in time', () => {
  const sequence = { window: 6, horizon: 2 };
  expect([1, 2, 7, 8].map((lag) => canDifference(model, sequence, lag))).toEqual([false, true, true, false]);
  expect([2, 3].map((lag) => canDifference({ ...model, readout: 'every' }, sequence, lag))).toEqual([true, false]);
  expect(canDifference(model, { ...sequence, minWindow: 3 }, 5)).toBe(false);
  expect(canDifference({ ...model, loss: 'softmax-cross-entropy' }, sequence, 2)).toBe(false);
});

test('moments of changes stay inside training segments', () => {
  const column = Float32Array.of(1, 2, 4, 8, 100, 101, 103);
  const segments = [
    { start: 0, end: 4, part: 'train' },
    { start: 4, end: 6, part: 'train' },
    { start: 6, end: 7, part: 'validation' },
  ] as const;
  // Over one row 1, 2, 4 and 1, over two rows 3 and 6.
  expect(differenceMoments(column, 1, [0], [1, 2], segments)).toEqual([
    { n: 4, mean: 2, m2: 6 },
    { n: 2, mean: 4.5, m2: 4.5 },
  ]);
});

describe('the share of a network that is proven', () => {
  const wave = Float64Array.from({ length: 200 }, (_, i) => Math.sin(i / 3));
  const share = (predicted: Float64Array, actual: Float64Array): number =>
    leastShare([{ change: changeSums(predicted, actual, 5) }]);

  it('is all of one that is right, and none of one that has nothing to do with what happens', () => {
    expect(share(wave, wave)).toBe(1);
    expect(
      share(
        wave,
        wave.map((value) => -value),
      ),
    ).toBe(0);
    expect(
      share(
        wave.map((_, i) => Math.cos(7.3 * i)),
        wave,
      ),
    ).toBe(0);
  });

  it('is a part of one that is right in its direction and far too large', () => {
    const found = share(
      wave.map((value) => 4 * value),
      wave,
    );
    expect(found).toBeGreaterThan(0.2);
    expect(found).toBeLessThanOrEqual(0.25);
  });

  it('is all of one that too few windows tell anything about', () => {
    expect(share(wave.subarray(0, 10), wave.subarray(5, 15))).toBe(1);
  });
});
