/** The common step of the adaptive server optimizers of Reddi et al. 2021 (arXiv 2003.00295, algorithm 2). */
import type { MeanStrategy, OptionSpec, Step } from '../strategy.ts';
import { stateVector } from '../vectors.ts';

/** v⁺ from v and Δ̄² of one coordinate. */
type SecondMoment = (v: number, squared: number, beta2: number) => number;

/**
 * m⁺ = β₁m + (1 − β₁)Δ̄; v⁺ by `secondMoment`; w⁺ = w + η m⁺ / (√v⁺ + τ). No bias correction, as in the paper.
 * `initial` is v before the first round: the paper demands v₋₁ ≥ τ², which is `initial => 1` in units of τ².
 */
export function adaptiveStep(secondMoment: SecondMoment): MeanStrategy['step'] {
  return (global, mean, state, options): Step => {
    const { server_learning_rate: eta, beta1, beta2 = 0, tau, initial } = options;
    const m = stateVector(state, 'm', global.length);
    const v = state.v ?? new Float64Array(global.length).fill(initial! * tau! * tau!);
    const weights = new Float64Array(global.length);
    const nextM = new Float64Array(global.length);
    const nextV = new Float64Array(global.length);
    for (let i = 0; i < weights.length; i++) {
      const delta = mean.delta[i]!;
      nextM[i] = beta1! * m[i]! + (1 - beta1!) * delta;
      nextV[i] = secondMoment(v[i]!, delta * delta, beta2);
      weights[i] = global[i]! + (eta! * nextM[i]!) / (Math.sqrt(nextV[i]!) + tau!);
    }
    return { weights, state: { m: nextM, v: nextV } };
  };
}

/** The options the three share, with each one's defaults. */
export const adaptiveOptions = (eta: number, beta1: number, beta2?: number): OptionSpec[] => [
  {
    name: 'server_learning_rate',
    default: eta,
    min: 0,
    max: 1e3,
    exclusiveMin: true,
    description: 'η, the length of the server’s step',
  },
  { name: 'beta1', default: beta1, min: 0, max: 0.9999, description: 'β₁, decay of the first moment' },
  ...(beta2 === undefined
    ? []
    : [{ name: 'beta2', default: beta2, min: 0, max: 0.99999, description: 'β₂, decay of the second moment' }]),
  {
    name: 'tau',
    default: 1e-3,
    min: 0,
    max: 1e3,
    exclusiveMin: true,
    description: 'τ, the degree of adaptivity: larger is nearer to plain averaging',
  },
  { name: 'initial', default: 1, min: 0, max: 1e12, description: 'second moment before round 1, in units of τ²' },
];
