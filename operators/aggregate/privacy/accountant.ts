/** How much privacy a training run costs, by the tightest accountant that is exact enough for it. */
import { gaussianEpsilon, leastWhere } from './gaussian.ts';
import { privacyLossEpsilon } from './privacy-loss.ts';
import { type Mechanism, rdpEpsilon } from './rdp.ts';

export interface PrivacyCost {
  readonly epsilon: number;
  /** `exact` when nothing is sampled, `prv` by privacy loss variables, `rdp` where those would take too long. */
  readonly accountant: 'exact' | 'prv' | 'rdp';
}

/**
 * An upper bound on ε of the composition of `mechanisms` at `delta`.
 * @param quick by Rényi's accountant where the tightest would take seconds: a bound that is up to a tenth larger
 */
export function privacyCost(mechanisms: readonly Mechanism[], delta: number, quick = false): PrivacyCost {
  const active = mechanisms.filter(({ q, steps }) => q > 0 && steps > 0);
  if (active.length === 0) return { epsilon: 0, accountant: 'exact' };
  if (active.some(({ z }) => z === 0)) return { epsilon: Number.POSITIVE_INFINITY, accountant: 'exact' };
  if (active.every(({ q }) => q === 1)) {
    const mu = Math.sqrt(active.reduce((sum, { z, steps }) => sum + steps / (z * z), 0));
    return { epsilon: gaussianEpsilon(mu, delta), accountant: 'exact' };
  }
  const rdp = rdpEpsilon(active, delta);
  // Below this the FFT's rounding noise would show in δ.
  const prv = quick || delta < 1e-9 ? undefined : privacyLossEpsilon(active, delta);
  if (prv === undefined || rdp <= prv.upper) return { epsilon: rdp, accountant: 'rdp' };
  return { epsilon: prv.upper, accountant: 'prv' };
}

/**
 * The least noise multiplier with which `steps` rounds stay within (`epsilon`, `delta`), to three digits and rounded up.
 */
export function noiseFor(epsilon: number, delta: number, q: number, steps: number): number {
  if (q === 1) {
    // ε depends on μ = √T / z alone, so z is √T over the largest μ that fits.
    const inverse = leastWhere((reciprocal) => reciprocal > 0 && gaussianEpsilon(1 / reciprocal, delta) <= epsilon);
    return Math.sqrt(steps) * inverse;
  }
  let low = 0;
  let high = 1;
  while (rdpEpsilon([{ q, z: high, steps }], delta) > epsilon) high *= 2;
  while (high - low > high * 1e-3) {
    const middle = (low + high) / 2;
    if (privacyCost([{ q, z: middle, steps }], delta).epsilon <= epsilon) high = middle;
    else low = middle;
  }
  return high;
}
