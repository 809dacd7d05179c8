/** Krum's scores (Blanchard et al. 2017, arXiv 1703.02757, section 4). */
import type { OptionSpec, Vector } from './strategy.ts';
import { squaredDistance } from './vectors.ts';

/** The option that all of Krum's family share. */
export const byzantine: OptionSpec = {
  name: 'byzantine',
  default: 1,
  min: 0,
  max: 1000,
  integer: true,
  description: 'f, how many silos may send anything at all',
};

/** Squared distances between all pairs of updates. */
export function distancesBetween(deltas: readonly Vector[]): Float64Array[] {
  const rows = deltas.map(() => new Float64Array(deltas.length));
  for (let a = 0; a < deltas.length; a++) {
    for (let b = a + 1; b < deltas.length; b++) {
      const distance = squaredDistance(deltas[a]!, deltas[b]!);
      rows[a]![b] = distance;
      rows[b]![a] = distance;
    }
  }
  return rows;
}

/**
 * score_i = Σ of the squared distances from i to its n − f − 2 nearest others, among the `candidates` only. At least
 * one neighbour is counted, which Bulyan's last selections need.
 */
export function krumScores(distances: readonly Float64Array[], candidates: readonly number[], f: number): number[] {
  const neighbours = Math.max(1, candidates.length - f - 2);
  return candidates.map((self) => {
    const others = candidates.filter((other) => other !== self).map((other) => distances[self]![other]!);
    others.sort((a, b) => a - b);
    return others.slice(0, neighbours).reduce((sum, distance) => sum + distance, 0);
  });
}

/** The candidates from the best score to the worst; equal scores keep silo order. */
export function ranked(distances: readonly Float64Array[], candidates: readonly number[], f: number): number[] {
  const scores = krumScores(distances, candidates, f);
  return candidates
    .map((candidate, k) => ({ candidate, score: scores[k]! }))
    .sort((a, b) => a.score - b.score)
    .map(({ candidate }) => candidate);
}
