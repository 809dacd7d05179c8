/** The epochs of one round of local training, wherever they are run. */
import type { LocalTrainingSpec } from '../../src/plan/training.ts';
import type { TrainingBackend } from './backend.ts';
import { deriveSeed, MersenneTwister, shuffle } from './random.ts';

export interface Epochs extends Pick<LocalTrainingSpec, 'batch' | 'epochs' | 'seed'> {
  readonly silo: string;
  /** From 1. Silo, seed, round and epoch decide the order of the windows. */
  readonly round: number;
  /** Training windows. */
  readonly windows: Uint32Array;
  readonly learningRate: number;
  /** Called before each step; may throw. */
  readonly beforeStep?: () => void;
  /** Called after each step, counted from 1. */
  readonly onStep?: (step: number) => void;
  /** What is thrown when numbers run away in the batch `starts`. */
  readonly diverged: (what: string, starts: Uint32Array) => Error;
}

export interface EpochsResult {
  readonly weights: Float32Array;
  /** Mean training loss of each epoch, each batch taken before its step. */
  readonly losses: readonly number[];
  readonly steps: number;
}

/** Takes the backend from the weights that it has; its optimizer has been started. */
export function trainEpochs(backend: TrainingBackend, run: Epochs): EpochsResult {
  const { batch, beforeStep, diverged, epochs, learningRate, onStep, round, seed, silo, windows } = run;
  const losses: number[] = [];
  let steps = 0;
  let last = windows;
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const order = windows.slice();
    shuffle(order, new MersenneTwister(deriveSeed(seed, silo, round, epoch)));
    let sum = 0;
    for (let from = 0; from < order.length; from += batch) {
      beforeStep?.();
      const starts = order.subarray(from, from + batch);
      const loss = backend.trainStep(starts, {
        learningRate,
        dropoutSeed: deriveSeed(seed, silo, round, epoch, from),
      });
      if (!Number.isFinite(loss)) {
        throw diverged(`the training loss is ${loss} at step ${steps + 1} of round ${round}`, starts);
      }
      sum += loss * starts.length;
      last = starts;
      steps++;
      onStep?.(steps);
    }
    losses.push(sum / order.length);
  }
  const weights = backend.getWeights();
  if (!weights.every(Number.isFinite)) {
    // No loss comes after the last step that would have told.
    throw diverged(`weights are infinite or no numbers after step ${steps} of round ${round}`, last);
  }
  return { weights, losses, steps };
}
