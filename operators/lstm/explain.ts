/**
 * What a model looks at, as sums that pool over silos: permutation importance (Breiman 2001; Fisher, Rudin and Dominici 2019) and
 * integrated gradients (Sundararajan, Taly and Yan 2017), per feature and per time lag. No row leaves the silo, only sums.
 */
import type { DifferenceSpec } from '../../src/plan/training.ts';
import {
  firstRow,
  gatherTargets,
  missingSteps,
  outputsPerWindow,
  type SequenceData,
  type TrainingBackend,
} from './backend.ts';
import { columnOfInput, InputEncoding } from './input-encoding.ts';
import { type LossFunction, lossFunction } from './losses.ts';
import { accumulateMasked, maskedWeight, type OutputMask, outputMask } from './masked-loss.ts';
import { embeddingOffsets, targetOfOutput } from './model.ts';
import { addLists } from './pooling.ts';
import { deriveSeed, MersenneTwister, shuffle } from './random.ts';
import { ReferenceNetwork } from './reference-network.ts';
import type { SessionSetup } from './training-session.ts';
import type { Part } from './windows.ts';

export interface ExplainRequest {
  readonly weights: Float32Array;
  readonly part: Part;
  /** Windows looked at, evenly spread over the part: all when there are fewer. Default 256. */
  readonly windows?: number;
  readonly seed: number;
}

export interface Explanation {
  /** Names of the network's inputs. */
  readonly features: readonly string[];
  readonly window: number;
  readonly windows: number;
  readonly lossWeight: number;
  /** Σ of the loss as it is, and with one feature's values exchanged between windows. */
  readonly lossSum: number;
  readonly permutedLossSums: readonly number[];
  /** Windows × points that were integrated over, and Σ |attribution| per lag, then feature (window × features). */
  readonly attributed: number;
  readonly attributionSums: readonly number[];
}

/** One line of an explanation. Lag 0 is the last row of the window; undefined stands for all lags together. */
export interface Importance {
  readonly feature: string;
  readonly lag: number | undefined;
  /** How much the mean loss grows when the feature is shuffled; only for all lags together. */
  readonly permutation: number | undefined;
  /** Mean share of a prediction that is owed to it, in standardised units. */
  readonly attribution: number;
}

const DEFAULT_WINDOWS = 256;
/** Integrated gradients: windows (they are costly) and points on the path from the mean to the window. */
const ATTRIBUTED_WINDOWS = 64;
const PATH_POINTS = 16;

/** Evenly spread picks, in order. */
function sample(starts: Uint32Array, count: number): Uint32Array {
  if (starts.length <= count) return starts.slice();
  return Uint32Array.from({ length: count }, (_, k) => starts[Math.floor((k * starts.length) / count)]!);
}

export function explain(
  setup: SessionSetup,
  create: (data: SequenceData, batch: number) => TrainingBackend,
  { part, seed, weights, windows: most = DEFAULT_WINDOWS }: ExplainRequest,
  difference?: DifferenceSpec,
): Explanation {
  const { data, model, names, silo } = setup;
  const starts = sample(setup.windows[part], most);
  const { features, window } = data;
  const loss = lossFunction(model);
  const rows = starts.length * (model.readout === 'every' ? window : 1);
  const targets = new Float32Array(rows * data.targets.length);
  gatherTargets(data, model.readout, starts, targets);

  // A copy of the windows, one after the other, in which single features can be exchanged.
  const size = window * features;
  const values = new Float32Array(new SharedArrayBuffer(4 * size * starts.length));
  const sequences = Uint32Array.from(starts, (start, k) => {
    const missing = missingSteps(data, start);
    const first = firstRow(data, start);
    values.set(
      data.values.subarray((first + missing) * features, (first + window) * features),
      k * size + missing * features,
    );
    return k * window + missing;
  });
  const mask = outputMask(data, model.readout, starts);
  const original = values.slice();
  using backend = create({ ...data, values, sequences }, Math.max(1, starts.length));
  backend.setWeights(weights);
  const places = Uint32Array.from(starts, (_, k) => k * window);
  const lossOf = () => sumOfLoss(loss, backend, places, targets, outputsPerWindow(model, window), rows, mask);
  const lossSum = lossOf();
  const permutedLossSums = names.map((name, feature) => {
    const order = Uint32Array.from(starts, (_, k) => k);
    shuffle(order, new MersenneTwister(deriveSeed(seed, silo, name)));
    order.forEach((from, to) => {
      for (let t = 0; t < window; t++) {
        values[to * size + t * features + feature] = original[from * size + t * features + feature]!;
      }
    });
    const permuted = lossOf();
    for (let at = feature; at < values.length; at += features) values[at] = original[at]!;
    return permuted;
  });
  const attributed = sample(starts, ATTRIBUTED_WINDOWS);
  return {
    features: names,
    window,
    windows: starts.length,
    lossWeight: maskedWeight(loss, targets, rows, mask),
    lossSum,
    permutedLossSums,
    attributed: attributed.length,
    attributionSums: [...attributions(setup, weights, attributed, difference)],
  };
}

