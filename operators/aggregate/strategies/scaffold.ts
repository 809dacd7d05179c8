import { CausewayError, SQLSTATE } from '../../../src/plan/errors.ts';
import type { MeanStrategy } from '../strategy.ts';
import { addScaled, stateVector } from '../vectors.ts';

/**
 * SCAFFOLD (Karimireddy et al. 2020, arXiv 1910.06378): silos step v ← v − η_l(∇F_i(v) − c_i + c) and send Δ_i and
 * c_i⁺ − c_i; w⁺ = w + η_g · mean Δ_i; c⁺ = c + (|S| / N) · mean(c_i⁺ − c_i). `state.control` is c, which silos need
 * with the weights.
 */
export const scaffold: MeanStrategy = {
  name: 'scaffold',
  description: 'corrects the drift of unlike silos with control variates; doubles what is sent to silos',
  options: [
    {
      name: 'server_learning_rate',
      default: 1,
      min: 0,
      max: 1e3,
      exclusiveMin: true,
      description: 'η_g, the length of the server’s step',
    },
  ],
  needs: 'mean',
  weighting: 'equal',
  local: () => ({ controlVariates: true }),
  step: (global, mean, state, { server_learning_rate }) => {
    if (mean.control === undefined) {
      throw new CausewayError(SQLSTATE.internalError, 'a SCAFFOLD round came without control variates');
    }
    const control = addScaled(
      stateVector(state, 'control', global.length),
      mean.control,
      mean.cohort / mean.population,
    );
    return { weights: addScaled(global, mean.delta, server_learning_rate!), state: { control } };
  },
};

/**
 * The silo's next control variate, option II of the paper: c_i⁺ = c_i − c + (w − v) / (K η_l) = c_i − c − Δ_i / (K η_l)
 * after `steps` = K plain SGD steps at `learningRate` = η_l.
 */
export function nextControl(
  own: Float64Array,
  server: Float64Array,
  delta: Float32Array,
  steps: number,
  learningRate: number,
): Float64Array {
  return own.map((value, i) => value - server[i]! - delta[i]! / (steps * learningRate));
}
