/**
 * Rényi differential privacy of the Poisson-sampled Gaussian mechanism: Mironov 2017 (arXiv 1702.07476), Mironov,
 * Talwar and Zhang 2019 (arXiv 1908.10530); conversion to (ε, δ) of Balle et al. 2020 (arXiv 1905.09982), theorem 21.
 */
import { logNormalCdf } from './normal.ts';

/** `steps` applications with noise multiplier `z` (standard deviation ÷ sensitivity), each record taken with chance q. */
export interface Mechanism {
  readonly q: number;
  readonly z: number;
  readonly steps: number;
}

/** The orders tried: 1.1 … 10.9 by 0.1, then 12 … 63. */
const ORDERS: readonly number[] = [
  ...Array.from({ length: 99 }, (_, k) => 1 + (k + 1) / 10),
  ...Array.from({ length: 52 }, (_, k) => k + 12),
];

/** ε_R(α) of one step. */
export function rdpAtOrder(q: number, z: number, alpha: number): number {
  if (q === 0) return 0;
  if (q === 1) return alpha / (2 * z * z);
  return (Number.isInteger(alpha) ? logMomentInteger(q, z, alpha) : logMomentFraction(q, z, alpha)) / (alpha - 1);
}

/** The least ε over all orders for the composition of `mechanisms`. */
export function rdpEpsilon(mechanisms: readonly Mechanism[], delta: number): number {
  let best = Number.POSITIVE_INFINITY;
  for (const alpha of ORDERS) {
    const total = mechanisms.reduce((sum, { q, z, steps }) => sum + steps * rdpAtOrder(q, z, alpha), 0);
    const epsilon = total + Math.log((alpha - 1) / alpha) - (Math.log(delta) + Math.log(alpha)) / (alpha - 1);
    if (epsilon < best) best = epsilon;
  }
  return Math.max(0, best);
}

/** ln Σ_k C(α, k) (1 − q)^(α−k) q^k e^((k² − k) / 2z²). */
function logMomentInteger(q: number, z: number, alpha: number): number {
  let sum = Number.NEGATIVE_INFINITY;
  let logChoose = 0;
  for (let k = 0; k <= alpha; k++) {
    if (k > 0) logChoose += Math.log((alpha - k + 1) / k);
    const term = logChoose + k * Math.log(q) + (alpha - k) * Math.log1p(-q) + (k * k - k) / (2 * z * z);
    sum = logAdd(sum, term);
  }
  return sum;
}

/**
 * For fractional α (arXiv 1908.10530, section 3.3): the integral is cut at z₀ = z² ln(1/q − 1) + ½ and both parts are
 * expanded in binomial series. Terms alternate in sign once k > α, so signs are carried beside logarithms.
 */
function logMomentFraction(q: number, z: number, alpha: number): number {
  const cut = z * z * Math.log(1 / q - 1) + 0.5;
  let sum = Number.NEGATIVE_INFINITY;
  let logChoose = 0;
  let sign = 1;
  for (let k = 0; k < 10_000; k++) {
    const j = alpha - k;
    const below =
      logChoose + k * Math.log(q) + j * Math.log1p(-q) + (k * k - k) / (2 * z * z) + logNormalCdf((cut - k) / z);
    const above =
      logChoose + j * Math.log(q) + k * Math.log1p(-q) + (j * j - j) / (2 * z * z) + logNormalCdf((j - cut) / z);
    const term = logAdd(below, above);
    sum = sign > 0 ? logAdd(sum, term) : logSubtract(sum, term);
    if (term < sum - 40 && k > alpha) break;
    const ratio = (alpha - k) / (k + 1);
    logChoose += Math.log(Math.abs(ratio));
    if (ratio < 0) sign = -sign;
  }
  return sum;
}

/** ln(e^a + e^b). */
function logAdd(a: number, b: number): number {
  const [low, high] = a < b ? [a, b] : [b, a];
  return low === Number.NEGATIVE_INFINITY ? high : high + Math.log1p(Math.exp(low - high));
}

/** ln(e^a − e^b) for a > b. */
const logSubtract = (a: number, b: number): number => a + Math.log1p(-Math.exp(b - a));
