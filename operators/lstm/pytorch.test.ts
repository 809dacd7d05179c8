/** Gradients and training steps against PyTorch (fixtures/generate.py), for every backend. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { ModelSpec, OptimizerSpec } from '../../src/plan/training.ts';
import type { SequenceData } from './backend.ts';
import { createBackend } from './choose-backend.ts';
import { initialWeights } from './model.ts';

interface Case {
  readonly name: string;
  readonly seed: number;
  readonly spec: ModelSpec;
  readonly optimizer: OptimizerSpec;
  readonly targets: number;
  readonly rows: readonly number[];
  /** Empty when the seed says it all: with two biases the first weights are the ones PyTorch draws. */
  readonly first: readonly number[];
  readonly gradient: readonly number[];
  readonly losses: readonly number[];
  readonly last: readonly number[];
}

interface Fixture {
  readonly windows: number;
  readonly steps: number;
  readonly horizon: number;
  readonly cases: readonly Case[];
}

const fixture: Fixture = JSON.parse(readFileSync(new URL('./fixtures/pytorch.json', import.meta.url), 'utf8'));

const dataOf = ({ rows, spec, targets }: Case): SequenceData => ({
  values: Float32Array.from(rows),
  features: spec.inputs,
  targets: Array.from({ length: targets }, (_, i) => i),
  window: fixture.steps,
  horizon: fixture.horizon,
});

const firstWeights = ({ first, seed, spec }: Case): Float32Array =>
  first.length === 0 ? initialWeights(spec, seed) : Float32Array.from(first);

/** ‖a − b‖ / ‖b‖. */
function relativeError(a: ArrayLike<number>, b: readonly number[]): number {
  let difference = 0;
  let norm = 0;
  b.forEach((value, i) => {
    difference += (a[i]! - value) ** 2;
    norm += value ** 2;
  });
  return Math.sqrt(difference / norm);
}

const starts = Uint32Array.from({ length: fixture.windows }, (_, k) => k);

const wasm = (threads: number) => ({ choice: 'wasm', threads }) as const;

const BACKENDS = [
  ['reference', { choice: 'reference' }],
  ['wasm, one thread', wasm(1)],
  ['wasm, two threads', wasm(2)],
] as const;

describe.each(BACKENDS)('%s', (_, options) => {
  it.each(fixture.cases)('has the gradient PyTorch has, and its weights after five steps: $name', (one) => {
    using backend = createBackend(one.spec, dataOf(one), { ...options, batch: fixture.windows });
    backend.setWeights(firstWeights(one));
    const { gradient, loss } = backend.gradients(starts);
    expect(gradient.length).toBe(one.gradient.length);
    expect(loss).toBeCloseTo(one.losses[0]!, 5);
    expect(relativeError(gradient, one.gradient)).toBeLessThan(1e-4);

    backend.startOptimizer(one.optimizer);
    const losses = one.losses.map(() =>
      backend.trainStep(starts, { learningRate: one.optimizer.learningRate, dropoutSeed: 0 }),
    );
    expect(relativeError(losses, one.losses)).toBeLessThan(1e-5);
    expect(relativeError(backend.getWeights(), one.last)).toBeLessThan(1e-5);
  });
});
