import { describe, expect, it, test } from 'vitest';
import type { ModelSpec } from '../../src/plan/training.ts';
import { privacyCost } from '../aggregate/privacy/accountant.ts';
import { rdpEpsilon } from '../aggregate/privacy/rdp.ts';
import { createBackend } from './choose-backend.ts';
import { initialWeights } from './model.ts';
import { noiseSeed, runMechanism, trainPrivately } from './private-training.ts';

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
const privacy = { unit: 'record', epsilon: 4, delta: 1e-6, clip: 1 } as const;

test('the noise of a run keeps it within its ε, and is no larger than it must be', () => {
  const found = runMechanism(privacy, { batch: 32, epochs: 1, rounds: 5, windows: 640 });
  expect(found).toMatchObject({ q: 0.05, steps: 100 });
  const { accountant, epsilon } = privacyCost([found], privacy.delta);
  expect(accountant).toBe('prv');
  expect(epsilon).toBeLessThanOrEqual(privacy.epsilon);
  expect(privacyCost([{ ...found, z: found.z * 0.99 }], privacy.delta).epsilon).toBeGreaterThan(privacy.epsilon);
  // Rényi's bound would ask for more noise.
  expect(rdpEpsilon([found], privacy.delta)).toBeGreaterThan(1.1 * privacy.epsilon);
});

describe('a private round', () => {
  const values = Float32Array.from({ length: 60 }, (_, i) => Math.sin(i));
  const data = { values, features: 1, targets: [0], window: 4, horizon: 1 };
  const weights = initialWeights(model, 1);
  const local = { epochs: 1, batch: 8, seed: 1, optimizer: { name: 'sgd', learningRate: 1 }, privacy } as const;
  const seed = new Uint8Array(32).fill(7);
  const run = (z: number, q: number, units: readonly Uint32Array[], clip = 1, from = seed) => {
    using backend = createBackend(model, data, { choice: 'reference', batch: 8 });
    return trainPrivately(backend, {
      local: { ...local, privacy: { ...privacy, clip } },
      noise: { mechanism: { q, z, steps: 1 }, seed: from },
      ...{ weights, learningRate: 1, units, onStep: () => undefined },
    });
  };
  const moved = ({ weights: to }: { weights: Float32Array }): number =>
    Math.sqrt(to.reduce((sum, value, i) => sum + (value - weights[i]!) ** 2, 0));
  const records = Array.from({ length: 8 }, (_, k) => Uint32Array.of(k));

  it('without noise moves by no more than the clip, whatever the gradients are', () => {
    expect(moved(run(0, 1, records, 0.01))).toBeLessThanOrEqual(0.01 + 1e-7);
    // Eight windows of one entity count as one unit.
    expect(moved(run(0, 1, [Uint32Array.from(records, ([k]) => k!)], 0.01))).toBeCloseTo(0.01, 6);
  });

  it('is noised by its seed: the same again, another otherwise', () => {
    const once = run(1, 0.5, records).weights;
    expect(run(1, 0.5, records).weights).toEqual(once);
    expect(run(1, 0.5, records, 1, new Uint8Array(32)).weights).not.toEqual(once);
  });

  it('draws its seed from all that decides the release', () => {
    const key = new Uint8Array(32).fill(1);
    const seedOf = (what: object, vector = weights) => Buffer.from(noiseSeed(key, what, vector)).toString('hex');
    const found = [
      seedOf({ round: 1 }),
      seedOf({ round: 2 }),
      seedOf(
        { round: 1 },
        weights.map((w) => w + 1),
      ),
    ];
    expect(new Set(found).size).toBe(3);
    expect(seedOf({ round: 1 })).toBe(found[0]);
  });
});
