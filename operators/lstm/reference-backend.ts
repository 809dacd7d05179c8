/** The reference network as a training backend: runs anywhere, is not fast, and is what the others are tested against. */
import type { ModelSpec, OptimizerSpec } from '../../src/plan/training.ts';
import {
  gatherTargets,
  outputsPerWindow,
  type SequenceData,
  type StepOptions,
  type TrainingBackend,
} from './backend.ts';
import { type Floats, type LossFunction, lossFunction } from './losses.ts';
import { weightCount } from './model.ts';
import { addCorrection, addProximal, clipNorm, type OptimizerState, optimizerStep } from './optimizers.ts';
import { dropped } from './random.ts';
import { type Mask, ReferenceNetwork } from './reference-network.ts';

/** Numbers the network computes in: float32 as in training, float64 for finite differences. */
export type Precision = 'float32' | 'float64';

export class ReferenceBackend implements TrainingBackend {
  readonly name = 'reference';
  readonly threads = 1;
  readonly #spec: ModelSpec;
  readonly #data: SequenceData;
  readonly #network: ReferenceNetwork;
  readonly #loss: LossFunction;
  readonly #allocate: (length: number) => Floats;
  readonly #weights: Floats;
  readonly #gradient: Floats;
  #centre: Floats;
  #correction: Float32Array | undefined;
  #optimizer: { readonly spec: OptimizerSpec; readonly state: OptimizerState } | undefined;

  constructor(spec: ModelSpec, data: SequenceData, precision: Precision = 'float32') {
    this.#spec = spec;
    this.#data = data;
    this.#allocate = (length) => (precision === 'float32' ? new Float32Array(length) : new Float64Array(length));
    this.#network = new ReferenceNetwork(spec, data.window, this.#allocate);
    this.#loss = lossFunction(spec);
    this.#weights = this.#allocate(weightCount(spec));
    this.#gradient = this.#allocate(this.#weights.length);
    this.#centre = this.#weights;
  }

  setWeights(weights: Floats): void {
    this.#weights.set(weights);
  }

  getWeights(): Float32Array {
    return new Float32Array(this.#weights);
  }

  startOptimizer(spec: OptimizerSpec, correction?: Float32Array): void {
    this.#correction = correction;
    const zeros = () => this.#allocate(this.#weights.length);
    this.#optimizer = { spec, state: { first: zeros(), second: zeros(), steps: 0 } };
    this.#centre = this.#weights.slice();
  }

  trainStep(starts: Uint32Array, { learningRate, dropoutSeed }: StepOptions): number {
    const { spec, state } = this.#optimizer!;
    const loss = this.#backward(starts, dropoutSeed);
    if (this.#correction) addCorrection(this.#gradient, this.#correction);
    if (spec.proximal) addProximal(this.#gradient, this.#weights, this.#centre, spec.proximal);
    if (spec.clipNorm !== undefined) clipNorm(this.#gradient, spec.clipNorm);
    optimizerStep(spec, state, this.#weights, this.#gradient, learningRate);
    return loss;
  }

  gradients(starts: Uint32Array, dropoutSeed?: number): { loss: number; gradient: Float32Array } {
    const loss = this.#backward(starts, dropoutSeed);
    return { loss, gradient: new Float32Array(this.#gradient) };
  }

  /** The last gradient in the network's own precision. */
  get exactGradient(): Floats {
    return this.#gradient;
  }

  predict(starts: Uint32Array, outputs: Float32Array): void {
    const { features, values, window } = this.#data;
    const size = outputsPerWindow(this.#spec, window);
    starts.forEach((start, k) => {
      this.#network.forward(this.#weights, values, start * features, outputs, k * size);
    });
  }

  [Symbol.dispose](): void {}

  /** Mean loss of the batch; its gradient is left in `#gradient`. */
  #backward(starts: Uint32Array, dropoutSeed: number | undefined): number {
    const { features, values, window } = this.#data;
    const size = outputsPerWindow(this.#spec, window);
    const rows = size / this.#spec.outputs;
    const perWindow = rows * this.#data.targets.length;
    const targets = this.#allocate(starts.length * perWindow);
    gatherTargets(this.#data, this.#spec.readout, starts, targets);
    const weight = this.#loss.weight(targets, starts.length * rows);
    const outputs = this.#allocate(size);
    const slopes = this.#allocate(size);
    this.#gradient.fill(0);
    let sum = 0;
    starts.forEach((start, k) => {
      const mask = this.#mask(dropoutSeed, k);
      this.#network.forward(this.#weights, values, start * features, outputs, 0, mask);
      const expected = targets.subarray(k * perWindow, (k + 1) * perWindow);
      sum += this.#loss.accumulate(outputs, expected, slopes, rows, 1 / weight);
      this.#network.backward(this.#weights, slopes, 0, this.#gradient, mask);
    });
    return sum / weight;
  }

  #mask(seed: number | undefined, example: number): Mask | undefined {
    const { dropout, hidden, layers } = this.#spec;
    if (seed === undefined || dropout === 0 || layers === 1) return undefined;
    const kept = 1 / (1 - dropout);
    return (layer, step, unit) => {
      const index = ((example * layers + layer) * this.#data.window + step) * hidden + unit;
      return dropped(seed, index, dropout) ? 0 : kept;
    };
  }
}
