/**
 * Differentially private SGD inside a silo (Abadi et al. 2016, arXiv 1607.00133): in every step each unit is taken with
 * the same chance, its gradient is clipped, and the sum is noised. What leaves the silo afterwards is private already.
 */
import { createHmac } from 'node:crypto';
import type { LocalPrivacy, LocalTrainingSpec } from '../../src/plan/training.ts';
import { noiseFor } from '../aggregate/privacy/accountant.ts';
import { poissonSample, privateGradient } from '../aggregate/privacy/per-example.ts';
import type { Mechanism } from '../aggregate/privacy/rdp.ts';
import { normals, uniforms } from '../aggregate/random.ts';
import type { TrainingBackend } from './backend.ts';
import { addProximal, optimizerStep } from './optimizers.ts';

/** What noise a round needs, and the secret that it is drawn from. */
export interface RoundNoise {
  readonly mechanism: Mechanism;
  /** 32 bytes that nobody else knows. */
  readonly seed: Uint8Array;
}

const stepsPerEpoch = (windows: number, batch: number): number => Math.ceil(windows / batch);

/** The search takes a second or so, and every round of every silo asks. */
const KNOWN = new Map<string, Mechanism>();

/**
 * A whole run's mechanism in a silo with so many windows: noise that keeps the run within (ε, δ), measured as the privacy ledger does.
 * Every step takes each unit with chance q = batch ÷ windows.
 */
export function runMechanism(
  { delta, epsilon }: LocalPrivacy,
  { batch, epochs, rounds, windows }: Pick<LocalTrainingSpec, 'batch' | 'epochs'> & { rounds: number; windows: number },
): Mechanism {
  const q = Math.min(1, batch / windows);
  const steps = rounds * epochs * stepsPerEpoch(windows, batch);
  const name = JSON.stringify([epsilon, delta, q, steps]);
  const known = KNOWN.get(name);
  if (known !== undefined) return known;
  const found = { q, z: noiseFor(epsilon, delta, q, steps), steps };
  KNOWN.set(name, found);
  return found;
}

/**
 * A round's seed from the silo's key. It depends on all that decides what is released: the same round done again gives the same noise, and
 * no two releases share theirs.
 */
export function noiseSeed(key: Uint8Array, what: unknown, weights: Float32Array): Uint8Array {
  const bytes = new Uint8Array(weights.buffer, weights.byteOffset, weights.byteLength);
  return createHmac('sha256', key).update(JSON.stringify(what)).update(bytes).digest();
}

export interface PrivateRound {
  readonly local: LocalTrainingSpec & { readonly privacy: LocalPrivacy };
  readonly noise: RoundNoise;
  readonly weights: Float32Array;
  readonly learningRate: number;
  /** Training windows of each unit of protection: one for records, all of an entity for entities. */
  readonly units: readonly Uint32Array[];
  /** Throws when the round is to stop; is told after every step. */
  readonly onStep: (steps: number) => void;
}

/** Trains one round with noise. An optimizer's averages see noised gradients only. */
export function trainPrivately(
  backend: TrainingBackend,
  { learningRate, local, noise, onStep, units, weights: first }: PrivateRound,
): { readonly weights: Float32Array; readonly loss: number; readonly steps: number } {
  const { batch, epochs, optimizer, privacy } = local;
  const { mechanism, seed } = noise;
  const uniform = uniforms(createHmac('sha256', seed).update('sample').digest());
  const normal = normals(createHmac('sha256', seed).update('noise').digest());
  const windows = units.reduce((sum, unit) => sum + unit.length, 0);
  const steps = epochs * stepsPerEpoch(windows, batch);
  const weights = first.slice();
  const state = { first: new Float32Array(weights.length), second: new Float32Array(weights.length), steps: 0 };
  let [loss, seen] = [0, 0];
  for (let step = 1; step <= steps; step++) {
    backend.setWeights(weights);
    const taken = poissonSample(units.length, mechanism.q, uniform);
    const gradients = function* () {
      for (const unit of taken) {
        // Of an entity with more windows than a step can hold, so many at random: it is clipped as one all the same.
        const found = backend.gradients(someOf(units[unit]!, batch, uniform));
        loss += found.loss;
        seen++;
        yield found.gradient;
      }
    };
    const gradient = privateGradient(gradients(), weights.length, {
      clip: privacy.clip,
      noiseMultiplier: mechanism.z,
      expectedBatch: mechanism.q * units.length,
      normal,
    });
    if (optimizer.proximal) addProximal(gradient, weights, first, optimizer.proximal);
    optimizerStep(optimizer, state, weights, gradient, learningRate);
    onStep(step);
  }
  return { weights, loss: seen === 0 ? 0 : loss / seen, steps };
}

/** At most `most` of the windows: the first of a random order (Fisher and Yates). */
function someOf(windows: Uint32Array, most: number, uniform: () => number): Uint32Array {
  if (windows.length <= most) return windows;
  const order = windows.slice();
  for (let i = 0; i < most; i++) {
    const j = i + Math.floor(uniform() * (order.length - i));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order.subarray(0, most);
}
