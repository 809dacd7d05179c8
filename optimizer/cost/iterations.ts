/** How many rounds training will need, from a short run on a sample (ML4all, SIGMOD 2017, with a free exponent). */

/** `loss(i) = floor + gain / i^power` for iteration i = 1, 2, … */
export interface LossCurve {
  readonly floor: number;
  readonly gain: number;
  readonly power: number;
  /** Root mean square error of the fit. */
  readonly error: number;
}

const POWERS = Array.from({ length: 39 }, (_, i) => 0.1 + i * 0.05);

/**
 * Fits the curve to losses of iterations 1 … n: for each power the best floor and gain are linear least squares, floor and
 * gain not negative.
 * @returns undefined when there are fewer than three losses, one is not finite, or the loss does not fall
 */
export function fitLossCurve(losses: readonly number[]): LossCurve | undefined {
  if (losses.length < 3 || !losses.every(Number.isFinite)) return undefined;
  let best: LossCurve | undefined;
  for (const power of POWERS) {
    const curve = fitGivenPower(losses, power);
    if (curve !== undefined && (best === undefined || curve.error < best.error)) best = curve;
  }
  return best;
}

function fitGivenPower(losses: readonly number[], power: number): LossCurve | undefined {
  const n = losses.length;
  const basis = losses.map((_, i) => (i + 1) ** -power);
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / n;
  const meanBasis = mean(basis);
  const meanLoss = mean(losses);
  let covariance = 0;
  let variance = 0;
  for (let i = 0; i < n; i++) {
    covariance += (basis[i]! - meanBasis) * (losses[i]! - meanLoss);
    variance += (basis[i]! - meanBasis) ** 2;
  }
  let gain = covariance / variance;
  let floor = meanLoss - gain * meanBasis;
  if (floor < 0) {
    floor = 0;
    gain = basis.reduce((sum, b, i) => sum + b * losses[i]!, 0) / basis.reduce((sum, b) => sum + b * b, 0);
  }
  if (!(gain > 0)) return undefined;
  const error = Math.sqrt(mean(losses.map((loss, i) => (loss - floor - gain * basis[i]!) ** 2)));
  return { floor, gain, power, error };
}

/** The first iteration whose loss is within `tolerance` (relative) of the floor, at most `limit`. */
export function iterationsUntil(curve: LossCurve, tolerance: number, limit: number): number {
  const target = Math.max(curve.floor, 1e-12) * tolerance;
  const needed = (curve.gain / target) ** (1 / curve.power);
  return Math.max(1, Math.min(limit, Math.ceil(needed)));
}

/** The loss the curve expects at an iteration. */
export const lossAt = (curve: LossCurve, iteration: number): number =>
  curve.floor + curve.gain / iteration ** curve.power;
