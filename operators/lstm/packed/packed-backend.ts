/** A model on packed kernels: one conductor thread, and helpers that take their slices of every batch. */
import { Worker } from 'node:worker_threads';
import { CausewayError, SQLSTATE } from '../../../src/plan/errors.ts';
import type { ModelSpec, OptimizerSpec } from '../../../src/plan/training.ts';
import {
  gatherTargets,
  outputsPerWindow,
  type SequenceData,
  type StepOptions,
  type TrainingBackend,
} from '../backend.ts';
import { isRegression, type LossFunction, lossFunction } from '../losses.ts';
import { maskedWeight, outputMask } from '../masked-loss.ts';
import { addCorrection, addProximal, clipNorm, type OptimizerState, optimizerStep } from '../optimizers.ts';
import { type Arena, type ArenaShape, CONTROL, OPERATION, planArena } from './arena.ts';
import { createKernels, type KernelCode, lanesOf } from './create-kernels.ts';
import type { Kernels } from './kernels.ts';
import { Slice } from './slice.ts';
import { waitForChange } from './wait.ts';

export interface HelperSetup {
  readonly code: KernelCode;
  readonly data: SequenceData;
  readonly index: number;
  readonly memory: WebAssembly.Memory;
  readonly shape: ArenaShape;
}

export interface PackedOptions {
  readonly code: KernelCode;
  /** Largest number of windows per call. */
  readonly batch: number;
  readonly threads: number;
  /** False for kernels whose memory belongs to one thread. */
  readonly shared?: boolean;
}

const PAGE = 65_536;
const helper = () =>
  new URL(import.meta.url.endsWith('.ts') ? './helper-worker.ts' : './helper-worker.js', import.meta.url);

export class PackedBackend implements TrainingBackend {
  readonly name: string;
  readonly threads: number;
  readonly #spec: ModelSpec;
  readonly #data: SequenceData;
  readonly #arena: Arena;
  readonly #memory: ArrayBufferLike;
  readonly #kernels: Kernels;
  readonly #loss: LossFunction;
  readonly #control: Int32Array;
  readonly #slices: readonly Slice[];
  readonly #helpers: readonly Worker[];
  #correction: Float32Array | undefined;
  #optimizer:
    | { readonly spec: OptimizerSpec; readonly state: OptimizerState; readonly centre: Float32Array }
    | undefined;

