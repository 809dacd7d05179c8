import type { MeanStrategy } from '../strategy.ts';
import { addScaled, stateVector } from '../vectors.ts';

/** FedAvgM (Hsu et al. 2019, arXiv 1909.06335): u⁺ = βu + Δ̄; w⁺ = w + ηu⁺. β = 0 and η = 1 is FedAvg. */
export const fedavgm: MeanStrategy = {
  name: 'fedavgm',
  description: 'FedAvg with momentum on the server',
  options: [
    { name: 'momentum', default: 0.9, min: 0, max: 0.999, description: 'β, the part of the last step that is kept' },
    {
      name: 'server_learning_rate',
      default: 1,
      min: 0,
      max: 1e3,
      exclusiveMin: true,
      description: 'η, the length of the server’s step',
    },
  ],
  needs: 'mean',
  weighting: 'count',
  step: (global, mean, state, { momentum, server_learning_rate }) => {
    const velocity = addScaled(mean.delta, stateVector(state, 'velocity', global.length), momentum!);
    return { weights: addScaled(global, velocity, server_learning_rate!), state: { velocity } };
  },
};
