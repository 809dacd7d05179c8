/**
 * Central differential privacy of whole silos: DP-FedAvg (McMahan et al. 2018, arXiv 1710.06963) with adaptive
 * clipping (Andrew et al. 2021, arXiv 1905.03871).
 *
 * The mean is Σ p_i clip(Δ_i, C) with shares fixed before the round, over the silos that were expected, so a lost silo
 * does not change the denominator. One silo moves it by at most C · max p_i — not C / n, which under-noises unequal
 * silos — and the noise is z times that.
 */
import { normals } from '../random.ts';
import type { Update } from '../strategy.ts';
import { norm } from '../vectors.ts';

export interface CentralPrivacy {
  /** C, the norm to which updates are clipped; with `adaptive` the first round's. */
  readonly clip: number;
  /** z, what the accountant is told: noise deviation ÷ sensitivity of a round. */
  readonly noiseMultiplier: number;
  /** 32 secret random bytes of this round, journalled so that a resumed round draws the same noise. */
  readonly seed: Uint8Array;
  /** p_i of every silo that was expected; Σp_i = 1. */
  readonly shares: ReadonlyMap<string, number>;
  readonly adaptive?: AdaptiveClip;
}

export interface AdaptiveClip {
  /** γ: the part of the silos that should stay unclipped. */
  readonly quantile: number;
  /** η_C: how fast C follows. */
  readonly rate: number;
  /** σ_b: deviation of the noise on the count of unclipped silos; the paper takes m / 20. */
  readonly countNoise: number;
}

/**
 * The noise multiplier left for the updates when the count is noised too: z_Δ = (z⁻² − (2σ_b)⁻²)^(−½).
 * @throws RangeError when the count's noise alone spends more than z allows (z ≥ 2σ_b).
 */
export function updateNoiseMultiplier(z: number, countNoise: number): number {
  if (z >= 2 * countNoise) {
    throw new RangeError(`adaptive clipping needs a noise multiplier below ${2 * countNoise} here, not ${z}`);
  }
  return (z ** -2 - (2 * countNoise) ** -2) ** -0.5;
}

export interface PrivateMean {
  readonly delta: Float64Array;
  /** C of the next round; this round's unless clipping is adaptive. */
  readonly nextClip: number;
}

/** The noised mean of `updates` (in silo order), clipped to `clip` — the norm in force in this round. */
export function privateMean(updates: readonly Update[], privacy: CentralPrivacy, clip: number): PrivateMean {
  const { shares, adaptive, noiseMultiplier: z, seed } = privacy;
  const normal = normals(seed);
  let delta = new Float64Array(0);
  let unclipped = 0;
  for (const update of updates) {
    const own = update.delta;
    if (delta.length === 0) delta = new Float64Array(own.length);
    const size = norm(own);
    if (size <= clip) unclipped++;
    const scale = (shares.get(update.silo) ?? 0) * Math.min(1, clip / Math.max(size, Number.MIN_VALUE));
    for (let i = 0; i < delta.length; i++) delta[i] = delta[i]! + scale * own[i]!;
  }
  const multiplier = adaptive === undefined ? z : updateNoiseMultiplier(z, adaptive.countNoise);
  const deviation = multiplier * clip * Math.max(...shares.values());
  for (let i = 0; i < delta.length; i++) delta[i] = delta[i]! + deviation * normal();
  const nextClip =
    adaptive === undefined
      ? clip
      : followQuantile(clip, unclipped + adaptive.countNoise * normal(), shares.size, adaptive);
  return { delta, nextClip };
}

/** The sum of updates that the silos clipped to C themselves, noised: for sums of which no part is seen. */
export function noisedSum(sum: Float64Array, { clip, noiseMultiplier, seed, shares }: CentralPrivacy): Float64Array {
  const normal = normals(seed);
  const deviation = noiseMultiplier * clip * Math.max(...shares.values());
  return sum.map((value) => value + deviation * normal());
}

/** C ← C · exp(−η_C (b̃ − γ)), where b̃ is the noised part of silos whose update was within C. */
const followQuantile = (clip: number, unclipped: number, expected: number, { rate, quantile }: AdaptiveClip): number =>
  clip * Math.exp(-rate * (unclipped / expected - quantile));
