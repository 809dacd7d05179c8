import type { IndividualStrategy } from '../strategy.ts';
import { addScaled, weightedSum } from '../vectors.ts';

/**
 * FedBuff (Nguyen et al. 2022, arXiv 2106.06639): the server keeps a buffer of K updates, whatever version each started
 * from; with τ versions elapsed, s(τ) = (1 + τ)^(−1/2) and w⁺ = w + η_g · (1/K) Σ s(τ_i) Δ_i. The mean is divided by K,
 * not by Σs, as in the paper.
 */
export const fedbuff: IndividualStrategy = {
  name: 'fedbuff',
  description: 'asynchronous: a round ends as soon as K updates have come; stale ones weigh less',
  options: [
    { name: 'buffer', default: 10, min: 1, max: 1e5, integer: true, description: 'K, the updates per round' },
    {
      name: 'server_learning_rate',
      default: 1,
      min: 0,
      max: 1e3,
      exclusiveMin: true,
      description: 'η_g, the length of the server’s step',
    },
  ],
  needs: 'updates',
  leastUpdates: () => 1,
  closesAfter: ({ buffer }) => buffer!,
  combine: (global, updates, state, { server_learning_rate }) => {
    const weights = updates.map((update) => (1 + (update.staleness ?? 0)) ** -0.5 / updates.length);
    const step = weightedSum(
      updates.map((update) => update.delta),
      weights,
    );
    return { weights: addScaled(global, step, server_learning_rate!), state };
  },
};
