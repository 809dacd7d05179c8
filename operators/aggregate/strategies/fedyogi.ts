import type { MeanStrategy } from '../strategy.ts';
import { adaptiveOptions, adaptiveStep } from './adaptive.ts';

/** FedYogi (arXiv 2003.00295): v⁺ = v − (1 − β₂)Δ̄² · sign(v − Δ̄²). */
export const fedyogi: MeanStrategy = {
  name: 'fedyogi',
  description: 'Yogi on the server: like FedAdam, but its second moment changes slowly',
  options: adaptiveOptions(0.01, 0.9, 0.99),
  needs: 'mean',
  weighting: 'count',
  step: adaptiveStep((v, squared, beta2) => v - (1 - beta2) * squared * Math.sign(v - squared)),
};
