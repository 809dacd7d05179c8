/**
 * Who masks with whom. Up to 64 silos everybody with everybody (Bonawitz et al. 2017); above, a random k-regular ring
 * with k growing with log n (Bell et al. 2020, ePrint 2020/704), which all silos compute alike from the roster.
 */
import { createHash } from 'node:crypto';

/** The largest cohort in which everybody masks with everybody. */
const COMPLETE_UP_TO = 64;

/** Neighbours of each silo in a graph of `n`. */
export const degree = (n: number): number =>
  n <= COMPLETE_UP_TO ? n - 1 : Math.min(n - 1, 8 * Math.ceil(Math.log2(n)));

/** Neighbours of every silo, sorted by name. `seed` (the cohort's digest) shuffles the ring. */
export function neighbours(silos: readonly string[], seed: string): Map<string, string[]> {
  const key = (silo: string): string => createHash('sha256').update(`${seed}/${silo}`).digest('hex');
  const ring = silos
    .map((silo) => ({ silo, key: key(silo) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ silo }) => silo);
  const reach = Math.ceil(degree(ring.length) / 2);
  return new Map(
    ring.map((silo, at) => {
      const near = new Set<string>();
      for (let step = 1; step <= reach; step++) {
        near.add(ring[(at + step) % ring.length]!);
        near.add(ring[(at - step + ring.length) % ring.length]!);
      }
      near.delete(silo);
      return [silo, [...near].sort()];
    }),
  );
}

/** Shares needed of a neighbourhood (a silo and its neighbours): ⌊2m / 3⌋ + 1, which withstands an active server. */
export const threshold = (neighbourhood: number): number => Math.floor((2 * neighbourhood) / 3) + 1;
