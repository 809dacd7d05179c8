/** The loss of a batch in which steps are missing: masked rows count for nothing. */
import type { ModelSpec } from '../../src/plan/training.ts';
import { missingSteps, type SequenceData } from './backend.ts';
import type { Floats, LossFunction } from './losses.ts';

/** 1 for every output row whose step is missing; undefined where none can be (the last step never is). */
export type OutputMask = Uint8Array | undefined;

/** In the order of windows, then steps; or (`timeMajor`) of steps, then windows. */
export function outputMask(
  data: SequenceData,
  readout: ModelSpec['readout'],
  starts: Uint32Array,
  timeMajor = false,
): OutputMask {
  if (data.sequences === undefined || readout === 'last') return undefined;
  const mask = new Uint8Array(starts.length * data.window);
  starts.forEach((start, k) => {
    const missing = missingSteps(data, start);
    for (let t = 0; t < missing; t++) mask[timeMajor ? t * starts.length + k : k * data.window + t] = 1;
  });
  return mask;
}

/** Calls `use` for every run of rows [from, to) that counts. */
function forRuns(mask: OutputMask, rows: number, use: (from: number, to: number) => void): void {
  if (mask === undefined) {
    use(0, rows);
    return;
  }
  for (let from = 0; from < rows; ) {
    if (mask[from] === 1) {
      from++;
      continue;
    }
    let to = from + 1;
    while (to < rows && mask[to] === 0) to++;
    use(from, to);
    from = to;
  }
}

const part = (floats: Floats, from: number, to: number): Floats => floats.subarray(from, to) as Floats;

/** `LossFunction.weight` of the rows that count. */
export function maskedWeight(loss: LossFunction, targets: Floats, rows: number, mask: OutputMask): number {
  let sum = 0;
  forRuns(mask, rows, (from, to) => {
    sum += loss.weight(part(targets, from * loss.targets, to * loss.targets), to - from);
  });
  return sum;
}

/** `LossFunction.accumulate` of the rows that count; slopes of the others become 0. */
export function accumulateMasked(
  loss: LossFunction,
  outputs: Floats,
  targets: Floats,
  gradient: Floats,
  rows: number,
  scale: number,
  mask: OutputMask,
): number {
  if (mask === undefined) return loss.accumulate(outputs, targets, gradient, rows, scale);
  const width = gradient.length / rows;
  gradient.fill(0);
  let sum = 0;
  forRuns(mask, rows, (from, to) => {
    const of = (floats: Floats) => part(floats, from * width, to * width);
    const known = part(targets, from * loss.targets, to * loss.targets);
    sum += loss.accumulate(of(outputs), known, of(gradient), to - from, scale);
  });
  return sum;
}
