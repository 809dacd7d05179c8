/** One step of SGD, Adam, AdamW or RMSprop on flat arrays, with PyTorch's definitions and defaults. */
import type { OptimizerSpec } from '../../src/plan/training.ts';
import type { Floats } from './losses.ts';

/** Moving averages of one training run; zero at its start. */
export interface OptimizerState {
  readonly first: Floats;
  readonly second: Floats;
  steps: number;
}

/** Scales the gradient so that its L2 norm is at most `limit` (torch.nn.utils.clip_grad_norm_). Returns the norm before. */
export function clipNorm(gradient: Floats, limit: number): number {
  let squares = 0;
  for (let i = 0; i < gradient.length; i++) squares += gradient[i]! * gradient[i]!;
  const norm = Math.sqrt(squares);
  const factor = limit / (norm + 1e-6);
  if (factor < 1) for (let i = 0; i < gradient.length; i++) gradient[i] = gradient[i]! * factor;
  return norm;
}

/** Adds a fixed vector, such as SCAFFOLD's c − c_i. */
export function addCorrection(gradient: Floats, correction: Floats): void {
  for (let i = 0; i < gradient.length; i++) gradient[i] = gradient[i]! + correction[i]!;
}

/** Adds FedProx's μ (w − w_global) (Li et al. 2020). */
export function addProximal(gradient: Floats, weights: Floats, centre: Floats, mu: number): void {
  for (let i = 0; i < gradient.length; i++) gradient[i] = gradient[i]! + mu * (weights[i]! - centre[i]!);
}

/** Moves `weights` one step along `gradient`. */
export function optimizerStep(
  spec: OptimizerSpec,
  state: OptimizerState,
  weights: Floats,
  gradient: Floats,
  learningRate: number,
): void {
  state.steps++;
  const decay = spec.weightDecay ?? 0;
  switch (spec.name) {
    case 'sgd':
      sgd(state, weights, gradient, learningRate, spec.momentum ?? 0, decay);
      break;
    case 'rmsprop':
      rmsprop(state, weights, gradient, learningRate, spec.epsilon ?? 1e-8, decay);
      break;
    default:
      adam(spec, state, weights, gradient, learningRate);
  }
}

function sgd(state: OptimizerState, w: Floats, g: Floats, rate: number, momentum: number, decay: number): void {
  const m = state.first;
  for (let i = 0; i < w.length; i++) {
    const gradient = g[i]! + decay * w[i]!;
    m[i] = momentum * m[i]! + gradient;
    w[i] = w[i]! - rate * m[i]!;
  }
}

/** Smoothing constant of torch.optim.RMSprop. */
const RMSPROP_ALPHA = 0.99;

function rmsprop(state: OptimizerState, w: Floats, g: Floats, rate: number, epsilon: number, decay: number): void {
  const v = state.second;
  for (let i = 0; i < w.length; i++) {
    const gradient = g[i]! + decay * w[i]!;
    v[i] = RMSPROP_ALPHA * v[i]! + (1 - RMSPROP_ALPHA) * gradient * gradient;
    w[i] = w[i]! - (rate * gradient) / (Math.sqrt(v[i]!) + epsilon);
  }
}

/** Kingma and Ba (2015); `adamw` decays the weights themselves (Loshchilov and Hutter 2019). */
function adam(spec: OptimizerSpec, state: OptimizerState, w: Floats, g: Floats, rate: number): void {
  const [beta1, beta2] = spec.betas ?? [0.9, 0.999];
  const epsilon = spec.epsilon ?? 1e-8;
  const decoupled = spec.name === 'adamw';
  const decay = spec.weightDecay ?? (decoupled ? 0.01 : 0);
  const correction1 = 1 - beta1 ** state.steps;
  const correction2 = Math.sqrt(1 - beta2 ** state.steps);
  const m = state.first;
  const v = state.second;
  for (let i = 0; i < w.length; i++) {
    const gradient = decoupled ? g[i]! : g[i]! + decay * w[i]!;
    const weight = decoupled ? w[i]! * (1 - rate * decay) : w[i]!;
    m[i] = beta1 * m[i]! + (1 - beta1) * gradient;
    v[i] = beta2 * v[i]! + (1 - beta2) * gradient * gradient;
    w[i] = weight - ((rate / correction1) * m[i]!) / (Math.sqrt(v[i]!) / correction2 + epsilon);
  }
}

/** The learning rate of round `round` (from 1) of `rounds`: cosine to zero, or a tenth after 50 % and again after 75 %. */
export function scheduledRate(spec: OptimizerSpec, round: number, rounds: number): number {
  const done = Math.min(1, (round - 1) / rounds);
  switch (spec.schedule ?? 'constant') {
    case 'cosine':
      return spec.learningRate * 0.5 * (1 + Math.cos(Math.PI * done));
    case 'step':
      return spec.learningRate * (done >= 0.75 ? 0.01 : done >= 0.5 ? 0.1 : 1);
    case 'constant':
      return spec.learningRate;
  }
}
