/**
 * The model in plain loops, one window at a time, in float32 or float64: what every faster backend is compared with.
 * LSTM: Hochreiter and Schmidhuber (1997) with forget gates; GRU: Cho et al. (2014), reset after the product. Both as PyTorch has them.
 */
import type { ModelSpec } from '../../src/plan/training.ts';
import type { Floats } from './losses.ts';
import { gateCount, layerInputs, weightLayout } from './model.ts';

/** Offsets of one layer's tensors in the flat vector. */
interface LayerWeights {
  readonly inputs: number;
  readonly ih: number;
  readonly hh: number;
  readonly biasIh: number;
  /** Absent with a single bias. */
  readonly biasHh: number | undefined;
}

/** What the forward pass of one layer leaves for the backward pass. */
interface Trace {
  /** Steps × inputs: what entered the layer, after dropout. */
  readonly input: Floats;
  /** Steps × gates·hidden, activated. */
  readonly gates: Floats;
  /** (Steps + 1) × hidden; row 0 is zero. */
  readonly cell: Floats;
  readonly hidden: Floats;
  /** GRU: steps × hidden, the state's part of the new gate before it is reset. */
  readonly recurrent: Floats;
}

/** Factor of an activation under dropout: 0 or 1 / (1 − p). */
export type Mask = (layer: number, step: number, unit: number) => number;

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

export class ReferenceNetwork {
  readonly spec: ModelSpec;
  readonly steps: number;
  readonly #layers: readonly LayerWeights[];
  readonly #head: { readonly weight: number; readonly bias: number };
  readonly #traces: readonly Trace[];
  readonly #allocate: (length: number) => Floats;

