import type { IndividualStrategy } from '../strategy.ts';
import { squaredNorm } from '../vectors.ts';

/** Keeps F^(q − 1) finite where a silo's loss is zero. */
const LEAST_LOSS = 1e-10;

/**
 * q-FedAvg (Li et al. 2020, arXiv 1905.10497): with L = 1 / η_l, g_i = L(w − w_i), δ_i = F_i^q g_i and
 * h_i = qF_i^(q−1)‖g_i‖² + L F_i^q: w⁺ = w − Σδ_i / Σh_i. F_i is the loss of the weights the silo started from.
 * q = 0 is the unweighted mean.
 */
export const qfedavg: IndividualStrategy = {
  name: 'qfedavg',
  description: 'fairness: silos with a higher loss weigh more',
  options: [
    { name: 'q', default: 0.1, min: 0, max: 100, description: 'how much a high loss weighs; 0 is the plain mean' },
    {
      name: 'local_learning_rate',
      default: 0.1,
      min: 0,
      max: 1e3,
      exclusiveMin: true,
      description: 'η_l; 1 / η_l stands for the loss’s Lipschitz constant',
    },
  ],
  needs: 'updates',
  leastUpdates: () => 1,
  combine: (global, updates, state, options) => {
    const q = options.q!;
    const lipschitz = 1 / options.local_learning_rate!;
    const numerator = new Float64Array(global.length);
    let denominator = 0;
    for (const { delta, loss } of updates) {
      const level = Math.max(loss, LEAST_LOSS);
      const scale = level ** q;
      denominator += q * level ** (q - 1) * lipschitz * lipschitz * squaredNorm(delta) + lipschitz * scale;
      for (let i = 0; i < numerator.length; i++) numerator[i] = numerator[i]! - scale * lipschitz * delta[i]!;
    }
    const weights = numerator.map((value, i) => global[i]! - value / denominator);
    return { weights, state };
  },
};
