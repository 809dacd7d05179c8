/** Opens the training side of every silo that a feature query reads: each reads its own rows, with its own statement. */
import type { RecordBatch } from 'apache-arrow';
import type { BackendChoice } from '../../../operators/lstm/choose-backend.ts';
import { LocalTrainer, type LocalTrainerSpec } from '../../../operators/lstm/local-trainer.ts';
import { siloPlans } from '../../../optimizer/fragments/silo-plans.ts';
import type { Column, ColumnId, Expression } from '../../plan/expressions.ts';
import { node, type RelationalNode } from '../../plan/nodes.ts';
import type { Train } from '../../plan/training.ts';
import { scalar } from '../../plan/types.ts';
import { inSilo } from '../silo-pool.ts';

/** How a silo's rows are streamed: by its own engine, in the order of `plan`. */
export type StreamRows = (silo: string, plan: RelationalNode, signal: AbortSignal) => AsyncIterable<RecordBatch>;

/** What opening needs of a Train, or of a stored model. */
export type TrainerSource = Pick<
  Train,
  'source' | 'order' | 'entity' | 'features' | 'targets' | 'sequence' | 'split' | 'spec'
> & {
  /** By silo: training rows that a category or an entity must have there to be named outside. */
  readonly minRows?: ReadonlyMap<string, number>;
  /** Lags of which the changes of the targets are described (LocalTrainerSpec). */
  readonly lags?: readonly number[];
};

/** Trainers by silo, in the order of the names: every sum over silos is taken in it. */
export class Trainers<T extends AsyncDisposable> implements AsyncDisposable {
  readonly silos: readonly string[];
  readonly all: readonly T[];

  constructor(entries: readonly (readonly [silo: string, trainer: T])[]) {
    const sorted = [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
    this.silos = sorted.map(([silo]) => silo);
    this.all = sorted.map(([, trainer]) => trainer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.all.map((trainer) => trainer[Symbol.asyncDispose]()));
  }
}

/** Opens one silo's trainer on the rows of `query`. */
export type OpenTrainer<T> = (
  silo: string,
  query: RelationalNode,
  spec: LocalTrainerSpec,
  signal: AbortSignal,
) => Promise<T>;

/** What a silo in this process keeps between rounds. */
export type Kept = Pick<LocalTrainerSpec, 'noiseKey' | 'residuals'>;

/** One thread each: silos that train side by side in this process keep its cores busy without helpers. */
export const openLocally =
  (stream: StreamRows, backend: BackendChoice, kept: Kept = {}): OpenTrainer<LocalTrainer> =>
  (silo, query, spec, signal) =>
    LocalTrainer.open({ ...spec, backend, threads: 1, ...kept }, stream(silo, query, signal), signal);

/**
 * @throws CausewayError 0A000 when the feature query mixes rows of different silos; whatever a silo answers, with its
 * name. When one silo fails the others are closed.
 */
export async function openAll<T extends AsyncDisposable>(
  source: TrainerSource,
  open: OpenTrainer<T>,
  signal: AbortSignal,
): Promise<Trainers<T>> {
  const plans = siloPlans(source.source);
  const failing = new AbortController();
  const either = AbortSignal.any([signal, failing.signal]);
  const opened = await Promise.allSettled(
    [...plans].map(async ([silo, plan]): Promise<readonly [string, T]> => {
      try {
        const { query, spec } = siloQuery(silo, plan, source);
        return [silo, await open(silo, query, spec, either)];
      } catch (thrown) {
        const failure = inSilo(silo, thrown);
        // Its reason is the first cause; what the others say when they are stopped is not.
        failing.abort(failure);
        throw failure;
      }
    }),
  );
  const trainers = new Trainers(opened.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : [])));
  if (!failing.signal.aborted) return trainers;
  await trainers[Symbol.asyncDispose]();
  throw failing.signal.reason;
}

/** What a silo's trainer reads, and what it makes of it. */
export const siloQuery = (silo: string, plan: RelationalNode, source: TrainerSource) => ({
  query: featureQuery(plan, source),
  spec: trainerSpec(silo, source),
});

/** The silo's statement: time, entity, features, sorted by entity and time. A silo's plan has the columns of the whole. */
function featureQuery(plan: RelationalNode, { order, entity, features }: TrainerSource): RelationalNode {
  const at = (id: ColumnId): Column => plan.columns.find((column) => column.id === id)!;
  const columns = [order, ...(entity === undefined ? [] : [entity]), ...features].map(({ id }) => at(id));
  const reference = ({ id, type }: Column): Expression => Object.freeze({ kind: 'column', id, type });
  // Numerics become doubles in the silo: they are trained on as float32 anyway, and doubles are read many times faster.
  const numerics = new Set([order.id, ...features.flatMap(({ category, id }) => (category === undefined ? [id] : []))]);
  const asRead = (column: Column): Column =>
    numerics.has(column.id) && column.type.kind === 'numeric' ? { ...column, type: scalar('double') } : column;
  const keys = [...(entity === undefined ? [] : [entity]), order].map((column) => ({
    expression: reference(at(column.id)),
    descending: false,
    nullsFirst: false,
  }));
  const sorted = node({ kind: 'sort', input: plan, keys, columns: plan.columns });
  const expressions = columns.map((column): Expression => {
    const { type } = asRead(column);
    return type === column.type ? reference(column) : { kind: 'cast', operand: reference(column), type };
  });
  return node({ kind: 'project', input: sorted, expressions, columns: columns.map(asRead) });
}

export function trainerSpec(silo: string, source: TrainerSource): LocalTrainerSpec {
  const { order, entity, features, lags, minRows, targets, sequence, split, spec } = source;
  const least = minRows?.get(silo);
  return {
    silo,
    ...(least === undefined ? {} : { minRows: least }),
    time: order.name,
    ...(entity === undefined ? {} : { entity: entity.name }),
    features,
    targets,
    sequence,
    split,
    model: spec,
    ...(sequence.season === undefined ? {} : { season: sequence.season }),
    ...(lags === undefined || lags.length === 0 ? {} : { lags }),
  };
}
