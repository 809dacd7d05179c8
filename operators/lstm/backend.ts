/** What a training backend is: one model on one row buffer, driven step by step from a training thread. */
import type { DifferenceSpec, ModelSpec, OptimizerSpec } from '../../src/plan/training.ts';

/** Standardised rows, and where inputs and targets of a window stand in them. */
export interface SequenceData {
  /** Rows × features. */
  readonly values: Float32Array;
  readonly features: number;
  /** Columns (positions among the features) of the targets. */
  readonly targets: readonly number[];
  /** Rows per window. */
  readonly window: number;
  /** The target of step t is the value `horizon` rows after it. */
  readonly horizon: number;
  /**
   * Rows at which sequences begin, ascending. Given where windows may begin before their sequence does: the steps that
   * are missing then are masked. A start before row 0 stands in a Uint32Array modulo 2³².
   */
  readonly sequences?: Uint32Array;
  /** What is learned is the change over so many rows, not the value; `predict` gives values all the same. */
  readonly difference?: DifferenceSpec;
}

export interface StepOptions {
  readonly learningRate: number;
  /** Dropout masks are a function of it; masks are drawn only in training. */
  readonly dropoutSeed: number;
}

/**
 * A model on a thread. `starts` are window start rows, at most the batch the backend was made for. All calls are synchronous and
 * leave nothing running, so that results repeat bit for bit for a given thread count.
 */
export interface TrainingBackend extends Disposable {
  /** `wasm`, `native`, `tfjs`, `reference`. */
  readonly name: string;
  readonly threads: number;
  /** Flat weights in the order of `weightLayout`. */
  setWeights(weights: Float32Array): void;
  getWeights(): Float32Array;
  /**
   * Begins a run: empty moving averages; the current weights are the centre of the FedProx term. `correction` is added
   * to every gradient before it is clipped (SCAFFOLD's c − c_i), in the order of `weightLayout`.
   */
  startOptimizer(optimizer: OptimizerSpec, correction?: Float32Array): void;
  /** One optimizer step. Returns the batch's mean loss before it. */
  trainStep(starts: Uint32Array, options: StepOptions): number;
  /** Mean loss and its gradient, in the order of `weightLayout`; weights stay. */
  gradients(starts: Uint32Array, dropoutSeed?: number): { readonly loss: number; readonly gradient: Float32Array };
  /**
   * Network outputs: windows × outputs, or windows × steps × outputs when the readout is every step. With a seed
   * activations are dropped as in training (for Monte-Carlo intervals).
   */
  predict(starts: Uint32Array, outputs: Float32Array, dropoutSeed?: number): void;
}

/** A window's first row, below 0 where rows before the first one are missing. */
export const firstRow = ({ sequences, window }: SequenceData, start: number): number =>
  sequences !== undefined && start >= 2 ** 32 - window ? start - 2 ** 32 : start;

/** Steps at the beginning of a window that lie before its sequence. */
export function missingSteps(data: SequenceData, start: number): number {
  const { sequences, window } = data;
  if (sequences === undefined) return 0;
  const first = firstRow(data, start);
  let low = 0;
  for (let high = sequences.length - 1; low < high; ) {
    const middle = (low + high + 1) >> 1;
    if (sequences[middle]! < first + window) low = middle;
    else high = middle - 1;
  }
  return Math.max(0, sequences[low]! - first);
}

/** Output values per window. */
export const outputsPerWindow = (spec: ModelSpec, window: number): number =>
  spec.outputs * (spec.readout === 'every' ? window : 1);

/** What the network learns for target `index` (an index into `targets`), `row` being the target's row. */
export function learnedTarget(
  { difference, features, targets, values }: SequenceData,
  row: number,
  index: number,
): number {
  const value = values[row * features + targets[index]!]!;
  if (difference === undefined) return value;
  return (value - values[(row - difference.lag) * features + targets[index]!]!) / difference.scales[index]!;
}

/** Target values per output row, as the loss reads them; 0 for masked steps. */
export function gatherTargets(
  data: SequenceData,
  readout: ModelSpec['readout'],
  starts: Uint32Array,
  into: Float32Array | Float64Array,
): void {
  const first = readout === 'every' ? 0 : data.window - 1;
  let next = 0;
  for (const start of starts) {
    const base = firstRow(data, start);
    const missing = missingSteps(data, start);
    for (let step = first; step < data.window; step++) {
      for (let i = 0; i < data.targets.length; i++) {
        into[next++] = step < missing ? 0 : learnedTarget(data, base + step + data.horizon, i);
      }
    }
  }
}
