/** One thread's share of a batch: gather, forward, loss, backward. */
import type { ModelSpec } from '../../../src/plan/training.ts';
import { firstRow, learnedTarget, missingSteps, type SequenceData } from '../backend.ts';
import { InputEncoding } from '../input-encoding.ts';
import { type LossFunction, lossFunction } from '../losses.ts';
import { accumulateMasked, outputMask } from '../masked-loss.ts';
import { type Arena, CONTROL, OPERATION, type SliceOffsets } from './arena.ts';
import { DESCRIPTOR_BYTES, WORD } from './descriptor.ts';
import type { Kernels } from './kernels.ts';

export class Slice {
  readonly #spec: ModelSpec;
  readonly #data: SequenceData;
  readonly #arena: Arena;
  readonly #index: number;
  readonly #memory: ArrayBufferLike;
  readonly #kernels: Kernels;
  readonly #at: SliceOffsets;
  readonly #loss: LossFunction;
  readonly #encoding: InputEncoding;
  readonly #control: Int32Array;
  readonly #starts: Uint32Array;
  readonly #descriptors: readonly Uint32Array[];

  constructor(
    spec: ModelSpec,
    data: SequenceData,
    arena: Arena,
    index: number,
    memory: ArrayBufferLike,
    kernels: Kernels,
  ) {
    this.#spec = spec;
    this.#data = data;
    this.#arena = arena;
    this.#index = index;
    this.#memory = memory;
    this.#kernels = kernels;
    this.#at = arena.slices[index]!;
    this.#loss = lossFunction(spec);
    this.#encoding = new InputEncoding(spec, data.features, arena.layout.embeddings);
    this.#control = new Int32Array(memory, arena.control, 16);
    this.#starts = new Uint32Array(memory, arena.starts, arena.batch);
    this.#descriptors = arena.layout.layers.map((_, layer) => this.#describe(layer));
    this.#fillOnes();
  }

