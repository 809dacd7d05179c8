/** `ml.forecast`: the next rows of every silo's every entity, computed on that silo's side. */
import type { RecordBatch } from 'apache-arrow';
import { CategoryDictionary } from '../../../operators/lstm/category-dictionary.ts';
import type { BackendChoice } from '../../../operators/lstm/choose-backend.ts';
import type { DropoutSamples } from '../../../operators/lstm/forecast.ts';
import type { LocalTrainer } from '../../../operators/lstm/local-trainer.ts';
import { weightLayout } from '../../../operators/lstm/model.ts';
import { decodeSafetensors } from '../../../operators/lstm/safetensors.ts';
import { categoryCodes } from '../../../operators/lstm/standardise.ts';
import type { TrainedFeatures } from '../../../operators/lstm/trained-features.ts';
import { siloPlans } from '../../../optimizer/fragments/silo-plans.ts';
import type { PolicyBook } from '../../../optimizer/policy/book.ts';
import type { RelationalNode } from '../../plan/nodes.ts';
import type { SqlType } from '../../plan/types.ts';
import type { Engine, StoredModel } from '../engine.ts';
import type { Cell } from '../rows.ts';
import { futureFeatures } from './future-features.ts';
import { modelSource } from './model-source.ts';
import { openOnRows } from './open-on-rows.ts';
import type { StreamRows, TrainerSource } from './open-trainers.ts';
import { ownModel } from './personal-heads.ts';
import { scaleAsTrained } from './scale-as-trained.ts';

export interface ScoringContext {
  readonly signal: AbortSignal;
  /** How rows leave for the mediator, and how a silo's own worker reads them. */
  readonly stream: StreamRows;
  readonly home: StreamRows;
  /** Those that hold for whoever asks. */
  readonly policies: (signal: AbortSignal) => Promise<PolicyBook>;
  /** As it was written, for the egress record. */
  readonly statement: string;
  readonly backend: BackendChoice;
  /** Runs a plan that reads no silo. */
  readonly compute: (plan: RelationalNode) => AsyncIterable<RecordBatch>;
}

/** One predicted row: `outputs` is in the target's own units, in the order of the model's outputs; with samples three of each. */
export interface ForecastRow {
  readonly silo: string;
  readonly entity: string;
  readonly time: Cell;
  readonly outputs: readonly number[];
}

/** The weights of a stored model, checked against the network that its signature describes. */
export function weightsOf(engine: Engine, model: StoredModel, trainer: Pick<LocalTrainer, 'model'>): Float32Array {
  return decodeSafetensors(engine.catalog.models.weights(model), weightLayout(trainer.model)).weights;
}

/** The weights with which a silo's rows are predicted: with its own head where it has one here, which its trainer is told. */
export function weightsIn(engine: Engine, model: StoredModel, silo: string, trainer: LocalTrainer): Float32Array {
  const weights = weightsOf(engine, model, trainer);
  const own = ownModel(model.signature, silo, trainer.model, weights);
  if (own === undefined) return weights;
  trainer.aimAt(own.aim);
  return own.weights;
}

/** @param query the model's feature query, bound */
export async function forecast(
  engine: Engine,
  model: StoredModel,
  query: RelationalNode,
  steps: number,
  context: ScoringContext,
  samples?: DropoutSamples,
): Promise<ForecastRow[]> {
  const { signature } = model;
  const source = modelSource(model.model, signature, query);
  const plans = siloPlans(query);
  await using trainers = await openOnRows('ml.forecast', source, context);
  const trained = scaleAsTrained(trainers, signature);
  const perSilo = await Promise.all(
    trainers.all.map(async (trainer, i): Promise<ForecastRow[]> => {
      const silo = trainers.silos[i]!;
      const last = trainer.lastRows();
      const times = new Map(
        last.map(({ entity, time, interval }) => [entity, comingTimes(time, interval, steps)] as const),
      );
      const plan = plans.get(silo);
      const future = plan === undefined ? undefined : await futureOf(plan, source, trained, times, context);
      const weights = weightsIn(engine, model, silo, trainer);
      const forecasts = await trainer.forecast(weights, steps, context.signal, future, samples);
      const width = trainer.model.outputs * (samples === undefined ? 1 : 3);
      return forecasts.flatMap(({ entity, values }) =>
        times.get(entity)!.map((time, k) => ({
          silo,
          entity,
          time: timeCell(time, signature.order.type),
          outputs: [...values.subarray(k * width, (k + 1) * width)],
        })),
      );
    }),
  );
  return perSilo.flat();
}

const comingTimes = (last: number, interval: number, steps: number): number[] =>
  Array.from({ length: steps }, (_, k) => last + (k + 1) * interval);

/** Steps × kept features per entity; NaN where a feature is no function of time. */
async function futureOf(
  plan: RelationalNode,
  { order, features }: TrainerSource,
  { kept, vocabularies }: TrainedFeatures,
  times: ReadonlyMap<string, readonly number[]>,
  { compute }: ScoringContext,
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

/** Times are microseconds since 1970 UTC for dates and timestamps, plain numbers otherwise. */
function timeText(time: number, type: SqlType): string {
  if (type.kind !== 'date' && type.kind !== 'timestamp' && type.kind !== 'timestamptz') return String(time);
  const iso = new Date(time / 1000).toISOString();
  if (type.kind === 'date') return iso.slice(0, 10);
  const text = iso.slice(0, 23).replace('T', ' ');
  return type.kind === 'timestamptz' ? `${text}+00` : text;
}

/** The same in the JavaScript form that Arrow's builders take. */
export function timeCell(time: number, type: SqlType): Cell {
  switch (type.kind) {
    case 'date':
    case 'timestamp':
    case 'timestamptz':
      return new Date(time / 1000);
    case 'smallint':
    case 'integer':
      return Math.round(time);
    case 'bigint':
      return BigInt(Math.round(time));
    case 'real':
    case 'double':
      return time;
    default:
      return String(time);
  }
}
