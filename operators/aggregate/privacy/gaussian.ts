/**
 * The exact privacy of the Gaussian mechanism when everybody takes part in every round (q = 1), as silos do:
 * Balle and Wang 2018 (arXiv 1805.06530), theorem 8. T rounds with noise multiplier z are one with μ = √T / z.
 */
import { logNormalCdf, normalCdf } from './normal.ts';

/** δ(ε) = Φ(μ/2 − ε/μ) − e^ε Φ(−μ/2 − ε/μ). */
export const gaussianDelta = (mu: number, epsilon: number): number =>
  normalCdf(mu / 2 - epsilon / mu) - Math.exp(epsilon + logNormalCdf(-mu / 2 - epsilon / mu));

/** The least ε with δ(ε) ≤ `delta`. */
export function gaussianEpsilon(mu: number, delta: number): number {
  return leastWhere((epsilon) => gaussianDelta(mu, epsilon) <= delta);
}

/** The least x ≥ 0 from which on `holds`, by doubling and bisection to the last bit that matters. */
export function leastWhere(holds: (x: number) => boolean): number {
  if (holds(0)) return 0;
  let high = 1;
  while (!holds(high)) {
    high *= 2;
    if (high > 1e9) return Number.POSITIVE_INFINITY;
  }
  let low = 0;
  for (let i = 0; i < 100; i++) {
    const middle = (low + high) / 2;
    if (holds(middle)) high = middle;
    else low = middle;
  }
  return high;
}
