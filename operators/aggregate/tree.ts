/**
 * A round's sum by a tree: silos in the order of their names, `fanIn` of them below each lowest node, `fanIn` nodes below each node
 * above. Every node adds what is below it in order, so that for one set of silos and one fan-in the sum repeats bit for bit; it
 * agrees with the flat sum to the rounding of float64 (|error| ≤ (fanIn − 1) · levels · 2⁻⁵³ · Σ|n_i Δ_i|, Higham 2002, §4.2: the flat
 * bound has the number of silos instead of fan-in times levels).
 */
import { inSiloOrder } from './checks.ts';
import { mergePartials, type PartialSum, partialSum } from './partial.ts';
import type { MeanStrategy, Update } from './strategy.ts';

/** Levels of nodes above so many silos. */
export function treeLevels(silos: number, fanIn: number): number {
  let levels = 1;
  for (let reach = fanIn; reach < silos; reach *= fanIn) levels++;
  return levels;
}

/** Depth first: besides the sums on the way from a silo to the root nothing is in memory. */
export function treeSum(strategy: MeanStrategy, updates: readonly Update[], fanIn: number): PartialSum {
  const ordered = inSiloOrder(updates);
  const below = (name: string, part: readonly Update[]): PartialSum => {
    if (part.length <= fanIn) return partialSum(name, strategy, part);
    const each = fanIn ** (treeLevels(part.length, fanIn) - 1);
    let sum: PartialSum | undefined;
    for (let from = 0; from < part.length; from += each) {
      const child = below(`${name}.${from}`, part.slice(from, from + each));
      sum = sum === undefined ? { ...child, name } : mergePartials(name, [{ ...sum, name: '' }, child]);
    }
    return sum!;
  };
  return below('federation', ordered);
}
