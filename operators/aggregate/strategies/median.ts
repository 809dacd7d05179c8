import { medianOf, perCoordinate } from '../coordinates.ts';
import type { IndividualStrategy } from '../strategy.ts';

/** Coordinate-wise median (Yin et al. 2018, arXiv 1803.01498). Ignores counts. */
export const median: IndividualStrategy = {
  name: 'median',
  description: 'robust: the median of every weight',
  options: [],
  needs: 'updates',
  leastUpdates: () => 3,
  combine: (global, updates, state) => {
    const deltas = updates.map((update) => update.delta);
    return { weights: perCoordinate(global, deltas, medianOf), state };
  },
};
