/** The normal distribution to nearly full double precision, in the far tails too. */

/** Σ 2ⁿ x^(2n+1) / (2n + 1)!! has positive terms only; beyond this the continued fraction converges faster. */
const SERIES_UP_TO = 2.5;

/** erfc(x) = 1 − erf(x), relative error below 1e-12 for all x. */
export function erfc(x: number): number {
  if (x < 0) return 2 - erfc(-x);
  if (x < SERIES_UP_TO) {
    let term = x;
    let sum = x;
    for (let n = 1; term > sum * 1e-17; n++) {
      term *= (2 * x * x) / (2 * n + 1);
      sum += term;
    }
    return 1 - (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
  }
  // Abramowitz & Stegun 7.1.14: √π e^(x²) erfc(x) = 1 / (x + ½ / (x + 1 / (x + 3⁄2 / (x + …)))).
  if (x > 27.3) return 0;
  // The nearer to zero, the more of the fraction is needed.
  let fraction = x;
  for (let n = Math.ceil(10 + 600 / (x * x)); n >= 1; n--) fraction = x + n / 2 / fraction;
  return Math.exp(-x * x) / (Math.sqrt(Math.PI) * fraction);
}

/** Φ(x), the standard normal's distribution function. */
export const normalCdf = (x: number): number => erfc(-x / Math.SQRT2) / 2;

/** ln Φ(x), finite where Φ(x) underflows. */
export function logNormalCdf(x: number): number {
  if (x > -30) return Math.log(normalCdf(x));
  // Φ(x) ≈ φ(x) / |x| · (1 − 1/x² + 3/x⁴)
  return -0.5 * x * x - Math.log(-x) - 0.5 * Math.log(2 * Math.PI) + Math.log1p(-1 / (x * x) + 3 / x ** 4);
}
