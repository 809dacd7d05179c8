/** What a network puts out, in the units of the rows. */
import type { ModelSpec } from '../../src/plan/training.ts';
import { firstRow, type SequenceData } from './backend.ts';
import { isRegression, probabilities } from './losses.ts';
import { targetOfOutput } from './model.ts';
import type { RowStore } from './row-store.ts';
import { type Scales, scaleAt } from './scales.ts';

/** Predictions in original units, one per window. */
export interface Predictions {
  /** The entity of each window ('' without an entity column), and the time of the predicted row. */
  readonly entities: readonly string[];
  readonly times: Float64Array;
  /** Windows × outputs, and windows × targets. */
  readonly predicted: Float64Array;
  readonly actual: Float64Array;
}

/** @param outputs of the windows that begin at `starts` */
export function predictionsOf(
  { data, model, scales }: { readonly data: SequenceData; readonly model: ModelSpec; readonly scales: Scales },
  store: RowStore,
  starts: Uint32Array,
  outputs: Float32Array,
): Predictions {
  const { horizon, targets, values, window } = data;
  const size = outputs.length / starts.length;
  const regression = isRegression(model);
  const predicted = new Float64Array(starts.length * model.outputs);
  const actual = new Float64Array(starts.length * targets.length);
  const rows = Array.from(starts, (start) => firstRow(data, start) + window - 1 + horizon);
  rows.forEach((row, k) => {
    const last = outputs.subarray((k + 1) * size - model.outputs, (k + 1) * size);
    (regression ? last : probabilities(model, last)).forEach((value, o) => {
      const { mean, deviation } = scaleAt(scales, row, targets[targetOfOutput(model, targets.length, o)]!);
      predicted[k * model.outputs + o] = regression ? value * deviation + mean : value;
    });
    targets.forEach((column, i) => {
      const { mean, deviation } = scaleAt(scales, row, column);
      actual[k * targets.length + i] = values[row * data.features + column]! * deviation + mean;
    });
  });
  return {
    entities: store.entitiesOf(rows),
    times: Float64Array.from(rows, (row) => store.times[row]!),
    predicted,
    actual,
  };
}
