/** From a network's outputs on one part to the sums of an evaluation. */
import { gatherTargets, outputsPerWindow } from './backend.ts';
import { ClassificationCounter, type ClassificationSums } from './classification.ts';
import { ErrorCounter, type Evaluation, type QuantileSums, type TargetEvaluation } from './evaluation.ts';
import { isRegression, lossFunction, probabilities } from './losses.ts';
import { pointOutput } from './model.ts';
import type { SessionSetup } from './training-session.ts';
import type { Part, Segment } from './windows.ts';

/** `outputs` are those of all windows of the part, as the network puts them out. */
export function evaluateOutputs(setup: SessionSetup, part: Part, outputs: Float32Array): Evaluation {
  const { data, model } = setup;
  const starts = setup.windows[part];
  const loss = lossFunction(model);
  const rows = outputs.length / model.outputs;
  const targets = new Float32Array(rows * data.targets.length);
  gatherTargets(data, model.readout, starts, targets);
  const regression = isRegression(model);
  return {
    part,
    windows: starts.length,
    lossSum: loss.accumulate(outputs, targets, new Float32Array(outputs.length), rows, 1),
    lossWeight: loss.weight(targets, rows),
    targets: regression ? data.targets.map((_, i) => targetErrors(setup, i, starts, outputs)) : [],
    ...(regression ? {} : { classifications: classify(setup, starts, outputs) }),
  };
}

/** Errors of the last step's outputs. */
function targetErrors(
  setup: SessionSetup,
  index: number,
  starts: Uint32Array,
  outputs: Float32Array,
): TargetEvaluation {
  const { data, model, names, scales, season, segments } = setup;
  const { features, horizon, values, window } = data;
  const column = data.targets[index]!;
  const { deviation, mean } = scales[column]!;
  const original = (value: number) => value * deviation + mean;
  const valueAt = (row: number) => original(values[row * features + column]!);
  const size = outputsPerWindow(model, window);
  const output = size - model.outputs + pointOutput(model, index, data.targets.length);
  const counters = { model: new ErrorCounter(), persistence: new ErrorCounter(), seasonal: new ErrorCounter() };
  const back = season === undefined ? 0 : season * Math.ceil(horizon / season);
  let sum = 0;
  for (const start of starts) sum += valueAt(start + window - 1 + horizon);
  const average = starts.length === 0 ? 0 : sum / starts.length;
  let m2 = 0;
  starts.forEach((start, k) => {
    const target = start + window - 1 + horizon;
    const actual = valueAt(target);
    m2 += (actual - average) ** 2;
    counters.model.add(actual, original(outputs[k * size + output]!));
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
            quantileSums(
              level,
              starts,
              (k) => original(outputs[k * size + firstLevel + q]!),
              (start) => valueAt(start + window - 1 + horizon),
            ),
          ),
        }),
  };
}

function quantileSums(
  level: number,
  starts: Uint32Array,
  predicted: (window: number) => number,
  actual: (start: number) => number,
): QuantileSums {
  let pinballSum = 0;
  let covered = 0;
  starts.forEach((start, k) => {
    const error = actual(start) - predicted(k);
    pinballSum += error >= 0 ? level * error : (level - 1) * error;
    if (error <= 0) covered++;
  });
  return { level, pinballSum, covered };
}

function classify(
  { data, model, names }: SessionSetup,
  starts: Uint32Array,
  outputs: Float32Array,
): ClassificationSums[] {
  const { features, horizon, targets, values, window } = data;
  const size = outputsPerWindow(model, window);
  const binary = model.loss === 'binary-cross-entropy';
  return targets.map((column, i) => {
    const counter = new ClassificationCounter(names[column]!, binary ? 2 : model.outputs);
    starts.forEach((start, k) => {
      const actual = values[(start + window - 1 + horizon) * features + column]!;
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
