import { byzantine, distancesBetween, ranked } from '../krum-scores.ts';
import type { IndividualStrategy } from '../strategy.ts';
import { addScaled } from '../vectors.ts';

/** Krum (Blanchard et al. 2017, arXiv 1703.02757): the one update that is nearest to its n − f − 2 nearest others. */
export const krum: IndividualStrategy = {
  name: 'krum',
  description: 'robust: takes the one update that most others agree with',
  options: [byzantine],
  needs: 'updates',
  leastUpdates: ({ byzantine: f }) => 2 * f! + 3,
  combine: (global, updates, state, { byzantine: f }) => {
    const deltas = updates.map((update) => update.delta);
    const [best] = ranked(distancesBetween(deltas), [...deltas.keys()], f!);
    return { weights: addScaled(global, deltas[best!]!, 1), state };
  },
};
