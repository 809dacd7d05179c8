import { byzantine, distancesBetween, ranked } from '../krum-scores.ts';
import type { IndividualStrategy } from '../strategy.ts';
import { addScaled, mean } from '../vectors.ts';

/** Multi-Krum (arXiv 1703.02757, section 6): the unweighted mean of the m ≤ n − f updates with the best Krum scores. */
export const multiKrum: IndividualStrategy = {
  name: 'multi_krum',
  description: 'robust: the mean of the updates that agree best',
  options: [
    byzantine,
    { name: 'keep', default: 0, min: 0, max: 1e6, integer: true, description: 'm, updates averaged; 0: n − f' },
  ],
  needs: 'updates',
  leastUpdates: ({ byzantine: f }) => 2 * f! + 3,
  combine: (global, updates, state, { byzantine: f, keep }) => {
    const deltas = updates.map((update) => update.delta);
    const most = deltas.length - f!;
    const m = keep === 0 ? most : Math.min(keep!, most);
    const best = ranked(distancesBetween(deltas), [...deltas.keys()], f!).slice(0, m);
    const chosen = best.sort((a, b) => a - b).map((k) => deltas[k]!);
    return { weights: addScaled(global, mean(chosen), 1), state };
  },
};
