/** DP-SGD inside a silo (Abadi et al. 2016, arXiv 1607.00133): every unit's gradient is clipped, the sum is noised. */
import type { Vector } from '../strategy.ts';
import { norm } from '../vectors.ts';

export interface PrivateStep {
  /** C, the norm to which the gradient of one unit is clipped. */
  readonly clip: number;
  /** z: noise deviation ÷ C. */
  readonly noiseMultiplier: number;
  /** The expected number of units per batch, q · N: a fixed divisor, whatever the Poisson sample's size. */
  readonly expectedBatch: number;
  /** Standard normal numbers, see normals(). */
  readonly normal: () => number;
}

/**
 * The noised mean gradient of one batch. `units` gives one gradient per unit of protection: per window for record
 * level; for entity level, the sum over the entity's windows in the batch, so that an entity with many windows is
 * clipped as one. An empty batch gives noise only, as the accounting demands.
 */
export function privateGradient(units: Iterable<Vector>, parameters: number, step: PrivateStep): Float32Array {
  const sum = new Float64Array(parameters);
  for (const gradient of units) {
    const scale = Math.min(1, step.clip / Math.max(norm(gradient), Number.MIN_VALUE));
    for (let i = 0; i < parameters; i++) sum[i] = sum[i]! + scale * gradient[i]!;
  }
  const deviation = step.noiseMultiplier * step.clip;
  const out = new Float32Array(parameters);
  for (let i = 0; i < parameters; i++) out[i] = (sum[i]! + deviation * step.normal()) / step.expectedBatch;
  return out;
}

/** Indices of a Poisson sample: each of `count` units with chance `q`, independently. */
export function poissonSample(count: number, q: number, uniform: () => number): number[] {
  const taken: number[] = [];
  for (let i = 0; i < count; i++) if (uniform() < q) taken.push(i);
  return taken;
}