  constructor(spec: ModelSpec, steps: number, allocate: (length: number) => Floats) {
    this.spec = spec;
    this.steps = steps;
    this.#allocate = allocate;
    const offset = new Map(weightLayout(spec).map((view) => [view.name, view.offset]));
    const named = (name: string) => offset.get(`${spec.cell}.${name}`);
    this.#layers = Array.from({ length: spec.layers }, (_, layer) => ({
      inputs: layerInputs(spec, layer),
      ih: named(`weight_ih_l${layer}`)!,
      hh: named(`weight_hh_l${layer}`)!,
      biasIh: named(`bias_ih_l${layer}`)!,
      biasHh: named(`bias_hh_l${layer}`),
    }));
    this.#head = { weight: offset.get('head.weight')!, bias: offset.get('head.bias')! };
    this.#traces = this.#layers.map(({ inputs }) => ({
      input: allocate(steps * inputs),
      gates: allocate(steps * gateCount(spec) * spec.hidden),
      cell: allocate((steps + 1) * spec.hidden),
      hidden: allocate((steps + 1) * spec.hidden),
      recurrent: allocate(steps * spec.hidden),
    }));
  }

  /**
   * Outputs of one window: `inputs` is steps × inputs from `at` on. The first `missing` steps are masked: the state
   * after them is 0, as it is before the first one.
   */
  forward(
    weights: Floats,
    inputs: Floats,
    at: number,
    outputs: Floats,
    outputsAt: number,
    mask?: Mask,
    missing = 0,
  ): void {
    const { hidden: H, outputs: O, readout } = this.spec;
    this.#layers.forEach((layer, l) => {
      const trace = this.#traces[l]!;
      const below = this.#traces[l - 1]?.hidden;
      trace.hidden.fill(0, 0, (missing + 1) * H);
      trace.cell.fill(0, 0, (missing + 1) * H);
      for (let t = missing; t < this.steps; t++) {
        for (let i = 0; i < layer.inputs; i++) {
          const value = below ? below[(t + 1) * H + i]! * (mask?.(l, t, i) ?? 1) : inputs[at + t * layer.inputs + i]!;
          trace.input[t * layer.inputs + i] = value;
        }
        if (this.spec.cell === 'lstm') this.#lstmStep(weights, layer, trace, t);
        else this.#gruStep(weights, layer, trace, t);
      }
    });
    const top = this.#traces.at(-1)!.hidden;
    for (let t = readout === 'every' ? 0 : this.steps - 1; t < this.steps; t++) {
      for (let o = 0; o < O; o++) {
        outputs[outputsAt++] =
          weights[this.#head.bias + o]! + dot(weights, this.#head.weight + o * H, top, (t + 1) * H, H);
      }
    }
  }

  /**
   * Adds the gradient of the window last given to {@link forward}; `slopes` is the loss's derivative by its outputs.
   * `inputGradient`, when given, receives the derivative by the inputs (steps × inputs). `missing` is as it was there.
   */
  backward(
    weights: Floats,
    slopes: Floats,
    slopesAt: number,
    gradient: Floats,
    mask?: Mask,
    inputGradient?: Floats,
    missing = 0,
  ): void {
    const { hidden: H, layers, readout } = this.spec;
    let above = this.#headBackward(weights, slopes, slopesAt, gradient, readout === 'every' ? 0 : this.steps - 1);
    for (let l = layers - 1; l >= 0; l--) {
      const layer = this.#layers[l]!;
      const below = this.#allocate(this.steps * layer.inputs);
      const dh = this.#allocate(H);
      const dc = this.#allocate(H);
      for (let t = this.steps - 1; t >= missing; t--) {
        for (let j = 0; j < H; j++) dh[j] = dh[j]! + above[t * H + j]!;
        if (this.spec.cell === 'lstm') this.#lstmBackward(weights, layer, this.#traces[l]!, t, dh, dc, below, gradient);
        else this.#gruBackward(weights, layer, this.#traces[l]!, t, dh, below, gradient);
      }
      if (l > 0 && mask) {
        for (let t = 0; t < this.steps; t++)
          for (let j = 0; j < H; j++) below[t * H + j] = below[t * H + j]! * mask(l, t, j);
      }
      above = below;
    }
    inputGradient?.set(above);
  }

  #headBackward(weights: Floats, slopes: Floats, slopesAt: number, gradient: Floats, first: number): Floats {
    const { hidden: H, outputs: O } = this.spec;
    const top = this.#traces.at(-1)!.hidden;
    const above = this.#allocate(this.steps * H);
    for (let t = first; t < this.steps; t++) {
      for (let o = 0; o < O; o++) {
        const slope = slopes[slopesAt++]!;
        gradient[this.#head.bias + o] = gradient[this.#head.bias + o]! + slope;
        addScaled(gradient, this.#head.weight + o * H, top, (t + 1) * H, slope, H);
        addScaled(above, t * H, weights, this.#head.weight + o * H, slope, H);
      }
    }
    return above;
  }

  #lstmStep(weights: Floats, layer: LayerWeights, trace: Trace, t: number): void {
    const H = this.spec.hidden;
    const base = t * 4 * H;
    for (let j = 0; j < 4 * H; j++) {
      trace.gates[base + j] =
        weights[layer.biasIh + j]! +
        (layer.biasHh === undefined ? 0 : weights[layer.biasHh + j]!) +
        dot(weights, layer.ih + j * layer.inputs, trace.input, t * layer.inputs, layer.inputs) +
        dot(weights, layer.hh + j * H, trace.hidden, t * H, H);
    }
    for (let j = 0; j < H; j++) {
      const i = sigmoid(trace.gates[base + j]!);
      const f = sigmoid(trace.gates[base + H + j]!);
      const g = Math.tanh(trace.gates[base + 2 * H + j]!);
      const o = sigmoid(trace.gates[base + 3 * H + j]!);
      const c = f * trace.cell[t * H + j]! + i * g;
      trace.gates[base + j] = i;
      trace.gates[base + H + j] = f;
      trace.gates[base + 2 * H + j] = g;
      trace.gates[base + 3 * H + j] = o;
      trace.cell[(t + 1) * H + j] = c;
      trace.hidden[(t + 1) * H + j] = o * Math.tanh(c);
    }
  }

  #lstmBackward(
    weights: Floats,
    layer: LayerWeights,
    trace: Trace,
    t: number,
    dh: Floats,
    dc: Floats,
    below: Floats,
    gradient: Floats,
  ): void {
    const H = this.spec.hidden;
    const base = t * 4 * H;
    const slopes = this.#allocate(4 * H);
    for (let j = 0; j < H; j++) {
      const i = trace.gates[base + j]!;
      const f = trace.gates[base + H + j]!;
      const g = trace.gates[base + 2 * H + j]!;
      const o = trace.gates[base + 3 * H + j]!;
      const squashed = Math.tanh(trace.cell[(t + 1) * H + j]!);
      const slope = dc[j]! + dh[j]! * o * (1 - squashed * squashed);
      slopes[j] = slope * g * i * (1 - i);
      slopes[H + j] = slope * trace.cell[t * H + j]! * f * (1 - f);
      slopes[2 * H + j] = slope * i * (1 - g * g);
      slopes[3 * H + j] = dh[j]! * squashed * o * (1 - o);
      dc[j] = slope * f;
    }
    this.#productsBackward(weights, layer, trace, t, slopes, slopes, dh.fill(0), below, gradient);
  }

  #gruStep(weights: Floats, layer: LayerWeights, trace: Trace, t: number): void {
    const H = this.spec.hidden;
    const base = t * 3 * H;
    const fromInput = (j: number) =>
      weights[layer.biasIh + j]! +
      dot(weights, layer.ih + j * layer.inputs, trace.input, t * layer.inputs, layer.inputs);
    const fromState = (j: number) =>
      (layer.biasHh === undefined ? 0 : weights[layer.biasHh + j]!) +
      dot(weights, layer.hh + j * H, trace.hidden, t * H, H);
    for (let j = 0; j < H; j++) {
      const r = sigmoid(fromInput(j) + fromState(j));
      const z = sigmoid(fromInput(H + j) + fromState(H + j));
      const recurrent = fromState(2 * H + j);
      const n = Math.tanh(fromInput(2 * H + j) + r * recurrent);
      trace.gates[base + j] = r;
      trace.gates[base + H + j] = z;
      trace.gates[base + 2 * H + j] = n;
      trace.recurrent[t * H + j] = recurrent;
      trace.hidden[(t + 1) * H + j] = (1 - z) * n + z * trace.hidden[t * H + j]!;
    }
  }

  #gruBackward(
    weights: Floats,
    layer: LayerWeights,
    trace: Trace,
    t: number,
    dh: Floats,
    below: Floats,
    gradient: Floats,
  ): void {
    const H = this.spec.hidden;
    const base = t * 3 * H;
    const inputSlopes = this.#allocate(3 * H);
    const stateSlopes = this.#allocate(3 * H);
    for (let j = 0; j < H; j++) {
      const r = trace.gates[base + j]!;
      const z = trace.gates[base + H + j]!;
      const n = trace.gates[base + 2 * H + j]!;
      const previous = trace.hidden[t * H + j]!;
      const dn = dh[j]! * (1 - z) * (1 - n * n);
      inputSlopes[j] = dn * trace.recurrent[t * H + j]! * r * (1 - r);
      inputSlopes[H + j] = dh[j]! * (previous - n) * z * (1 - z);
      inputSlopes[2 * H + j] = dn;
      stateSlopes[j] = inputSlopes[j]!;
      stateSlopes[H + j] = inputSlopes[H + j]!;
      stateSlopes[2 * H + j] = dn * r;
      dh[j] = dh[j]! * z;
    }
    this.#productsBackward(weights, layer, trace, t, inputSlopes, stateSlopes, dh, below, gradient);
  }

  /** Gradients of W_ih, W_hh and the biases, and what flows on to the inputs (`below`) and the previous state (`dh`). */
  #productsBackward(
    weights: Floats,
    layer: LayerWeights,
    trace: Trace,
    t: number,
    inputSlopes: Floats,
    stateSlopes: Floats,
    dh: Floats,
    below: Floats,
    gradient: Floats,
  ): void {
    const { hidden: H } = this.spec;
    const { inputs } = layer;
    for (let j = 0; j < inputSlopes.length; j++) {
      const a = inputSlopes[j]!;
      const b = stateSlopes[j]!;
      gradient[layer.biasIh + j] = gradient[layer.biasIh + j]! + a;
      if (layer.biasHh !== undefined) gradient[layer.biasHh + j] = gradient[layer.biasHh + j]! + b;
      addScaled(gradient, layer.ih + j * inputs, trace.input, t * inputs, a, inputs);
      addScaled(gradient, layer.hh + j * H, trace.hidden, t * H, b, H);
      addScaled(below, t * inputs, weights, layer.ih + j * inputs, a, inputs);
      addScaled(dh, 0, weights, layer.hh + j * H, b, H);
    }
  }
}

/** Σ a[i]·b[i] in four partial sums. */
function dot(a: Floats, aAt: number, b: Floats, bAt: number, length: number): number {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let i = 0;
  for (; i + 3 < length; i += 4) {
    s0 += a[aAt + i]! * b[bAt + i]!;
    s1 += a[aAt + i + 1]! * b[bAt + i + 1]!;
    s2 += a[aAt + i + 2]! * b[bAt + i + 2]!;
    s3 += a[aAt + i + 3]! * b[bAt + i + 3]!;
  }
  for (; i < length; i++) s0 += a[aAt + i]! * b[bAt + i]!;
  return s0 + s1 + (s2 + s3);
}

/** target[i] += factor · source[i]. */
function addScaled(
  target: Floats,
  targetAt: number,
  source: Floats,
  sourceAt: number,
  factor: number,
  length: number,
): void {
  for (let i = 0; i < length; i++) target[targetAt + i] = target[targetAt + i]! + factor * source[sourceAt + i]!;
}