  constructor(spec: ModelSpec, data: SequenceData, { batch, code, shared = true, threads }: PackedOptions) {
    const shape: ArenaShape = {
      spec,
      window: data.window,
      batch,
      threads,
      lanes: lanesOf(code),
      targets: data.targets.length,
    };
    this.#spec = spec;
    this.#data = data;
    this.#arena = planArena(shape);
    const memory = allocate(this.#arena.bytes, shared);
    this.#memory = memory.buffer;
    this.#kernels = createKernels(code, memory);
    this.name = this.#kernels.name;
    this.threads = threads;
    this.#loss = lossFunction(spec);
    this.#control = new Int32Array(this.#memory, this.#arena.control, 16);
    this.#slices = Array.from(
      { length: threads },
      (_, index) => new Slice(spec, data, this.#arena, index, this.#memory, this.#kernels),
    );
    this.#helpers = Array.from({ length: threads - 1 }, (_, i) => {
      const workerData: HelperSetup = { code, data, index: i + 1, memory, shape };
      return new Worker(helper(), { workerData });
    });
  }

  setWeights(weights: Float32Array): void {
    this.#vector(this.#arena.weights).set(this.#pack(weights));
    this.#transpose();
  }

  getWeights(): Float32Array {
    return this.#unpack(this.#vector(this.#arena.weights));
  }

  startOptimizer(spec: OptimizerSpec, correction?: Float32Array): void {
    this.#correction = correction && this.#pack(correction);
    const first = this.#vector(this.#arena.first).fill(0);
    const second = this.#vector(this.#arena.second).fill(0);
    this.#optimizer = { spec, state: { first, second, steps: 0 }, centre: this.#vector(this.#arena.weights).slice() };
  }

  trainStep(starts: Uint32Array, { dropoutSeed, learningRate }: StepOptions): number {
    const loss = this.#backward(starts, dropoutSeed);
    const { centre, spec, state } = this.#optimizer!;
    const weights = this.#vector(this.#arena.weights);
    const gradient = this.#vector(this.#arena.slices[0]!.gradient);
    if (this.#correction) addCorrection(gradient, this.#correction);
    if (spec.proximal) addProximal(gradient, weights, centre, spec.proximal);
    if (spec.name === 'adam' || spec.name === 'adamw') this.#adam(spec, state, learningRate);
    else {
      if (spec.clipNorm !== undefined) clipNorm(gradient, spec.clipNorm);
      optimizerStep(spec, state, weights, gradient, learningRate);
    }
    this.#transpose();
    return loss;
  }

  gradients(starts: Uint32Array, dropoutSeed?: number): { loss: number; gradient: Float32Array } {
    const loss = this.#backward(starts, dropoutSeed);
    return { loss, gradient: this.#unpack(this.#vector(this.#arena.slices[0]!.gradient)) };
  }

  predict(starts: Uint32Array, outputs: Float32Array, dropoutSeed?: number): void {
    this.#launch(starts, OPERATION.predict, dropoutSeed);
    const size = outputsPerWindow(this.#spec, this.#data.window);
    const { outputs: width } = this.#spec;
    for (const slice of this.#slices) {
      const [from, to] = slice.range(starts.length);
      const rows = to - from;
      const found = slice.outputs;
      for (let b = 0; b < rows; b++) {
        for (let t = 0; t < size / width; t++) {
          for (let o = 0; o < width; o++)
            outputs[(from + b) * size + t * width + o] = found[(t * rows + b) * width + o]!;
        }
      }
    }
  }

  [Symbol.dispose](): void {
    for (const helper of this.#helpers) void helper.terminate();
  }

  /** Mean loss; the gradient of all slices together is left in the first slice's. */
  #backward(starts: Uint32Array, dropoutSeed: number | undefined): number {
    const weight = this.#lossWeight(starts);
    new Float64Array(this.#memory, this.#arena.scale, 1)[0] = 1 / weight;
    this.#launch(starts, OPERATION.gradient, dropoutSeed);
    const [first, ...others] = this.#arena.slices;
    let sum = new Float64Array(this.#memory, first!.loss, 1)[0]!;
    for (const { gradient, loss } of others) {
      this.#kernels.add(first!.gradient, gradient, this.#arena.layout.length);
      sum += new Float64Array(this.#memory, loss, 1)[0]!;
    }
    return sum / weight;
  }

  /** Only class weights make it depend on the targets. */
  #lossWeight(starts: Uint32Array): number {
    const rows = starts.length * (this.#spec.readout === 'every' ? this.#data.window : 1);
    const targets = new Float32Array(isRegression(this.#spec) ? 0 : rows * this.#data.targets.length);
    if (targets.length > 0) gatherTargets(this.#data, this.#spec.readout, starts, targets);
    return maskedWeight(this.#loss, targets, rows, outputMask(this.#data, this.#spec.readout, starts));
  }

  #launch(starts: Uint32Array, operation: number, dropoutSeed?: number): void {
    const control = this.#control;
    new Uint32Array(this.#memory, this.#arena.starts, this.#arena.batch).set(starts);
    control[CONTROL.operation] = operation;
    control[CONTROL.batch] = starts.length;
    control[CONTROL.dropout] = dropoutSeed === undefined ? 0 : 1;
    control[CONTROL.dropoutSeed] = dropoutSeed ?? 0;
    Atomics.store(control, CONTROL.done, 0);
    Atomics.add(control, CONTROL.generation, 1);
    Atomics.notify(control, CONTROL.generation);
    this.#slices[0]!.run();
    for (let done = 0; done < this.#helpers.length; done = Atomics.load(control, CONTROL.done)) {
      waitForChange(control, CONTROL.done, done);
    }
    if (Atomics.load(control, CONTROL.failed) > 0) {
      throw new CausewayError(SQLSTATE.internalError, 'a helper thread of the training failed');
    }
  }

  #adam(spec: OptimizerSpec, state: OptimizerState, learningRate: number): void {
    const { first, layout, second, slices, weights } = this.#arena;
    const gradient = slices[0]!.gradient;
    const [beta1, beta2] = spec.betas ?? [0.9, 0.999];
    const decoupled = spec.name === 'adamw';
    const decay = spec.weightDecay ?? (decoupled ? 0.01 : 0);
    const limit = spec.clipNorm;
    const norm = limit === undefined ? 0 : Math.sqrt(this.#kernels.squaredNorm(gradient, layout.length));
    state.steps++;
    this.#kernels.adam(weights, first, second, gradient, layout.length, {
      factor: limit === undefined ? 1 : Math.min(1, limit / (norm + 1e-6)),
      rate: learningRate / (1 - beta1 ** state.steps),
      beta1,
      beta2,
      rootFactor: 1 / Math.sqrt(1 - beta2 ** state.steps),
      epsilon: spec.epsilon ?? 1e-8,
      decay: decoupled ? 0 : decay,
      shrink: decoupled ? 1 - learningRate * decay : 1,
    });
  }

  #transpose(): void {
    for (const descriptor of this.#arena.slices[0]!.descriptors) this.#kernels.transpose(descriptor);
  }

  #vector(offset: number): Float32Array {
    return new Float32Array(this.#memory, offset, this.#arena.layout.length);
  }

  #pack(flat: Float32Array): Float32Array {
    const packed = new Float32Array(this.#arena.layout.length);
    this.#arena.layout.positions.forEach((position, i) => {
      packed[position] = flat[i]!;
    });
    return packed;
  }

  #unpack(packed: Float32Array): Float32Array {
    return Float32Array.from(this.#arena.layout.positions, (position) => packed[position]!);
  }
}

function allocate(bytes: number, shared: boolean): WebAssembly.Memory {
  const pages = Math.ceil(bytes / PAGE);
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages, shared });
  } catch (cause) {
    throw new CausewayError(
      SQLSTATE.outOfMemory,
      `no memory for a model that needs ${Math.ceil(bytes / 2 ** 20)} MiB`,
      {
        hint: 'Use fewer hidden units, a shorter window or a smaller batch.',
        cause,
      },
    );
  }
}
