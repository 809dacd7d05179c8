import { medianOf, perCoordinate } from '../coordinates.ts';
import { byzantine, distancesBetween, ranked } from '../krum-scores.ts';
import type { IndividualStrategy } from '../strategy.ts';

/**
 * Bulyan (El Mhamdi et al. 2018, arXiv 1802.07927): Krum picks θ = n − 2f updates one after the other, each among the
 * rest; then every weight is the mean of the θ − 2f picked values nearest to their median.
 */
export const bulyan: IndividualStrategy = {
  name: 'bulyan',
  description: 'robust: Krum’s choice, then a trimmed mean around the median',
  options: [byzantine],
  needs: 'updates',
  leastUpdates: ({ byzantine: f }) => 4 * f! + 3,
  combine: (global, updates, state, { byzantine: f }) => {
    const deltas = updates.map((update) => update.delta);
    const picked = selection(deltas, f!).map((k) => deltas[k]!);
    const kept = picked.length - 2 * f!;
    return { weights: perCoordinate(global, picked, (ascending) => nearestMean(ascending, kept)), state };
  },
};

/** Indices in the order in which iterated Krum picks them. */
export function selection(deltas: readonly (Float32Array | Float64Array)[], f: number): number[] {
  const distances = distancesBetween(deltas);
  const picked: number[] = [];
  let rest = [...deltas.keys()];
  while (picked.length < deltas.length - 2 * f) {
    const [best] = ranked(distances, rest, f);
    picked.push(best!);
    rest = rest.filter((k) => k !== best);
  }
  return picked;
}

/** The mean of the `kept` values nearest to the median; of two equally near the smaller value is kept. */
function nearestMean(ascending: Float64Array, kept: number): number {
  const middle = medianOf(ascending);
  const byDistance = [...ascending].sort((a, b) => Math.abs(a - middle) - Math.abs(b - middle));
  return byDistance.slice(0, kept).reduce((sum, value) => sum + value, 0) / kept;
}
