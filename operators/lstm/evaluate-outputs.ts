/** From a network's outputs on one part to the sums of an evaluation. */
import type { DifferenceSpec } from '../../src/plan/training.ts';
import { firstRow, gatherTargets, outputsPerWindow } from './backend.ts';
import { type ChangeSums, changeSums } from './change-share.ts';
import { ClassificationCounter, type ClassificationSums } from './classification.ts';
import { ErrorCounter, type Evaluation, type QuantileSums, type TargetEvaluation } from './evaluation.ts';
import { isRegression, lossFunction, probabilities } from './losses.ts';
import { accumulateMasked, maskedWeight, outputMask } from './masked-loss.ts';
import { pointOutput } from './model.ts';
import { scaleAt } from './scales.ts';
import type { Aim, SessionSetup } from './training-session.ts';
import type { Part, Segment } from './windows.ts';

/** What an evaluation needs to know of its silo. */
export type EvaluationSetup = Pick<SessionSetup, 'data' | 'model' | 'names' | 'scales' | 'season' | 'segments'>;

/** `outputs` are those of the windows `starts`, as the network puts them out. */
export function evaluateOutputs(
  setup: EvaluationSetup,
  part: Part,
  starts: Uint32Array,
  outputs: Float32Array,
  { difference, season = setup.season }: Aim = {},
): Evaluation {
  const { data, model } = setup;
  const loss = lossFunction(model);
  const rows = outputs.length / model.outputs;
  const targets = new Float32Array(rows * data.targets.length);
  gatherTargets(data, model.readout, starts, targets);
  const mask = outputMask(data, model.readout, starts);
  const regression = isRegression(model);
  return {
    part,
    windows: starts.length,
    lossSum: accumulateMasked(loss, outputs, targets, new Float32Array(outputs.length), rows, 1, mask),
    lossWeight: maskedWeight(loss, targets, rows, mask),
    targets: regression
      ? data.targets.map((_, i) => ({
          ...targetErrors({ ...setup, ...(season === undefined ? {} : { season }) }, i, starts, outputs),
          ...(difference === undefined || part !== 'validation'
            ? {}
            : { change: changeOf(setup, i, starts, outputs, difference, season) }),
        }))
      : [],
    ...(regression ? {} : { classifications: classify(setup, starts, outputs) }),
  };
}

/** What the network adds to the naive rule, beside what was to be added, in standardised units. */
function changeOf(
  { data, model }: EvaluationSetup,
  index: number,
  starts: Uint32Array,
  outputs: Float32Array,
  { lag }: DifferenceSpec,
  season = 0,
): ChangeSums {
  const { features, horizon, targets, values, window } = data;
  const size = outputsPerWindow(model, window);
  const output = size - model.outputs + pointOutput(model, index, targets.length);
  const at = (row: number) => values[row * features + targets[index]!]!;
  const predicted = new Float64Array(starts.length);
  const actual = new Float64Array(starts.length);
  starts.forEach((start, k) => {
    const target = firstRow(data, start) + window - 1 + horizon;
    predicted[k] = outputs[k * size + output]! - at(target - lag);
    actual[k] = at(target) - at(target - lag);
  });
  return changeSums(predicted, actual, Math.max(lag, horizon, season));
}

/** Errors of the last step's outputs. */
function targetErrors(
  setup: EvaluationSetup,
  index: number,
  starts: Uint32Array,
  outputs: Float32Array,
): TargetEvaluation {
  const { data, model, names, scales, season, segments } = setup;
  const { features, horizon, values, window } = data;
  const column = data.targets[index]!;
  const original = (value: number, row: number) => {
    const { deviation, mean } = scaleAt(scales, row, column);
    return value * deviation + mean;
  };
  const valueAt = (row: number) => original(values[row * features + column]!, row);
  const size = outputsPerWindow(model, window);
  const output = size - model.outputs + pointOutput(model, index, data.targets.length);
  const counters = { model: new ErrorCounter(), persistence: new ErrorCounter(), seasonal: new ErrorCounter() };
  const back = season === undefined ? 0 : season * Math.ceil(horizon / season);
  const rows = Array.from(starts, (start) => firstRow(data, start) + window - 1 + horizon);
  let sum = 0;
  for (const target of rows) sum += valueAt(target);
  const average = rows.length === 0 ? 0 : sum / rows.length;
  let m2 = 0;
  rows.forEach((target, k) => {
    const actual = valueAt(target);
    m2 += (actual - average) ** 2;
    counters.model.add(actual, original(outputs[k * size + output]!, target));
    counters.persistence.add(actual, valueAt(target - horizon));
    if (season !== undefined && target - back >= segmentStart(segments, target)) {
      counters.seasonal.add(actual, valueAt(target - back));
    }
  });
  const levels = model.loss === 'quantile' ? (model.quantiles ?? [0.5]) : [];
  const firstLevel = size - model.outputs + index * levels.length;
  return {
    target: names[column]!,
    model: counters.model.sums,
    persistence: counters.persistence.sums,
    ...(season === undefined ? {} : { seasonal: counters.seasonal.sums }),
    actual: { n: starts.length, mean: average, m2 },
    ...(levels.length === 0
      ? {}
      : {
          quantiles: levels.map((level, q) =>
            quantileSums(level, rows, (k) => original(outputs[k * size + firstLevel + q]!, rows[k]!), valueAt),
          ),
        }),
  };
}

function quantileSums(
  level: number,
  rows: readonly number[],
  predicted: (window: number) => number,
  actual: (row: number) => number,
): QuantileSums {
  let pinballSum = 0;
  let covered = 0;
  rows.forEach((row, k) => {
    const error = actual(row) - predicted(k);
    pinballSum += error >= 0 ? level * error : (level - 1) * error;
    if (error <= 0) covered++;
  });
  return { level, pinballSum, covered };
}

function classify(
  { data, model, names }: EvaluationSetup,
  starts: Uint32Array,
  outputs: Float32Array,
): ClassificationSums[] {
  const { features, horizon, targets, values, window } = data;
  const size = outputsPerWindow(model, window);
  const binary = model.loss === 'binary-cross-entropy';
  return targets.map((column, i) => {
    const counter = new ClassificationCounter(names[column]!, binary ? 2 : model.outputs);
    starts.forEach((start, k) => {
      const actual = values[(firstRow(data, start) + window - 1 + horizon) * features + column]!;
      const logits = outputs.subarray((k + 1) * size - model.outputs, (k + 1) * size);
      const found = probabilities(model, logits);
      counter.add(actual, binary ? [1 - found[i]!, found[i]!] : found);
    });
    return counter.sums;
  });
}

/** First row of the segment that a row lies in (binary search). */
function segmentStart(segments: readonly Segment[], row: number): number {
  let low = 0;
  let high = segments.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (segments[middle]!.start <= row) low = middle;
    else high = middle - 1;
  }
  return segments[low]!.start;
}
