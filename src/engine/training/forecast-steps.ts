/** The rows to come of one silo's every entity, on the side of its rows: features that are functions of time are computed for them. */
import type { RecordBatch } from 'apache-arrow';
import { CategoryDictionary } from '../../../operators/lstm/category-dictionary.ts';
import type { DropoutSamples } from '../../../operators/lstm/forecast.ts';
import type { LocalTrainer } from '../../../operators/lstm/local-trainer.ts';
import { categoryCodes } from '../../../operators/lstm/standardise.ts';
import type { TrainedFeatures } from '../../../operators/lstm/trained-features.ts';
import type { Column } from '../../plan/expressions.ts';
import type { RelationalNode } from '../../plan/nodes.ts';
import type { SqlType } from '../../plan/types.ts';
import { futureFeatures } from './future-features.ts';

export interface ForecastAsked {
  readonly steps: number;
  /** With it three outputs for each: mean, lower and upper end. */
  readonly samples?: DropoutSamples;
}

/** One predicted row, in the target's own units and the order of the model's outputs. */
export interface ForecastStep {
  readonly entity: string;
  /** Microseconds since 1970 UTC for dates and timestamps, a plain number otherwise. */
  readonly time: number;
  readonly outputs: readonly number[];
}

/** The silo's part of the feature query, and its columns. */
export interface FeatureRows {
  readonly plan: RelationalNode;
  readonly order: Column;
  readonly features: readonly Column[];
}

/** @param compute runs a plan that reads no silo */
export async function forecastSteps(
  trainer: LocalTrainer,
  trained: TrainedFeatures,
  rows: FeatureRows,
  weights: Float32Array,
  { samples, steps }: ForecastAsked,
  compute: (plan: RelationalNode) => AsyncIterable<RecordBatch>,
  signal: AbortSignal,
): Promise<ForecastStep[]> {
  const times = new Map(
    trainer.lastRows().map(({ entity, time, interval }) => [entity, comingTimes(time, interval, steps)] as const),
  );
  const future = await futureOf(rows, trained, times, compute);
  const forecasts = await trainer.forecast(weights, steps, signal, future, samples);
  const width = trainer.model.outputs * (samples === undefined ? 1 : 3);
  return forecasts.flatMap(({ entity, values }) =>
    times.get(entity)!.map((time, k) => ({
      entity,
      time,
      outputs: [...values.subarray(k * width, (k + 1) * width)],
    })),
  );
}

const comingTimes = (last: number, interval: number, steps: number): number[] =>
  Array.from({ length: steps }, (_, k) => last + (k + 1) * interval);

/** Steps × kept features per entity; NaN where a feature is no function of time. */
async function futureOf(
  { features, order, plan }: FeatureRows,
  { kept, vocabularies }: TrainedFeatures,
  times: ReadonlyMap<string, readonly number[]>,
  compute: (plan: RelationalNode) => AsyncIterable<RecordBatch>,
): Promise<ReadonlyMap<string, Float64Array> | undefined> {
  const entities = [...times];
  const texts = entities.flatMap(([, each]) => each.map((time) => timeText(time, order.type)));
  const ids = kept.map((feature) => features[feature]!.id);
  const coded = vocabularies.map((names) => names !== undefined);
  const found = futureFeatures(plan, order.id, ids, coded, texts, order.type);
  if (found === undefined) return undefined;
  const columns = found.features.map((): number[] => []);
  for await (const batch of compute(found.plan)) {
    found.features.forEach((feature, c) => {
      const vector = batch.getChildAt(c)!;
      const names = vocabularies[feature];
      if (names === undefined) {
        for (const value of vector) columns[c]!.push(value === null ? Number.NaN : Number(value));
        return;
      }
      const dictionary = new CategoryDictionary(features[kept[feature]!]!.name);
      const own = dictionary.read(vector);
      const codes = categoryCodes(dictionary.names, names);
      for (const code of own) columns[c]!.push(codes[code]!);
    });
  }
  const result = new Map<string, Float64Array>();
  let row = 0;
  for (const [entity, each] of entities) {
    const values = new Float64Array(each.length * kept.length).fill(Number.NaN);
    each.forEach((_, k) => {
      found.features.forEach((feature, c) => {
        values[k * kept.length + feature] = columns[c]![row + k]!;
      });
    });
    row += each.length;
    result.set(entity, values);
  }
  return result;
}

/** A time as PostgreSQL writes it. */
function timeText(time: number, type: SqlType): string {
  if (type.kind !== 'date' && type.kind !== 'timestamp' && type.kind !== 'timestamptz') return String(time);
  const iso = new Date(time / 1000).toISOString();
  if (type.kind === 'date') return iso.slice(0, 10);
  const text = iso.slice(0, 23).replace('T', ' ');
  return type.kind === 'timestamptz' ? `${text}+00` : text;
}
