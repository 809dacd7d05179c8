/**
 * Updates as integers modulo 2³², so that masks cancel exactly.
 *
 * Every silo sends round(p_i · clip(Δ_i, ±range) · 2³⁰ / range). As Σp_i ≤ 1, the true sum lies within ±2³⁰ and cannot
 * wrap around, however many silos there are; the step is range / 2³⁰. Rounding is to the nearest, hence repeatable.
 */
import type { Vector } from '../strategy.ts';

const UNIT = 2 ** 30;

/** The largest |Δ| of one weight that is sent as it is; larger ones are clipped. */
export const DEFAULT_RANGE = 8;

/** The quantisation step of one silo's contribution. The sum of n silos is within n / 2 steps of the plain sum. */
export const quantisationStep = (range: number): number => range / UNIT;

/** `share` · `delta` in the ring. */
export function encode(delta: Vector, share: number, range: number): Uint32Array {
  const out = new Uint32Array(delta.length);
  const scale = (share * UNIT) / range;
  for (let i = 0; i < out.length; i++) {
    const clipped = Math.min(range, Math.max(-range, delta[i]!));
    // A typed array stores a negative integer modulo 2³².
    out[i] = Math.round(clipped * scale);
  }
  return out;
}

/** The sum of encoded contributions, back as numbers. */
export function decode(sum: Uint32Array, range: number): Float64Array {
  const out = new Float64Array(sum.length);
  const step = quantisationStep(range);
  for (let i = 0; i < out.length; i++) out[i] = (sum[i]! | 0) * step;
  return out;
}

/** Adds `values` into `sum`, modulo 2³². */
export function addInto(sum: Uint32Array, values: Uint32Array): void {
  for (let i = 0; i < sum.length; i++) sum[i] = sum[i]! + values[i]!;
}
