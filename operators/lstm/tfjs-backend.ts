/**
 * The same model in TensorFlow.js operations: a way to a CUDA GPU where `@tensorflow/tfjs-node-gpu` is installed, and a
 * second opinion in tests. Not fast on a CPU: it dispatches dozens of small kernels per step of a window.
 */
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import type * as Tf from '@tensorflow/tfjs';
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';
import type { ModelSpec, OptimizerSpec } from '../../src/plan/training.ts';
import {
  firstRow,
  gatherTargets,
  missingSteps,
  type SequenceData,
  type StepOptions,
  type TrainingBackend,
} from './backend.ts';
import { InputEncoding } from './input-encoding.ts';
import { type LossFunction, lossFunction } from './losses.ts';
import { accumulateMasked, maskedWeight, outputMask } from './masked-loss.ts';
import { embeddingOffsets, type WeightView, weightCount, weightLayout } from './model.ts';
import { addCorrection, addProximal, clipNorm, type OptimizerState, optimizerStep } from './optimizers.ts';
import { dropped } from './random.ts';

export type Library = typeof Tf;

/** GPU first, then TensorFlow on the CPU, then plain JavaScript. All have the same interface. */
const PACKAGES = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node', '@tensorflow/tfjs'];

const WASM_PACKAGE = '@tensorflow/tfjs-backend-wasm';

/** The first TensorFlow.js package that is installed and loads. Its native library may be missing where a download failed. */
export async function loadTfjs(): Promise<Library> {
  for (const name of PACKAGES) {
    try {
      const library: Library & { default?: Library } = await import(name);
      const tf = library.default ?? library;
      await tf.ready();
      if (name === PACKAGES.at(-1)) await preferWasm(tf);
      return tf;
    } catch {
      // Not installed, or without its native library: the next one.
    }
  }
  throw new CausewayError(SQLSTATE.featureNotSupported, 'TensorFlow.js is not installed', {
    hint: 'Install @tensorflow/tfjs (or -node, -node-gpu) beside Causeway, or choose another causeway.training_backend.',
  });
}

/** TensorFlow.js's own WebAssembly backend, where it is installed, is a few times faster than its plain JavaScript. */
async function preferWasm(tf: Library): Promise<void> {
  try {
    const path = createRequire(import.meta.url).resolve(`${WASM_PACKAGE}/dist/tfjs-backend-wasm.wasm`);
    const { setWasmPaths }: { setWasmPaths(prefix: string): void } = await import(WASM_PACKAGE);
    setWasmPaths(`${dirname(path)}/`);
    // A failure is told by the return value, not thrown; the plain backend stays.
    if (!(await tf.setBackend('wasm'))) await tf.setBackend('cpu');
  } catch {
    // Not installed: the plain backend stays.
  }
}

export class TfjsBackend implements TrainingBackend {
  readonly name: string;
  readonly threads = 1;
  readonly #tf: Library;
  readonly #spec: ModelSpec;
  readonly #data: SequenceData;
  readonly #loss: LossFunction;
  readonly #encoding: InputEncoding;
  readonly #weights: Float32Array;
  #correction: Float32Array | undefined;
  #optimizer:
    | { readonly spec: OptimizerSpec; readonly state: OptimizerState; readonly centre: Float32Array }
    | undefined;

  constructor(tf: Library, spec: ModelSpec, data: SequenceData) {
    this.#tf = tf;
    this.name = `tfjs (${tf.getBackend()})`;
    this.#spec = spec;
    this.#data = data;
    this.#loss = lossFunction(spec);
    this.#encoding = new InputEncoding(spec, data.features, embeddingOffsets(spec));
    this.#weights = new Float32Array(weightCount(spec));
  }

  setWeights(weights: Float32Array): void {
    this.#weights.set(weights);
  }

  getWeights(): Float32Array {
    return this.#weights.slice();
  }

