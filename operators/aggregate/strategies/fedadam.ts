import type { MeanStrategy } from '../strategy.ts';
import { adaptiveOptions, adaptiveStep } from './adaptive.ts';

/** FedAdam (arXiv 2003.00295): v⁺ = β₂v + (1 − β₂)Δ̄². */
export const fedadam: MeanStrategy = {
  name: 'fedadam',
  description: 'Adam on the server, over the mean update',
  options: adaptiveOptions(0.01, 0.9, 0.99),
  needs: 'mean',
  weighting: 'count',
  step: adaptiveStep((v, squared, beta2) => beta2 * v + (1 - beta2) * squared),
};
