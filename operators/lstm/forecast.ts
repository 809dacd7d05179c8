/** Roll-out: predictions beyond the last known row of every entity. */
import { outputsPerWindow, type SequenceData, type TrainingBackend } from './backend.ts';
import { pointOutput, targetOfOutput } from './model.ts';
import { deriveSeed } from './random.ts';
import { scaleAt } from './scales.ts';
import type { SessionSetup } from './training-session.ts';

export interface ForecastRequest {
  readonly weights: Float32Array;
  /** Rows ahead of the last known one. */
  readonly steps: number;
  /** Rows of a window that must be known; the others are masked. */
  readonly minWindow: number;
  /** The entities' last rows: name, end of its last segment, and the rows known before it without a break. */
  readonly entities: readonly { readonly name: string; readonly end: number; readonly known: number }[];
  /**
   * Per entity, steps × features in original units: the features' future values. NaN, or a missing entity, holds the last
   * known value. Targets are always the model's own predictions.
   */
  readonly future?: ReadonlyMap<string, Float64Array>;
  readonly samples?: DropoutSamples;
}

/** Monte-Carlo dropout (Gal and Ghahramani 2016): the roll-out is repeated with activations dropped as in training. */
export interface DropoutSamples {
  readonly count: number;
  /** Share of the samples between the interval's ends, 0 … 1. */
  readonly level: number;
}

/** Values in original units: steps × outputs; with samples steps × outputs × (mean, lower end, upper end). */
export interface EntityForecast {
  readonly entity: string;
  readonly values: Float64Array;
}

/**
 * Step k predicts the value k rows after the last known row ("now") from the window that ends at row now − horizon + k.
 * Up to the horizon all its inputs are known; beyond it, it reads earlier predictions and the given future. Entities
 * with fewer than minWindow + horizon − 1 unbroken rows are left out.
 */
export function forecastEntities(
  setup: SessionSetup,
  create: (data: SequenceData, batch: number) => TrainingBackend,
  { entities, future, minWindow, samples, steps, weights }: ForecastRequest,
): EntityForecast[] {
  const { data, model, scales } = setup;
  const { features, horizon, targets, window } = data;
  const known = window + horizon - 1;
  const able = entities.filter((entity) => entity.known >= minWindow + horizon - 1);
  if (able.length === 0) return [];
  const rows = known + steps;
  const values = new Float32Array(new SharedArrayBuffer(able.length * rows * features * 4));
  able.forEach((entity, e) => {
    const base = e * rows * features;
    const there = Math.min(known, entity.known);
    const rowsThere = data.values.subarray((entity.end - there) * features, entity.end * features);
    values.set(rowsThere, base + (known - there) * features);
    const given = future?.get(entity.name);
    for (let k = 0; k < steps; k++) {
      for (let f = 0; f < features; f++) {
        const value = given?.[k * features + f] ?? Number.NaN;
        const { mean, deviation } = scaleAt(scales, entity.end - 1, f);
        const at = base + (known + k) * features + f;
        values[at] = Number.isNaN(value) ? values[at - features]! : (value - mean) / deviation;
      }
    }
  });

  const size = outputsPerWindow(model, window);
  const last = size - model.outputs;
  const outputs = new Float32Array(able.length * size);
  const sequences = Uint32Array.from(able, (entity, e) => e * rows + known - Math.min(known, entity.known));
  using backend = create({ ...data, values, sequences }, able.length);
  backend.setWeights(weights);
  /** Entities × steps × outputs. It writes every row before it reads it, so that it can be repeated. */
  const rollOut = (sample?: number): Float64Array => {
    const found = new Float64Array(able.length * steps * model.outputs);
    for (let k = 0; k < steps; k++) {
      const starts = Uint32Array.from(able, (_, e) => e * rows + k);
      backend.predict(starts, outputs, sample === undefined ? undefined : deriveSeed('sample', sample, k));
      able.forEach((entity, e) => {
        for (let o = 0; o < model.outputs; o++) {
          const column = targets[targetOfOutput(model, targets.length, o)]!;
          const { mean, deviation } = scaleAt(scales, entity.end - 1, column);
          found[(e * steps + k) * model.outputs + o] = outputs[e * size + last + o]! * deviation + mean;
        }
        targets.forEach((target, i) => {
          values[(e * rows + known + k) * features + target] =
            outputs[e * size + last + pointOutput(model, i, targets.length)]!;
        });
      });
    }
    return found;
  };
  const all =
    samples === undefined
      ? rollOut()
      : intervals(
          Array.from({ length: samples.count }, (_, sample) => rollOut(sample)),
          samples.level,
        );
  const perEntity = all.length / able.length;
  return able.map(({ name }, e) => ({ entity: name, values: all.slice(e * perEntity, (e + 1) * perEntity) }));
}

/** Mean and ends of the middle part of every value's samples (quantiles by linear interpolation). */
function intervals(samples: readonly Float64Array[], level: number): Float64Array {
  const found = new Float64Array(samples[0]!.length * 3);
  for (let i = 0; i < samples[0]!.length; i++) {
    const sorted = Float64Array.from(samples, (sample) => sample[i]!).sort();
    const quantile = (share: number) => {
      const at = share * (sorted.length - 1);
      const below = sorted[Math.floor(at)]!;
      return below + (sorted[Math.ceil(at)]! - below) * (at - Math.floor(at));
    };
    const mean = sorted.reduce((sum, value) => sum + value, 0) / sorted.length;
    found.set([mean, quantile((1 - level) / 2), quantile((1 + level) / 2)], i * 3);
  }
  return found;
}
