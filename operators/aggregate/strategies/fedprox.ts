import type { MeanStrategy } from '../strategy.ts';
import { addScaled } from '../vectors.ts';

/**
 * FedProx (Li et al. 2020, arXiv 1812.06127): each silo minimises F_i(v) + (mu / 2) · ‖v − w‖²; the server's step is
 * FedAvg's. mu = 0 is FedAvg.
 */
export const fedprox: MeanStrategy = {
  name: 'fedprox',
  description: 'FedAvg with a pull towards the global model during local training',
  options: [
    { name: 'mu', default: 0.01, min: 0, max: 1e6, description: 'strength of the pull towards the global weights' },
  ],
  needs: 'mean',
  weighting: 'count',
  local: ({ mu }) => ({ proximal: mu! }),
  step: (global, mean, state) => ({ weights: addScaled(global, mean.delta, 1), state }),
};