  startOptimizer(spec: OptimizerSpec, correction?: Float32Array): void {
    this.#correction = correction;
    const zeros = () => new Float32Array(this.#weights.length);
    this.#optimizer = { spec, state: { first: zeros(), second: zeros(), steps: 0 }, centre: this.#weights.slice() };
  }

  trainStep(starts: Uint32Array, { dropoutSeed, learningRate }: StepOptions): number {
    const { centre, spec, state } = this.#optimizer!;
    const { gradient, loss } = this.gradients(starts, dropoutSeed);
    if (this.#correction) addCorrection(gradient, this.#correction);
    if (spec.proximal) addProximal(gradient, this.#weights, centre, spec.proximal);
    if (spec.clipNorm !== undefined) clipNorm(gradient, spec.clipNorm);
    optimizerStep(spec, state, this.#weights, gradient, learningRate);
    return loss;
  }

  gradients(starts: Uint32Array, dropoutSeed?: number): { loss: number; gradient: Float32Array } {
    const tf = this.#tf;
    return tf.tidy(() => {
      const inputs = this.#inputs(starts);
      const masks = this.#masks(starts.length, dropoutSeed);
      const present = this.#present(starts);
      const weights = this.#tensors();
      const outputs = this.#outputs(weights, inputs, masks, present);
      const rows = outputs.size / this.#spec.outputs;
      const targets = new Float32Array(rows * this.#data.targets.length);
      gatherTargets(this.#data, this.#spec.readout, starts, targets);
      const mask = outputMask(this.#data, this.#spec.readout, starts);
      const weight = maskedWeight(this.#loss, targets, rows, mask);
      const slopes = new Float32Array(outputs.size);
      const values = outputs.dataSync() as Float32Array;
      const sum = accumulateMasked(this.#loss, values, targets, slopes, rows, 1 / weight, mask);
      const gradientsOf = tf.grads((first: Tf.Tensor, ...views: Tf.Tensor[]) =>
        this.#outputs(views, first as Tf.Tensor3D, masks, present),
      );
      const gradient = new Float32Array(this.#weights.length);
      const [inputSlopes, ...ofWeights] = gradientsOf([inputs, ...weights], tf.tensor(slopes, outputs.shape));
      ofWeights.forEach((tensor, i) => {
        gradient.set(tensor.dataSync(), this.#layout[i]!.offset);
      });
      if (this.#encoding.trained) this.#embeddingGradient(starts, inputSlopes!.dataSync() as Float32Array, gradient);
      return { loss: sum / weight, gradient };
    });
  }

  predict(starts: Uint32Array, outputs: Float32Array, dropoutSeed?: number): void {
    const run = () => {
      const masks = this.#masks(starts.length, dropoutSeed);
      return this.#outputs(this.#tensors(), this.#inputs(starts), masks, this.#present(starts)).dataSync();
    };
    outputs.set(this.#tf.tidy(run));
  }

  [Symbol.dispose](): void {}

  /** The weights that are tensors: embeddings are looked up before. */
  get #layout(): readonly WeightView[] {
    return weightLayout(this.#spec).filter(({ name }) => !name.startsWith('embedding.'));
  }

  #tensors(): Tf.Tensor[] {
    return this.#layout.map(({ offset, shape }) => {
      const size = shape.reduce((product, n) => product * n, 1);
      return this.#tf.tensor(this.#weights.slice(offset, offset + size), [...shape]);
    });
  }

  /** Steps × windows × inputs; zeros where a step is missing. */
  #inputs(starts: Uint32Array): Tf.Tensor3D {
    const { features, values, window } = this.#data;
    const { inputs } = this.#spec;
    const gathered = new Float32Array(window * starts.length * inputs);
    starts.forEach((start, b) => {
      const first = firstRow(this.#data, start);
      for (let t = missingSteps(this.#data, start); t < window; t++) {
        const to = (t * starts.length + b) * inputs;
        this.#encoding.encode(values, (first + t) * features, this.#weights, gathered, to);
      }
    });
    return this.#tf.tensor3d(gathered, [window, starts.length, inputs]);
  }

  /** Steps × windows × 1: 0 where a step is missing; undefined where none is. */
  #present(starts: Uint32Array): Tf.Tensor3D | undefined {
    const missing = Array.from(starts, (start) => missingSteps(this.#data, start));
    if (missing.every((steps) => steps === 0)) return undefined;
    const { window } = this.#data;
    const factors = Array.from({ length: window }, (_, t) => missing.map((steps) => [t < steps ? 0 : 1]));
    return this.#tf.tensor3d(factors, [window, starts.length, 1]);
  }

  /** `slopes` are those of the inputs, steps × windows × inputs. */
  #embeddingGradient(starts: Uint32Array, slopes: Float32Array, gradient: Float32Array): void {
    const { features, values, window } = this.#data;
    starts.forEach((start, b) => {
      const first = firstRow(this.#data, start);
      for (let t = missingSteps(this.#data, start); t < window; t++) {
        const from = (t * starts.length + b) * this.#spec.inputs;
        this.#encoding.addSlopes(values, (first + t) * features, slopes, from, gradient);
      }
    });
  }

  /** Per upper layer, the dropout factors of its inputs: steps × windows × hidden. */
  #masks(windows: number, seed: number | undefined): (Tf.Tensor3D | undefined)[] {
    const { dropout, hidden, layers } = this.#spec;
    const { window } = this.#data;
    if (seed === undefined || dropout === 0) return [];
    return Array.from({ length: layers }, (_, layer) => {
      if (layer === 0) return undefined;
      const factors = new Float32Array(window * windows * hidden);
      for (let i = 0; i < factors.length; i++) {
        const unit = i % hidden;
        const example = Math.floor(i / hidden) % windows;
        const step = Math.floor(i / (hidden * windows));
        const index = ((example * layers + layer) * window + step) * hidden + unit;
        factors[i] = dropped(seed, index, dropout) ? 0 : 1 / (1 - dropout);
      }
      return this.#tf.tensor3d(factors, [window, windows, hidden]);
    });
  }

  /** Windows × outputs, or windows × steps × outputs. `weights` are in the order of the weight layout. */
  #outputs(
    weights: readonly Tf.Tensor[],
    inputs: Tf.Tensor3D,
    masks: readonly (Tf.Tensor3D | undefined)[],
    present: Tf.Tensor3D | undefined,
  ): Tf.Tensor {
    const tf = this.#tf;
    const { biases, cell, hidden, layers, readout } = this.#spec;
    let steps = tf.unstack(inputs) as Tf.Tensor2D[];
    for (let layer = 0; layer < layers; layer++) {
      const [ih, hh, biasIh, biasHh] = weights.slice(layer * (2 + biases), (layer + 1) * (2 + biases)) as Tf.Tensor2D[];
      const mask = masks[layer];
      const entering = mask ? steps.map((x, t) => tf.mul<Tf.Tensor2D>(x, tf.gather(mask, t))) : steps;
      const fromInput = (x: Tf.Tensor2D) => tf.add(tf.matMul(x, ih!, false, true), biasIh!);
      const fromState = (h: Tf.Tensor2D) => {
        const product = tf.matMul(h, hh!, false, true);
        return biasHh ? tf.add(product, biasHh) : product;
      };
      let h: Tf.Tensor2D = tf.zeros([entering[0]!.shape[0], hidden]);
      let c = h;
      steps = entering.map((x, t) => {
        if (cell === 'gru') h = this.#gruStep(fromInput(x), fromState(h), h);
        else [h, c] = this.#lstmStep(tf.add(fromInput(x), fromState(h)), c);
        if (present === undefined) return h;
        // The state after a missing step is 0, as it is before the first one.
        [h, c] = [h, c].map((state) => tf.mul<Tf.Tensor2D>(state, tf.gather(present, t))) as [Tf.Tensor2D, Tf.Tensor2D];
        return h;
      });
    }
    const [head, bias] = weights.slice(-2) as [Tf.Tensor2D, Tf.Tensor1D];
    const dense = (h: Tf.Tensor2D) => tf.add(tf.matMul(h, head, false, true), bias);
    return readout === 'every' ? tf.stack(steps.map(dense), 1) : dense(steps.at(-1)!);
  }

  #lstmStep(gates: Tf.Tensor, c: Tf.Tensor2D): [h: Tf.Tensor2D, c: Tf.Tensor2D] {
    const tf = this.#tf;
    const [i, f, g, o] = tf.split(gates, 4, 1) as Tf.Tensor2D[];
    const next = tf.add<Tf.Tensor2D>(tf.mul(tf.sigmoid(f!), c), tf.mul(tf.sigmoid(i!), tf.tanh(g!)));
    return [tf.mul(tf.sigmoid(o!), tf.tanh(next)), next];
  }

  #gruStep(fromInput: Tf.Tensor, fromState: Tf.Tensor, h: Tf.Tensor2D): Tf.Tensor2D {
    const tf = this.#tf;
    const [ri, zi, ni] = tf.split(fromInput, 3, 1);
    const [rh, zh, nh] = tf.split(fromState, 3, 1);
    const z = tf.sigmoid(tf.add(zi!, zh!));
    const n = tf.tanh(tf.add(ni!, tf.mul(tf.sigmoid(tf.add(ri!, rh!)), nh!)));
    return tf.add(n, tf.mul(z, tf.sub(h, n)));
  }
}
