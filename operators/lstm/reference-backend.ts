/** The reference network as a training backend: runs anywhere, is not fast, and is what the others are tested against. */
import type { ModelSpec, OptimizerSpec } from '../../src/plan/training.ts';
import {
  firstRow,
  gatherTargets,
  missingSteps,
  outputsPerWindow,
  type SequenceData,
  type StepOptions,
  type TrainingBackend,
} from './backend.ts';
import { InputEncoding } from './input-encoding.ts';
import { type Floats, type LossFunction, lossFunction } from './losses.ts';
import { accumulateMasked, maskedWeight, outputMask } from './masked-loss.ts';
import { embeddingOffsets, weightCount } from './model.ts';
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
  readonly #encoding: InputEncoding;
  readonly #inputs: Floats;
  readonly #inputSlopes: Floats;
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
    this.#encoding = new InputEncoding(spec, data.features, embeddingOffsets(spec));
    this.#inputs = this.#allocate(data.window * spec.inputs);
    this.#inputSlopes = this.#allocate(data.window * spec.inputs);
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

  predict(starts: Uint32Array, outputs: Float32Array, dropoutSeed?: number): void {
    const size = outputsPerWindow(this.#spec, this.#data.window);
    starts.forEach((start, k) => {
      this.#forward(start, outputs, k * size, this.#mask(dropoutSeed, k));
    });
  }

  [Symbol.dispose](): void {}

  /** Returns the steps that are missing at the window's beginning. */
  #forward(start: number, outputs: Floats, at: number, mask: Mask | undefined): number {
    const { features, values, window } = this.#data;
    const first = firstRow(this.#data, start);
    const missing = missingSteps(this.#data, start);
    for (let t = missing; t < window; t++) {
      this.#encoding.encode(values, (first + t) * features, this.#weights, this.#inputs, t * this.#spec.inputs);
    }
    this.#network.forward(this.#weights, this.#inputs, 0, outputs, at, mask, missing);
    return missing;
  }

  /** Mean loss of the batch; its gradient is left in `#gradient`. */
  #backward(starts: Uint32Array, dropoutSeed: number | undefined): number {
    const { features, values, window } = this.#data;
    const size = outputsPerWindow(this.#spec, window);
    const rows = size / this.#spec.outputs;
    const perWindow = rows * this.#data.targets.length;
    const targets = this.#allocate(starts.length * perWindow);
    gatherTargets(this.#data, this.#spec.readout, starts, targets);
    const masked = outputMask(this.#data, this.#spec.readout, starts);
    const weight = maskedWeight(this.#loss, targets, starts.length * rows, masked);
    const outputs = this.#allocate(size);
    const slopes = this.#allocate(size);
    this.#gradient.fill(0);
    let sum = 0;
    starts.forEach((start, k) => {
      const mask = this.#mask(dropoutSeed, k);
      const missing = this.#forward(start, outputs, 0, mask);
      const expected = targets.subarray(k * perWindow, (k + 1) * perWindow);
      const own = masked?.subarray(k * rows, (k + 1) * rows);
      sum += accumulateMasked(this.#loss, outputs, expected, slopes, rows, 1 / weight, own);
      this.#network.backward(this.#weights, slopes, 0, this.#gradient, mask, this.#inputSlopes, missing);
      if (!this.#encoding.trained) return;
      const first = firstRow(this.#data, start);
      for (let t = missing; t < window; t++) {
        const row = (first + t) * features;
        this.#encoding.addSlopes(values, row, this.#inputSlopes, t * this.#spec.inputs, this.#gradient);
      }
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