  /** Windows of the batch that are this slice's: [from, to). */
  range(batch: number): readonly [number, number] {
    const share = (i: number) => Math.floor((batch * i) / this.#arena.slices.length);
    return [share(this.#index), share(this.#index + 1)];
  }

  /** Does what the control block says. Outputs are left in the arena, time-major: steps × windows × outputs. */
  run(): void {
    const operation = this.#control[CONTROL.operation]!;
    const [from, to] = this.range(this.#control[CONTROL.batch]!);
    const rows = to - from;
    if (rows === 0) {
      new Float32Array(this.#memory, this.#at.gradient, this.#arena.layout.length).fill(0);
      new Float64Array(this.#memory, this.#at.loss, 1)[0] = 0;
      return;
    }
    this.#aim(from, rows);
    this.#gatherInputs(from, rows);
    for (const { byteOffset } of this.#descriptors) this.#kernels.forward(byteOffset);
    this.#head(rows, (h, stride, outputRows, hidden) => {
      const { layout, weights } = this.#arena;
      const bias = weights + layout.headBias * 4;
      const { outputs } = this.#spec;
      this.#kernels.headForward(
        h,
        stride,
        outputRows,
        hidden,
        weights + layout.head * 4,
        bias,
        outputs,
        this.#at.outputs,
      );
    });
    if (operation === OPERATION.gradient) this.#backward(from, rows);
  }

  /** Outputs of the last run. */
  get outputs(): Float32Array {
    const rows = this.#arena.rows * (this.#spec.readout === 'every' ? this.#data.window : 1);
    return new Float32Array(this.#memory, this.#at.outputs, rows * this.#spec.outputs);
  }

  #backward(from: number, rows: number): void {
    const outputRows = rows * (this.#spec.readout === 'every' ? this.#data.window : 1);
    const targets = new Float32Array(this.#memory, this.#at.targets, outputRows * this.#data.targets.length);
    this.#gatherTargets(from, rows, targets);
    const slopes = new Float32Array(this.#memory, this.#at.slopes, outputRows * this.#spec.outputs);
    const scale = new Float64Array(this.#memory, this.#arena.scale, 1)[0]!;
    const mask = outputMask(this.#data, this.#spec.readout, this.#starts.subarray(from, from + rows), true);
    const sum = accumulateMasked(this.#loss, this.outputs, targets, slopes, outputRows, scale, mask);
    new Float64Array(this.#memory, this.#at.loss, 1)[0] = sum;
    this.#head(rows, (h, stride, count, hidden) => {
      const { layout, weights } = this.#arena;
      const gradient = this.#at.gradient + layout.head * 4;
      const bias = this.#at.gradient + layout.headBias * 4;
      const head = weights + layout.head * 4;
      const dh = this.#at.dh.at(-1)!;
      const { outputs } = this.#spec;
      this.#kernels.headBackward(h, stride, count, hidden, head, outputs, this.#at.slopes, dh, gradient, bias);
    });
    for (const { byteOffset } of this.#descriptors.toReversed()) this.#kernels.backward(byteOffset);
    if (this.#encoding.trained) this.#embeddingGradient(from, rows);
  }

  #embeddingGradient(from: number, rows: number): void {
    const { layout } = this.#arena;
    const { features, values, window } = this.#data;
    const { inputs } = layout.layers[0]!;
    const gradient = new Float32Array(this.#memory, this.#at.gradient, layout.length);
    gradient.fill(0, layout.embeddings[0]);
    const slopes = new Float32Array(this.#memory, this.#at.dx, window * rows * inputs);
    for (let b = 0; b < rows; b++) {
      const start = this.#starts[from + b]!;
      const first = firstRow(this.#data, start);
      for (let t = missingSteps(this.#data, start); t < window; t++) {
        this.#encoding.addSlopes(values, (first + t) * features, slopes, (t * rows + b) * inputs, gradient);
      }
    }
  }

  /** Calls `use` with the hidden rows that the head reads. */
  #head(rows: number, use: (h: number, strideBytes: number, rows: number, hidden: number) => void): void {
    const { columns, hidden, stride } = this.#arena.layout.layers.at(-1)!;
    const every = this.#spec.readout === 'every';
    const firstRow = (every ? 1 : this.#data.window) * rows;
    const h = this.#at.z.at(-1)! + (firstRow * stride + columns - hidden) * 4;
    use(h, stride * 4, every ? rows * this.#data.window : rows, hidden);
  }

  /** The words that never change. */
  #describe(layer: number): Uint32Array {
    const { layout, transposed, weights } = this.#arena;
    const packed = layout.layers[layer]!;
    const words = new Uint32Array(this.#memory, this.#at.descriptors[layer]!, DESCRIPTOR_BYTES / 4);
    const every = layer < this.#spec.layers - 1 || this.#spec.readout === 'every';
    const { dropout, hidden, layers } = this.#spec;
    words[WORD.steps] = this.#data.window;
    words[WORD.inputs] = packed.inputs;
    words[WORD.columns] = packed.columns;
    words[WORD.hidden] = packed.hidden;
    words[WORD.stride] = packed.stride;
    words[WORD.z] = this.#at.z[layer]!;
    words[WORD.g] = this.#at.g[layer]!;
    words[WORD.gStride] = this.#at.gStride[layer]!;
    words[WORD.c] = this.#at.c[layer]!;
    words[WORD.carry] = this.#at.carry;
    words[WORD.dh] = this.#at.dh[layer]!;
    words[WORD.dhEvery] = every ? 1 : 0;
    words[WORD.weights] = weights + packed.offset * 4;
    words[WORD.transposed] = transposed[layer]!;
    words[WORD.gradient] = this.#at.gradient + packed.offset * 4;
    words[WORD.cell] = this.#spec.cell === 'gru' ? 1 : 0;
    words[WORD.belowStride] = layer === 0 ? 0 : layout.layers[layer - 1]!.stride;
    words[WORD.exampleStride] = layers * this.#data.window * hidden;
    words[WORD.logicalHidden] = hidden;
    words[WORD.dx] = layer === 0 ? this.#at.dx : this.#at.dh[layer - 1]!;
    words[WORD.stateFrom] = packed.inputs + 1;
    words[WORD.scratch] = this.#at.scratch;
    new Float32Array(words.buffer, words.byteOffset)[WORD.keep] = 1 / (1 - dropout);
    return words;
  }

  /** The words that depend on the batch. */
  #aim(from: number, rows: number): void {
    const { layers } = this.#arena.layout;
    const { dropout, hidden } = this.#spec;
    const dropping = this.#control[CONTROL.dropout] === 1 && dropout > 0;
    this.#descriptors.forEach((words, layer) => {
      words[WORD.rows] = rows;
      if (layer === 0) return;
      const below = layers[layer - 1]!;
      words[WORD.below] = this.#at.z[layer - 1]! + (rows * below.stride + below.columns - below.hidden) * 4;
      words[WORD.seed] = this.#control[CONTROL.dropoutSeed]!;
      words[WORD.threshold] = dropping ? Math.ceil(dropout * 2 ** 32) : 0;
      words[WORD.example] = (from * this.#spec.layers + layer) * this.#data.window * hidden;
    });
  }

  #fillOnes(): void {
    this.#arena.layout.layers.forEach((layer, l) => {
      const z = new Float32Array(
        this.#memory,
        this.#at.z[l]!,
        (this.#data.window + 1) * this.#arena.rows * layer.stride,
      );
      for (let row = 0; row < z.length; row += layer.stride) {
        for (let k = 0; k < layer.ones; k++) z[row + layer.inputs + k] = 1;
      }
    });
  }

  #gatherInputs(from: number, rows: number): void {
    if (!this.#encoding.plain || this.#data.sequences !== undefined) {
      this.#encodeInputs(from, rows);
      return;
    }
    const { features, values, window } = this.#data;
    const { stride } = this.#arena.layout.layers[0]!;
    const z = new Float32Array(this.#memory, this.#at.z[0]!, window * rows * stride);
    for (let b = 0; b < rows; b++) {
      let read = this.#starts[from + b]! * features;
      for (let t = 0; t < window; t++) {
        const write = (t * rows + b) * stride;
        for (let i = 0; i < features; i++) z[write + i] = values[read++]!;
      }
    }
  }

  /**
   * Categories are spread to what stands for them. A step that is missing becomes a row of zeros, those for the biases
   * too: all its gates' sums are 0, so that the state stays 0 and no gradient comes from it, through all layers.
   */
  #encodeInputs(from: number, rows: number): void {
    const { layout, weights } = this.#arena;
    const { features, values, window } = this.#data;
    const packed = new Float32Array(this.#memory, weights, layout.length);
    const all = layout.layers.map(
      ({ stride }, l) => new Float32Array(this.#memory, this.#at.z[l]!, window * rows * stride),
    );
    const z = all[0]!;
    for (let b = 0; b < rows; b++) {
      const start = this.#starts[from + b]!;
      const missing = missingSteps(this.#data, start);
      const first = firstRow(this.#data, start);
      for (let t = 0; t < window; t++) {
        layout.layers.forEach(({ inputs, ones, stride }, l) => {
          const at = (t * rows + b) * stride + inputs;
          all[l]!.fill(t < missing ? 0 : 1, at, at + ones);
        });
        const write = (t * rows + b) * layout.layers[0]!.stride;
        if (t < missing) z.fill(0, write, write + this.#spec.inputs);
        else this.#encoding.encode(values, (first + t) * features, packed, z, write);
      }
    }
  }

  /** As `gatherTargets` of backend.ts, time-major. */
  #gatherTargets(from: number, rows: number, into: Float32Array): void {
    const { difference, horizon, targets, window } = this.#data;
    let next = 0;
    for (let t = this.#spec.readout === 'every' ? 0 : window - 1; t < window; t++) {
      for (let b = 0; b < rows; b++) {
        const row = firstRow(this.#data, this.#starts[from + b]!) + t + horizon;
        // Before row 0, and of a change's base, only masked steps lie.
        const masked = row - (difference?.lag ?? 0) < 0;
        for (let i = 0; i < targets.length; i++) into[next++] = masked ? 0 : learnedTarget(this.#data, row, i);
      }
    }
  }
}
