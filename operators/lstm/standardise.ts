/** Statistics and scaling of the row buffer. */
import type { Moments, TrainedFeatures } from './statistics.ts';
import type { Segment } from './windows.ts';

/** Exact moments of every feature over the training rows, in two passes of float64. `origin` is added back. */
export function trainingMoments(values: Float32Array, origin: Float64Array, segments: readonly Segment[]): Moments[] {
  const width = origin.length;
  const sums = new Float64Array(width);
  const squares = new Float64Array(width);
  const training = segments.filter((segment) => segment.part === 'train');
  const n = training.reduce((rows, segment) => rows + segment.end - segment.start, 0);
  for (const { start, end } of training) {
    for (let at = start * width; at < end * width; at += width) {
      for (let f = 0; f < width; f++) sums[f]! += values[at + f]!;
    }
  }
  const means = sums.map((sum) => (n === 0 ? 0 : sum / n));
  for (const { start, end } of training) {
    for (let at = start * width; at < end * width; at += width) {
      for (let f = 0; f < width; f++) {
        const difference = values[at + f]! - means[f]!;
        squares[f]! += difference * difference;
      }
    }
  }
  return Array.from(means, (mean, f) => ({ n, mean: mean + origin[f]!, m2: squares[f]! }));
}

/**
 * Scales in place and closes the gaps that dropped features leave: afterwards a row has `kept` values. Returns the view of
 * the shortened buffer.
 */
export function scaleRows(values: Float32Array, origin: Float64Array, { kept, scales }: TrainedFeatures): Float32Array {
  const width = origin.length;
  const rows = values.length / width;
  const shift = Float64Array.from(kept, (feature, k) => origin[feature]! - scales[k]!.mean);
  const factor = Float64Array.from(scales, ({ deviation }) => 1 / deviation);
  let to = 0;
  for (let row = 0; row < rows; row++) {
    for (let k = 0; k < kept.length; k++) {
      values[to++] = (values[row * width + kept[k]!]! + shift[k]!) * factor[k]!;
    }
  }
  return values.subarray(0, to);
}
