/** Non-negative least squares that can forget. */

/**
 * The sums that a least-squares fit needs, kept up to date one observation at a time: `gram` is Σ w·x·xᵀ (row by row),
 * `moment` is Σ w·y·x. They are all that has to be stored.
 */
export interface NormalEquations {
  readonly gram: Float64Array;
  readonly moment: Float64Array;
}

export const emptyEquations = (size: number): NormalEquations => ({
  gram: new Float64Array(size * size),
  moment: new Float64Array(size),
});

/** Adds the observation `y ≈ x · coefficients` with weight `weight`; what was known before counts `keep` times as much. */
export function observe(equations: NormalEquations, x: readonly number[], y: number, weight: number, keep = 1): void {
  const { gram, moment } = equations;
  const size = moment.length;
  for (let i = 0; i < size; i++) {
    moment[i] = moment[i]! * keep + weight * y * x[i]!;
    for (let j = 0; j < size; j++) {
      gram[i * size + j] = gram[i * size + j]! * keep + weight * x[i]! * x[j]!;
    }
  }
}

/**
 * Coefficients ≥ 0 that minimise ‖y − X·c‖² + ‖(c − prior) / spread‖²: coordinate descent with projection, which
 * converges for the strictly convex problem the second term makes it (Franc, Hlaváč, Navara, CAIP 2005).
 * @param spread how far from `prior` each coefficient may be, one standard deviation
 */
export function solveNonNegative(
  { gram, moment }: NormalEquations,
  prior: readonly number[],
  spread: readonly number[],
): readonly number[] {
  const size = moment.length;
  const solution = Float64Array.from(prior);
  for (let sweep = 0; sweep < 500; sweep++) {
    let moved = 0;
    for (let i = 0; i < size; i++) {
      const pull = 1 / spread[i]! ** 2;
      let right = moment[i]! + pull * prior[i]!;
      for (let j = 0; j < size; j++) if (j !== i) right -= gram[i * size + j]! * solution[j]!;
      const next = Math.max(0, right / (gram[i * size + i]! + pull));
      moved = Math.max(moved, Math.abs(next - solution[i]!) / spread[i]!);
      solution[i] = next;
    }
    if (moved < 1e-9) break;
  }
  return [...solution];
}
