import { meanBetween, perCoordinate } from '../coordinates.ts';
import type { IndividualStrategy } from '../strategy.ts';

/**
 * Trimmed mean (Yin et al. 2018, arXiv 1803.01498): per weight the ⌊βn⌋ smallest and largest values are dropped and
 * the rest averaged. Ignores counts.
 */
export const trimmedMean: IndividualStrategy = {
  name: 'trimmed_mean',
  description: 'robust: the mean of every weight without its extremes',
  options: [{ name: 'trim', default: 0.2, min: 0, max: 0.49, description: 'β, the part dropped at each end' }],
  needs: 'updates',
  leastUpdates: () => 3,
  combine: (global, updates, state, { trim }) => {
    const dropped = Math.floor(trim! * updates.length);
    const deltas = updates.map((update) => update.delta);
    const rest = (ascending: Float64Array): number => meanBetween(ascending, dropped, ascending.length - dropped);
    return { weights: perCoordinate(global, deltas, rest), state };
  },
};
