/** `ml.forecast`: the next rows of every silo's every entity, computed on that silo's side. */
import type { RecordBatch } from 'apache-arrow';
import type { BackendChoice } from '../../../operators/lstm/choose-backend.ts';
import type { DropoutSamples } from '../../../operators/lstm/forecast.ts';
import { weightLayout } from '../../../operators/lstm/model.ts';
import { decodeSafetensors } from '../../../operators/lstm/safetensors.ts';
import type { PolicyBook } from '../../../optimizer/policy/book.ts';
import type { RelationalNode } from '../../plan/nodes.ts';
import type { SqlType } from '../../plan/types.ts';
import type { Engine, StoredModel } from '../engine.ts';
import type { Cell } from '../rows.ts';
import { modelSource } from './model-source.ts';
import { openRowScorers } from './open-row-scorers.ts';
import type { StreamRows } from './open-trainers.ts';
import { ownModel } from './personal-heads.ts';
import type { RowScorer } from './row-scorer.ts';
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
export function weightsOf(engine: Engine, model: StoredModel, trainer: Pick<RowScorer, 'model'>): Float32Array {
  return decodeSafetensors(engine.catalog.models.weights(model), weightLayout(trainer.model)).weights;
}

/** The weights with which a silo's rows are predicted: with its own head where it has one here, which its trainer is told. */
export function weightsIn(engine: Engine, model: StoredModel, silo: string, trainer: RowScorer): Float32Array {
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
  await using scorers = await openRowScorers('ml.forecast', engine, source, signature, context);
  scaleAsTrained(scorers, signature);
  const asked = { steps, ...(samples === undefined ? {} : { samples }) };
  const perSilo = await Promise.all(
    scorers.all.map(async (scorer, i): Promise<ForecastRow[]> => {
      const silo = scorers.silos[i]!;
      const weights = weightsIn(engine, model, silo, scorer);
      const found = await scorer.forecast(weights, asked, context.signal);
      return found.map(({ entity, outputs, time }) => ({
        ...{ silo, entity, outputs },
        time: timeCell(time, signature.order.type),
      }));
    }),
  );
  return perSilo.flat();
}

/** A time (microseconds since 1970 UTC for dates and timestamps) in the JavaScript form that Arrow's builders take. */
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
