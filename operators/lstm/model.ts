/** The network's parameters as one flat Float32 vector: names, shapes and offsets (PyTorch's), first values, cost. */
import type { CategorySpec, ModelSpec, SequenceSpec } from '../../src/plan/training.ts';
import { MersenneTwister } from './random.ts';

/** One tensor inside the flat vector; `offset` and the product of `shape` count elements. */
export interface WeightView {
  readonly name: string;
  readonly shape: readonly number[];
  readonly offset: number;
}

/** Gates per unit: i, f, g, o for LSTM and r, z, n for GRU, in PyTorch's order. */
export const gateCount = (spec: Pick<ModelSpec, 'cell'>): number => (spec.cell === 'lstm' ? 4 : 3);

/** Values that enter `layer` per step besides its own state. */
export const layerInputs = (spec: ModelSpec, layer: number): number => (layer === 0 ? spec.inputs : spec.hidden);

/**
 * Every tensor in its place. The order is that of PyTorch's `nn.LSTM`/`nn.GRU` followed by `nn.Linear`:
 * per layer `weight_ih [gates·hidden, inputs]`, `weight_hh [gates·hidden, hidden]`, `bias_ih [gates·hidden]`,
 * with two biases also `bias_hh`; then `head.weight [outputs, hidden]` and `head.bias [outputs]`; then, as `nn.Embedding` has
 * them, the categories' embeddings, `embedding.n.weight [size, dimension]`.
 */
export function weightLayout(spec: ModelSpec): readonly WeightView[] {
  const views: WeightView[] = [];
  let offset = 0;
  const add = (name: string, ...shape: number[]) => {
    views.push(Object.freeze({ name, shape: Object.freeze(shape), offset }));
    offset += shape.reduce((product, n) => product * n, 1);
  };
  const rows = gateCount(spec) * spec.hidden;
  for (let layer = 0; layer < spec.layers; layer++) {
    add(`${spec.cell}.weight_ih_l${layer}`, rows, layerInputs(spec, layer));
    add(`${spec.cell}.weight_hh_l${layer}`, rows, spec.hidden);
    add(`${spec.cell}.bias_ih_l${layer}`, rows);
    if (spec.biases === 2) add(`${spec.cell}.bias_hh_l${layer}`, rows);
  }
  add('head.weight', spec.outputs, spec.hidden);
  add('head.bias', spec.outputs);
  embedded(spec).forEach(({ dimension, size }, n) => {
    add(`embedding.${n}.weight`, size, dimension);
  });
  return Object.freeze(views);
}

/** The categories that have embeddings, in the order of their columns. */
export const embedded = ({ categories = [] }: ModelSpec): (CategorySpec & { readonly dimension: number })[] =>
  categories.flatMap(({ column, dimension, size }) => (dimension === undefined ? [] : [{ column, size, dimension }]));

/** Offsets of the embeddings in the flat vector. */
export const embeddingOffsets = (spec: ModelSpec): number[] =>
  weightLayout(spec).flatMap(({ name, offset }) => (name.startsWith('embedding.') ? [offset] : []));

/** Elements of the flat vector. */
export function weightCount(spec: ModelSpec): number {
  const last = weightLayout(spec).at(-1)!;
  return last.offset + last.shape.reduce((product, n) => product * n, 1);
}

/**
 * First weights, uniform in ±1/√hidden: bit for bit what PyTorch draws for the same modules after
 * `torch.manual_seed(seed)` (with two biases; a single bias skips the draws of the second). Embeddings follow, uniform in
 * ±1/√dimension; the one of "unknown" is 0.
 */
export function initialWeights(spec: ModelSpec, seed: number): Float32Array {
  const bound = 1 / Math.sqrt(spec.hidden);
  const random = new MersenneTwister(seed);
  const weights = new Float32Array(weightCount(spec));
  // PyTorch computes u · 2b − b in float32 with one rounding at the end.
  const low = -Math.fround(bound);
  for (let i = 0; i < weights.length; i++) weights[i] = random.uniform24() * (-2 * low) + low;
  const tables = embeddingOffsets(spec);
  embedded(spec).forEach(({ dimension, size }, n) => {
    const table = weights.subarray(tables[n]!, tables[n]! + size * dimension);
    for (let i = 0; i < table.length; i++) {
      table[i] = i < dimension ? 0 : table[i]! / bound / Math.sqrt(dimension);
    }
  });
  return weights;
}

/**
 * Floating-point operations of one training step per window: matrix products of the forward pass, of the weight
 * gradients and of the state gradients. Gates, loss and optimizer are left out (a few per cent).
 */
export function flopsPerWindow(spec: ModelSpec, sequence: Pick<SequenceSpec, 'window'>): number {
  const rows = gateCount(spec) * spec.hidden;
  let step = 0;
  for (let layer = 0; layer < spec.layers; layer++) {
    const inputs = layerInputs(spec, layer);
    step += 2 * (2 * rows * (inputs + spec.hidden)) + 2 * rows * spec.hidden;
    if (layer > 0) step += 2 * rows * inputs;
  }
  const head = 3 * 2 * spec.hidden * spec.outputs;
  return sequence.window * step + (spec.readout === 'every' ? sequence.window : 1) * head;
}

/** The output that is the point forecast of target `index`: the level nearest to the median, or the value itself. */
export function pointOutput(model: ModelSpec, index: number, targets: number): number {
  const levels = model.quantiles;
  if (model.loss !== 'quantile' || levels === undefined) return index;
  const nearest = levels.reduce(
    (best, level, i) => (Math.abs(level - 0.5) < Math.abs(levels[best]! - 0.5) ? i : best),
    0,
  );
  return (index * model.outputs) / targets + nearest;
}

/** The target (its index) that output `output` belongs to: a target's quantiles stand together. */
export const targetOfOutput = (model: ModelSpec, targets: number, output: number): number =>
  Math.floor((output * targets) / model.outputs);
