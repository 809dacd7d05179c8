import type { MeanStrategy } from '../strategy.ts';
import { addScaled } from '../vectors.ts';

/** FedAvg (McMahan et al. 2017, arXiv 1602.05629): w⁺ = w + Σ p_i Δ_i, p_i = n_i / Σn. */
export const fedavg: MeanStrategy = {
  name: 'fedavg',
  description: 'weighted mean of the local models',
  options: [],
  needs: 'mean',
  weighting: 'count',
  step: (global, mean, state) => ({ weights: addScaled(global, mean.delta, 1), state }),
};
