/**
 * Personalisation: only the dense head is trained, on what the network of the federation makes of a silo's windows (Arivazhagan et
 * al. 2019, federated learning with personalisation layers). Recurrent weights and embeddings stay as they are.
 */
import type { ModelSpec } from '../../src/plan/training.ts';
import { gatherTargets, outputsPerWindow, type SequenceData, type TrainingBackend } from './backend.ts';
import { type LossFunction, lossFunction } from './losses.ts';
import { accumulateMasked, maskedWeight, outputMask } from './masked-loss.ts';
import { weightCount, weightLayout } from './model.ts';
import { clipNorm, type OptimizerState, optimizerStep } from './optimizers.ts';
import { deriveSeed, MersenneTwister, shuffle } from './random.ts';
import type { TrainRequest } from './training-session.ts';

/** The head's weights and biases within a model's flat vector: they stand together. */
export function headOf(model: ModelSpec): { readonly offset: number; readonly length: number } {
  const { offset } = weightLayout(model).find(({ name }) => name === 'head.weight')!;
  return { offset, length: model.outputs * (model.hidden + 1) };
}

/** `weights` with another head. */
export function withHead(model: ModelSpec, weights: Float32Array, head: Float32Array): Float32Array {
  const own = weights.slice();
  own.set(head, headOf(model).offset);
  return own;
}

/** A network that puts out what the head of `model` reads: its head is the identity. */
export const bodyOf = ({ quantiles: _, classWeights: __, ...model }: ModelSpec): ModelSpec => ({
  ...model,
  outputs: model.hidden,
  loss: 'mse',
});

/** The weights of {@link bodyOf} for those of `model`. */
export function bodyWeights(model: ModelSpec, weights: Float32Array): Float32Array {
  const body = bodyOf(model);
  const out = new Float32Array(weightCount(body));
  const known = new Map(weightLayout(model).map(({ name, offset }) => [name, offset]));
  for (const { name, offset, shape } of weightLayout(body)) {
    if (name === 'head.weight')
      for (let unit = 0; unit < body.hidden; unit++) out[offset + unit * (body.hidden + 1)] = 1;
    if (name.startsWith('head.')) continue;
    const from = known.get(name)!;
    const count = shape.reduce((product, n) => product * n, 1);
    out.set(weights.subarray(from, from + count), offset);
  }
  return out;
}

export interface HeadTask {
  readonly silo: string;
  readonly model: ModelSpec;
  /** With the changes that the network learns, where it does. */
  readonly data: SequenceData;
  /** Training windows. */
  readonly windows: Uint32Array;
  /** A backend of {@link bodyOf} the model; its weights are set. */
  readonly body: TrainingBackend;
  readonly request: TrainRequest;
  readonly learningRate: number;
  /** Called before each step; throws to stop. */
  readonly onStep: (step: number) => void;
}

export interface TunedHead {
  readonly weights: Float32Array;
  readonly losses: readonly number[];
  readonly steps: number;
}

/** The request's epochs over the silo's windows, with its optimizer on the head alone; the same request gives the same bits. */
export function tuneHead(task: HeadTask): TunedHead {
  const { model, onStep, request, silo, windows } = task;
  const { batch, epochs, optimizer, round, seed, weights } = request;
  const { offset, length } = headOf(model);
  const head = Float64Array.from(weights.subarray(offset, offset + length));
  const state: OptimizerState = { first: new Float64Array(length), second: new Float64Array(length), steps: 0 };
  const loss = lossFunction(model);
  const losses: number[] = [];
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const order = windows.slice();
    shuffle(order, new MersenneTwister(deriveSeed(seed, silo, 'head', round, epoch)));
    let sum = 0;
    for (let from = 0; from < order.length; from += batch) {
      onStep(state.steps + 1);
      const starts = order.subarray(from, from + batch);
      const { gradient, mean } = headGradient(task, loss, head, starts);
      if (optimizer.clipNorm !== undefined) clipNorm(gradient, optimizer.clipNorm);
      optimizerStep(optimizer, state, head, gradient, task.learningRate);
      sum += mean * starts.length;
    }
    losses.push(sum / order.length);
  }
  return { weights: withHead(model, weights, Float32Array.from(head)), losses, steps: state.steps };
}

/** The mean loss of a batch, and its derivative by the head's weights and biases. */
function headGradient(
  { body, data, model }: HeadTask,
  loss: LossFunction,
  head: Float64Array,
  starts: Uint32Array,
): { readonly gradient: Float64Array; readonly mean: number } {
  const { hidden, outputs: width } = model;
  const states = new Float32Array(starts.length * outputsPerWindow(bodyOf(model), data.window));
  body.predict(starts, states);
  const rows = states.length / hidden;
  const biases = width * hidden;
  const outputs = new Float64Array(rows * width);
  for (let row = 0; row < rows; row++) {
    for (let o = 0; o < width; o++) {
      let sum = head[biases + o]!;
      for (let unit = 0; unit < hidden; unit++) sum += head[o * hidden + unit]! * states[row * hidden + unit]!;
      outputs[row * width + o] = sum;
    }
  }
  const targets = new Float64Array(rows * data.targets.length);
  gatherTargets(data, model.readout, starts, targets);
  const mask = outputMask(data, model.readout, starts);
  const slopes = new Float64Array(outputs.length);
  const weight = maskedWeight(loss, targets, rows, mask);
  const sum = accumulateMasked(loss, outputs, targets, slopes, rows, 1 / weight, mask);
  const gradient = new Float64Array(head.length);
  for (let row = 0; row < rows; row++) {
    for (let o = 0; o < width; o++) {
      const slope = slopes[row * width + o]!;
      gradient[biases + o] = gradient[biases + o]! + slope;
      for (let unit = 0; unit < hidden; unit++) {
        const at = o * hidden + unit;
        gradient[at] = gradient[at]! + slope * states[row * hidden + unit]!;
      }
    }
  }
  return { gradient, mean: sum / weight };
}
