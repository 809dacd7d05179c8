/**
 * The k largest weights of an update, with error feedback: what is not sent now is added to the next update (Stich et
 * al. 2018, arXiv 1809.07599): a = Δ + e; send top_k(a); e⁺ = a − top_k(a).
 */
import type { Vector } from '../strategy.ts';

export interface Sparse {
  /** Ascending. */
  readonly indices: Uint32Array;
  readonly values: Float32Array;
}

export interface Sparsified {
  readonly sent: Sparse;
  /** e⁺: kept by the silo until its next update of this run, and dropped when it misses a round. */
  readonly error: Float32Array;
}

/** Of equally large weights the first ones are sent. */
export function sparsify(delta: Vector, error: Float32Array, k: number): Sparsified {
  const rest = Float32Array.from(delta, (value, i) => value + error[i]!);
  const order = Uint32Array.from(rest.keys()).sort((a, b) => Math.abs(rest[b]!) - Math.abs(rest[a]!) || a - b);
  const indices = order.slice(0, Math.min(k, rest.length)).sort();
  const values = new Float32Array(indices.length);
  indices.forEach((index, at) => {
    values[at] = rest[index]!;
    rest[index] = 0;
  });
  return { sent: { indices, values }, error: rest };
}

/** The dense update. @throws RangeError for an index outside the model. */
export function densify({ indices, values }: Sparse, length: number): Float32Array {
  const out = new Float32Array(length);
  indices.forEach((index, at) => {
    if (index >= length) throw new RangeError(`index ${index} is outside a model of ${length} weights`);
    out[index] = values[at]!;
  });
  return out;
}
