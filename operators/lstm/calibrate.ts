/** What a backend does per second on this machine, for a model: the training term of the cost model. */
import type { ModelSpec, SequenceSpec } from '../../src/plan/training.ts';
import { type BackendChoice, createBackend } from './choose-backend.ts';
import { flopsPerWindow, initialWeights } from './model.ts';
import { MersenneTwister } from './random.ts';
import type { Library } from './tfjs-backend.ts';

export interface TrainingRate {
  /** The backend that was chosen, with its instruction set. */
  readonly backend: string;
  readonly threads: number;
  readonly flopsPerSecond: number;
  readonly windowsPerSecond: number;
}

export interface CalibrationOptions {
  readonly choice: BackendChoice;
  readonly batch: number;
  readonly threads?: number;
  /** For `tfjs`: what `loadTfjs` found. */
  readonly tfjs?: Library;
  /** Milliseconds to spend, after two steps that are not counted. Default 60. */
  readonly budget?: number;
}

/** Most floating-point operations of one timed step, and most units, layers and windows of a timed network. */
const LARGEST = { flops: 1e8, hidden: 256, layers: 2, batch: 32 };

/**
 * What to time instead of a model that would take seconds per step: fewer units, layers, windows, and at last rows per
 * window. Models that are small enough stay as they are.
 */
export function calibrationSample(
  model: ModelSpec,
  sequence: SequenceSpec,
  batch: number,
): { readonly model: ModelSpec; readonly sequence: SequenceSpec; readonly batch: number } {
  if (flopsPerWindow(model, sequence) * batch <= LARGEST.flops) return { model, sequence, batch };
  const hidden = Math.min(model.hidden, LARGEST.hidden);
  const sample = { ...model, hidden, layers: Math.min(model.layers, LARGEST.layers) };
  const windows = Math.min(batch, LARGEST.batch);
  const perRow = flopsPerWindow(sample, { window: 1 }) * windows;
  const window = Math.max(1, Math.min(sequence.window, Math.floor(LARGEST.flops / perRow)));
  return { model: sample, sequence: { ...sequence, window }, batch: windows };
}

/** Times training steps on random rows. Blocks the calling thread for about the budget. */
export function measureTrainingRate(
  spec: ModelSpec,
  sequence: SequenceSpec,
  { batch, budget = 60, choice, tfjs, threads }: CalibrationOptions,
): TrainingRate {
  // What categories are spread to is counted in `inputs`; how they are looked up costs next to nothing.
  const { categories: _, ...model } = spec;
  const random = new MersenneTwister(1);
  const rows = sequence.window + sequence.horizon + batch;
  const values = Float32Array.from({ length: rows * model.inputs }, () => random.uniform24() * 2 - 1);
  const targets = Array.from({ length: model.outputs }, (_, i) => i % model.inputs);
  const classes = model.loss === 'softmax-cross-entropy';
  if (classes) values.fill(0);
  const { horizon, window } = sequence;
  const data = { values, features: model.inputs, targets: classes ? [0] : targets, window, horizon };
  const starts = Uint32Array.from({ length: batch }, (_, k) => k);
  using backend = createBackend(model, data, {
    ...{ choice, batch },
    ...(threads === undefined ? {} : { threads }),
    ...(tfjs === undefined ? {} : { tfjs }),
  });
  backend.setWeights(initialWeights(model, 1));
  backend.startOptimizer({ name: 'adam', learningRate: 1e-3 });
  const step = () => backend.trainStep(starts, { learningRate: 1e-3, dropoutSeed: 1 });
  step();
  step();
  let steps = 0;
  const began = performance.now();
  do {
    step();
    steps++;
  } while (performance.now() - began < budget);
  const windowsPerSecond = (steps * batch * 1000) / (performance.now() - began);
  return {
    backend: backend.name,
    threads: backend.threads,
    windowsPerSecond,
    flopsPerSecond: windowsPerSecond * flopsPerWindow(model, sequence),
  };
}
