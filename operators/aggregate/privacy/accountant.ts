/** How much privacy a training run costs, by the tightest accountant that is exact enough for it. */
import { gaussianEpsilon, leastWhere } from './gaussian.ts';
import { privacyLossEpsilon } from './privacy-loss.ts';
import { type Mechanism, rdpEpsilon } from './rdp.ts';

export interface PrivacyCost {
  readonly epsilon: number;
  /** `exact` when nothing is sampled, `prv` by privacy loss variables, `rdp` where those would take too long. */
  readonly accountant: 'exact' | 'prv' | 'rdp';
}

/** Privacy loss variables take up to a second of work, and the same runs are asked for again and again. */
const KNOWN = new Map<string, PrivacyCost>();
const MOST_KNOWN = 1000;

/** Points of a grid that take about so long; what needs more is bounded by Rényi's accountant. */
const MOST_POINTS = 2 ** 19;

/** An upper bound on ε of the composition of `mechanisms` at `delta`. */
export function privacyCost(mechanisms: readonly Mechanism[], delta: number): PrivacyCost {
  const active = mechanisms.filter(({ q, steps }) => q > 0 && steps > 0);
  const name = JSON.stringify([delta, active.map(({ q, steps, z }) => [q, z, steps])]);
  const known = KNOWN.get(name) ?? costOf(active, delta);
  if (KNOWN.size >= MOST_KNOWN) KNOWN.clear();
  KNOWN.set(name, known);
  return known;
}

function costOf(active: readonly Mechanism[], delta: number): PrivacyCost {
  if (active.length === 0) return { epsilon: 0, accountant: 'exact' };
  if (active.some(({ z }) => z === 0)) return { epsilon: Number.POSITIVE_INFINITY, accountant: 'exact' };
  if (active.every(({ q }) => q === 1)) {
    const mu = Math.sqrt(active.reduce((sum, { z, steps }) => sum + steps / (z * z), 0));
    return { epsilon: gaussianEpsilon(mu, delta), accountant: 'exact' };
  }
  const rdp = rdpEpsilon(active, delta);
  // Below this the FFT's rounding noise would show in δ.
  const prv = delta < 1e-9 ? undefined : privacyLossEpsilon(active, delta, MOST_POINTS);
  if (prv === undefined || rdp <= prv.upper) return { epsilon: rdp, accountant: 'rdp' };
  return { epsilon: prv.upper, accountant: 'prv' };
}

/** How near Rényi's bound is met, and the part of ε that the search for less noise may leave: each look is dear. */
const NOISE_SLACK = 1e-3;
const EPSILON_SLACK = 1e-2;

/** The least noise multiplier with which `steps` rounds stay within (`epsilon`, `delta`), rounded up: at least 99 % of ε is spent. */
export function noiseFor(epsilon: number, delta: number, q: number, steps: number): number {
  if (q === 1) {
    // ε depends on μ = √T / z alone, so z is √T over the largest μ that fits.
    const inverse = leastWhere((reciprocal) => reciprocal > 0 && gaussianEpsilon(1 / reciprocal, delta) <= epsilon);
    return Math.sqrt(steps) * inverse;
  }
  // Rényi's bound is quick and on the safe side.
  let high = 1;
  while (rdpEpsilon([{ q, z: high, steps }], delta) > epsilon) high *= 2;
  for (let low = 0; high - low > high * NOISE_SLACK; ) {
    const middle = (low + high) / 2;
    if (rdpEpsilon([{ q, z: middle, steps }], delta) <= epsilon) high = middle;
    else low = middle;
  }
  return tightened(high, epsilon, (z) => privacyCost([{ q, z, steps }], delta).epsilon);
}

/**
 * Less noise where the tighter accountant allows it. ln ε falls with ln z nearly along a line, so a secant finds its place in a few
 * looks, each of which is dear.
 */
function tightened(fits: number, epsilon: number, cost: (z: number) => number): number {
  let [high, costHigh] = [fits, cost(fits)];
  // A noise that is known to be too little.
  let low = 0;
  let steepness = 1.2;
  while (costHigh < epsilon * (1 - EPSILON_SLACK) && high - low > high * NOISE_SLACK) {
    // Half of what may be left, so that the next look is on the side that fits.
    const line = high * (costHigh / (epsilon * (1 - EPSILON_SLACK / 2))) ** (1 / steepness);
    const guess = line > low && line < high ? line : (low + high) / 2;
    const found = cost(guess);
    const [otherZ, other] = found <= epsilon ? [high, costHigh] : [guess, found];
    const [z, of] = found <= epsilon ? [guess, found] : [high, costHigh];
    steepness = Math.max(0.1, Math.log(other / of) / Math.log(z / otherZ));
    if (found <= epsilon) [high, costHigh] = [guess, found];
    else low = guess;
  }
  return high;
}
