/** Float64 arithmetic on flat parameter vectors. Sums run in index order, so that results repeat bit for bit. */
import type { Vector } from './strategy.ts';

/** w + scale · d, as float64. */
export function addScaled(w: Vector, d: Vector, scale: number): Float64Array {
  const out = new Float64Array(w.length);
  for (let i = 0; i < out.length; i++) out[i] = w[i]! + scale * d[i]!;
  return out;
}

/** ‖a‖², as float64. NaN or infinite exactly when an element is, or when the sum overflows. */
export function squaredNorm(a: Vector): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * a[i]!;
  return sum;
}

/** ‖a‖, the Euclidean norm. */
export const norm = (a: Vector): number => Math.sqrt(squaredNorm(a));

/** ‖a − b‖². */
export function squaredDistance(a: Vector, b: Vector): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = a[i]! - b[i]!;
    sum += difference * difference;
  }
  return sum;
}

/** Σ weights[k] · vectors[k], k in the order given. */
export function weightedSum(vectors: Iterable<Vector>, weights: readonly number[]): Float64Array {
  let out: Float64Array | undefined;
  let k = 0;
  for (const vector of vectors) {
    out ??= new Float64Array(vector.length);
    const weight = weights[k++]!;
    for (let i = 0; i < out.length; i++) out[i] = out[i]! + weight * vector[i]!;
  }
  return out ?? new Float64Array(0);
}

/** The unweighted mean: the sum in the order given, divided once. */
export function mean(vectors: readonly Vector[]): Float64Array {
  const out = weightedSum(
    vectors,
    vectors.map(() => 1),
  );
  for (let i = 0; i < out.length; i++) out[i] = out[i]! / vectors.length;
  return out;
}

/** `state[name]`, or zeros on the first round. */
export const stateVector = (
  state: Readonly<Record<string, Float64Array>>,
  name: string,
  length: number,
): Float64Array => state[name] ?? new Float64Array(length);
