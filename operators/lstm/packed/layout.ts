/**
 * How weights stand for the kernels: per layer one panel for each group of `lanes` units, a row per column of Z, and in a
 * row the four gates of the group side by side. So gates come out of the product together and are applied from registers, and the
 * biases are rows of the same product.
 *
 * A GRU has four slots too: reset, update, and the new gate's input part and state part apart.
 */
import type { ModelSpec } from '../../../src/plan/training.ts';
import { embedded, gateCount, layerInputs, weightCount } from '../model.ts';

/** One layer's shape after padding, in floats. */
interface PackedLayer {
  readonly inputs: number;
  /** Columns of ones: one per bias vector. */
  readonly ones: number;
  readonly hidden: number;
  readonly columns: number;
  /** Floats from one row of Z to the next. */
  readonly stride: number;
  /** Offset of the layer's panels in the packed vector. */
  readonly offset: number;
}

export interface PackedLayout {
  /** Floats per vector register. */
  readonly lanes: number;
  readonly layers: readonly PackedLayer[];
  /** Head weights (outputs × padded hidden) and biases, in the packed vector. */
  readonly head: number;
  readonly headBias: number;
  /** Embeddings (categories × dimension, without padding), in the packed vector. */
  readonly embeddings: readonly number[];
  /** Floats of the packed vector. */
  readonly length: number;
  /** Packed position of every weight of the flat vector. */
  readonly positions: Int32Array;
}

const SLOTS = 4;
const roundUp = (n: number, multiple: number): number => Math.ceil(n / multiple) * multiple;

/** Rows begin on cache lines, and not all in the same cache set. */
const strideOf = (columns: number): number => roundUp(columns, 16) + (roundUp(columns, 16) % 64 === 0 ? 16 : 0);

/** Two vectors of units go through the backward product together. */
const paddedHidden = (spec: ModelSpec, lanes: number): number => roundUp(spec.hidden, 2 * lanes);

export function packedLayout(spec: ModelSpec, lanes: number): PackedLayout {
  const hidden = paddedHidden(spec, lanes);
  const layers: PackedLayer[] = [];
  let offset = 0;
  for (let layer = 0; layer < spec.layers; layer++) {
    // Slopes of inputs, where they are needed, come two vectors at a time.
    const own = embedded(spec).length > 0 ? roundUp(spec.inputs, 2 * lanes) : spec.inputs;
    const inputs = layer === 0 ? own : hidden;
    const columns = inputs + spec.biases + hidden;
    layers.push({ inputs, ones: spec.biases, hidden, columns, stride: strideOf(columns), offset });
    offset += columns * SLOTS * hidden;
  }
  const headBias = offset + spec.outputs * hidden;
  let length = headBias + roundUp(spec.outputs, 2 * lanes);
  const embeddings = embedded(spec).map(({ dimension, size }) => {
    const at = length;
    length += roundUp(size * dimension, 2 * lanes);
    return at;
  });
  const layout = { lanes, layers, head: offset, headBias, embeddings, length };
  return { ...layout, positions: positions(spec, layout) };
}

/** Packed position of gate row `row` (PyTorch's numbering) and column `column` of Z. */
function panelPosition(
  spec: ModelSpec,
  lanes: number,
  layer: PackedLayer,
  row: number,
  column: number,
  fromState: boolean,
) {
  const gate = Math.floor(row / spec.hidden);
  const unit = row % spec.hidden;
  const slot = spec.cell === 'gru' && gate === 2 && fromState ? 3 : gate;
  const panel = Math.floor(unit / lanes);
  return layer.offset + (panel * layer.columns + column) * SLOTS * lanes + slot * lanes + (unit % lanes);
}

function positions(spec: ModelSpec, layout: Omit<PackedLayout, 'positions'>): Int32Array {
  const found = new Int32Array(weightCount(spec));
  const rows = gateCount(spec) * spec.hidden;
  let next = 0;
  layout.layers.forEach((layer, l) => {
    const add = (width: number, firstColumn: number, fromState: boolean) => {
      for (let row = 0; row < rows; row++) {
        for (let k = 0; k < width; k++) {
          found[next++] = panelPosition(spec, layout.lanes, layer, row, firstColumn + k, fromState);
        }
      }
    };
    add(layerInputs(spec, l), 0, false);
    add(spec.hidden, layer.inputs + layer.ones, true);
    add(1, layer.inputs, false);
    if (spec.biases === 2) add(1, layer.inputs + 1, true);
  });
  const hidden = layout.layers[0]!.hidden;
  for (let o = 0; o < spec.outputs; o++) {
    for (let k = 0; k < spec.hidden; k++) found[next++] = layout.head + o * hidden + k;
  }
  for (let o = 0; o < spec.outputs; o++) found[next++] = layout.headBias + o;
  embedded(spec).forEach(({ dimension, size }, n) => {
    for (let k = 0; k < size * dimension; k++) found[next++] = layout.embeddings[n]! + k;
  });
  if (next !== found.length) throw new Error('the packed layout misses weights');
  return found;
}
