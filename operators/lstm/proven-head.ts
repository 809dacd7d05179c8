/**
 * How far a silo may move from the federation's head to the one it has tuned: as far as its validation rows prove. Outputs are linear
 * in the head, so a head in between puts out what lies in between, and the proof is that of a network of changes (change-share.ts):
 * the change being from the federation's prediction.
 */
import type { ModelSpec } from '../../src/plan/training.ts';
import { firstRow, outputsPerWindow, type SequenceData } from './backend.ts';
import { changeSums, leastShare } from './change-share.ts';
import { pointOutput } from './model.ts';

/** Outputs of the same validation windows, as the backend puts them out. */
export interface ComparedOutputs {
  readonly federated: Float32Array;
  readonly tuned: Float32Array;
  readonly starts: Uint32Array;
}

/** 0 … 1, of regressions. @param block windows whose errors go together: a season, or the horizon */
export function provenPart(
  model: ModelSpec,
  { features, horizon, targets, values, window, ...rest }: SequenceData,
  { federated, starts, tuned }: ComparedOutputs,
  block: number,
): number {
  const size = outputsPerWindow(model, window);
  return leastShare(
    targets.map((column, i) => {
      const output = size - model.outputs + pointOutput(model, i, targets.length);
      const moved = new Float64Array(starts.length);
      const actual = new Float64Array(starts.length);
      starts.forEach((start, k) => {
        const row = firstRow({ features, horizon, targets, values, window, ...rest }, start) + window - 1 + horizon;
        const before = federated[k * size + output]!;
        moved[k] = tuned[k * size + output]! - before;
        actual[k] = values[row * features + column]! - before;
      });
      return { change: changeSums(moved, actual, block) };
    }),
  );
}

/** The head so far on the way from one to the other. */
export const headBetween = (from: Float32Array, to: Float32Array, part: number): Float32Array =>
  from.map((weight, k) => weight + part * (to[k]! - weight));
