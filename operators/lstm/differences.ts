/**
 * Predicting a change instead of a value: the network learns how far the target will be from what it was `lag` rows
 * before (Box and Jenkins' seasonal difference; with the horizon as lag, the residual of persistence). A network that
 * puts out zero is then the naive rule, and learns only what the rule does not know.
 */
import type { DifferenceSpec, ModelSpec, SequenceSpec } from '../../src/plan/training.ts';
import {
  firstRow,
  missingSteps,
  outputsPerWindow,
  type SequenceData,
  type StepOptions,
  type TrainingBackend,
} from './backend.ts';
import { isRegression } from './losses.ts';
import { targetOfOutput } from './model.ts';
import type { Moments } from './statistics.ts';
import type { Segment } from './windows.ts';

/**
 * Whether the row `lag` rows before a target always lies inside its window, and is known by then. Huber's loss turns
 * linear at a distance in units of the target, which differences do not have.
 */
export function canDifference(
  model: Pick<ModelSpec, 'loss' | 'readout'>,
  {
    horizon,
    minWindow,
    window,
  }: Pick<SequenceSpec, 'horizon' | 'window'> & { readonly minWindow?: number | undefined },
  lag: number,
): boolean {
  const furthest = model.readout === 'every' ? horizon : (minWindow ?? window) - 1 + horizon;
  return isRegression(model) && model.loss !== 'huber' && lag >= horizon && lag <= furthest;
}

/** Step of the window whose row is `lag` rows before the target of step `step`. */
const baseStep = ({ horizon }: SequenceData, lag: number, step: number): number => step + horizon - lag;

/** Moments of y(t) − y(t − lag) over the training rows, in the values' own units: per lag, then per target. */
export function differenceMoments(
  values: Float32Array,
  width: number,
  targets: readonly number[],
  lags: readonly number[],
  segments: readonly Segment[],
): Moments[] {
  const training = segments.filter(({ part }) => part === 'train');
  return lags.flatMap((lag) =>
    targets.map((target) => {
      let [n, mean, m2] = [0, 0, 0];
      for (const { start, end } of training) {
        for (let row = start + lag; row < end; row++) {
          const change = values[row * width + target]! - values[(row - lag) * width + target]!;
          // Welford's recurrence.
          const before = change - mean;
          mean += before / ++n;
          m2 += before * (change - mean);
        }
      }
      return { n, mean, m2 };
    }),
  );
}

/** A backend of differences that puts out values: the naive rule's, plus what the network adds. */
export class DifferencedBackend implements TrainingBackend {
  readonly name: string;
  readonly threads: number;
  readonly #inner: TrainingBackend;
  readonly #model: ModelSpec;
  readonly #data: SequenceData;
  readonly #difference: DifferenceSpec;

  constructor(inner: TrainingBackend, model: ModelSpec, data: SequenceData, difference: DifferenceSpec) {
    this.name = inner.name;
    this.threads = inner.threads;
    this.#inner = inner;
    this.#model = model;
    this.#data = data;
    this.#difference = difference;
  }

  setWeights(weights: Float32Array): void {
    this.#inner.setWeights(weights);
  }

  getWeights(): Float32Array {
    return this.#inner.getWeights();
  }

  startOptimizer(...settings: Parameters<TrainingBackend['startOptimizer']>): void {
    this.#inner.startOptimizer(...settings);
  }

  trainStep(starts: Uint32Array, options: StepOptions): number {
    return this.#inner.trainStep(starts, options);
  }

  gradients(...asked: Parameters<TrainingBackend['gradients']>): ReturnType<TrainingBackend['gradients']> {
    return this.#inner.gradients(...asked);
  }

  predict(...[starts, outputs, ...rest]: Parameters<TrainingBackend['predict']>): void {
    this.#inner.predict(starts, outputs, ...rest);
    const { features, targets, values, window } = this.#data;
    const { lag, scales, share = 1 } = this.#difference;
    const width = this.#model.outputs;
    const steps = outputsPerWindow(this.#model, window) / width;
    let at = 0;
    for (const start of starts) {
      const first = firstRow(this.#data, start);
      const missing = missingSteps(this.#data, start);
      for (let step = window - steps; step < window; step++) {
        const row = (first + baseStep(this.#data, lag, step)) * features;
        for (let o = 0; o < width; o++, at++) {
          const target = targetOfOutput(this.#model, targets.length, o);
          const base = step < missing ? 0 : values[row + targets[target]!]!;
          outputs[at] = base + outputs[at]! * scales[target]! * share;
        }
      }
    }
  }

  [Symbol.dispose](): void {
    this.#inner[Symbol.dispose]();
  }
}
