import type { MeanStrategy } from '../strategy.ts';
import { adaptiveOptions, adaptiveStep } from './adaptive.ts';

/** FedAdagrad (arXiv 2003.00295): v⁺ = v + Δ̄². */
export const fedadagrad: MeanStrategy = {
  name: 'fedadagrad',
  description: 'Adagrad on the server: steps shrink with all updates so far',
  options: adaptiveOptions(0.1, 0),
  needs: 'mean',
  weighting: 'count',
  step: adaptiveStep((v, squared) => v + squared),
};