function sumOfLoss(
  loss: LossFunction,
  backend: TrainingBackend,
  starts: Uint32Array,
  targets: Float32Array,
  size: number,
  rows: number,
  mask: OutputMask,
): number {
  const outputs = new Float32Array(starts.length * size);
  backend.predict(starts, outputs);
  return accumulateMasked(loss, outputs, targets, new Float32Array(outputs.length), rows, 1, mask);
}

/**
 * Σ over windows of |x · mean gradient of the last step's outputs along the path from 0 to x|, per lag and feature. Zero is
 * the mean of a standardised feature. A category's share is that of all the values it is spread to.
 */
function attributions(
  { data, model }: SessionSetup,
  weights: Float32Array,
  starts: Uint32Array,
  difference: DifferenceSpec | undefined,
): Float64Array {
  const { features, horizon, targets, values, window } = data;
  const { inputs } = model;
  const network = new ReferenceNetwork(model, window, (length) => new Float32Array(length));
  const encoding = new InputEncoding(model, features, embeddingOffsets(model));
  const columns = columnOfInput(model, features);
  const width = outputsPerWindow(model, window);
  const outputs = new Float32Array(width);
  const slopes = new Float32Array(width).fill(1, width - model.outputs);
  // A prediction is the value `lag` rows before, and what the network adds to it.
  const bases: number[] = [];
  for (let o = 0; difference !== undefined && o < model.outputs; o++) {
    const target = targetOfOutput(model, targets.length, o);
    slopes[width - model.outputs + o] = difference.scales[target]! * (difference.share ?? 1);
    bases.push((window - 1 + horizon - difference.lag) * features + targets[target]!);
  }
  const unused = new Float32Array(weights.length);
  const x = new Float32Array(window * inputs);
  const point = x.slice();
  const gradient = x.slice();
  const sums = new Float64Array(window * features);
  for (const start of starts) {
    const first = firstRow(data, start);
    const missing = missingSteps(data, start);
    x.fill(0);
    for (let t = missing; t < window; t++) encoding.encode(values, (first + t) * features, weights, x, t * inputs);
    const total = new Float64Array(x.length);
    for (let p = 0; p < PATH_POINTS; p++) {
      // Midpoints of equal pieces of the path.
      const factor = (p + 0.5) / PATH_POINTS;
      for (let i = 0; i < x.length; i++) point[i] = factor * x[i]!;
      network.forward(weights, point, 0, outputs, 0, undefined, missing);
      network.backward(weights, slopes, 0, unused, undefined, gradient, missing);
      for (let i = 0; i < x.length; i++) total[i]! += gradient[i]! / PATH_POINTS;
    }
    const perColumn = new Float64Array(window * features);
    for (let i = 0; i < x.length; i++) {
      perColumn[Math.floor(i / inputs) * features + columns[i % inputs]!]! += total[i]! * x[i]!;
    }
    for (const base of bases) perColumn[base]! += values[first * features + base]!;
    perColumn.forEach((value, i) => {
      sums[i]! += Math.abs(value);
    });
  }
  return sums;
}

/** All silos' windows together. */
export const mergeExplanations = (explanations: readonly Explanation[]): Explanation =>
  explanations.reduce((a, b) => ({
    features: a.features,
    window: a.window,
    windows: a.windows + b.windows,
    lossWeight: a.lossWeight + b.lossWeight,
    lossSum: a.lossSum + b.lossSum,
    permutedLossSums: addLists(a.permutedLossSums, b.permutedLossSums),
    attributed: a.attributed + b.attributed,
    attributionSums: addLists(a.attributionSums, b.attributionSums),
  }));

/** Per feature a line for all lags together, then one per lag from the last row backwards. */
export function importances(explanation: Explanation): Importance[] {
  const { attributed, attributionSums, features, lossSum, lossWeight, permutedLossSums, window } = explanation;
  return features.flatMap((feature, f) => {
    const lags = Array.from({ length: window }, (_, lag) => ({
      feature,
      lag,
      permutation: undefined,
      attribution: attributionSums[(window - 1 - lag) * features.length + f]! / attributed,
    }));
    const attribution = lags.reduce((sum, line) => sum + line.attribution, 0);
    const permutation = (permutedLossSums[f]! - lossSum) / lossWeight;
    return [{ feature, lag: undefined, permutation, attribution }, ...lags];
  });
}
