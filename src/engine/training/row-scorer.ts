/** What a model says of one silo's single rows: at the mediator, where the rows have come, or beside them behind the silo's agent. */
import type { RecordBatch } from 'apache-arrow';
import type { LocalTrainer, LocalTrainerSpec } from '../../../operators/lstm/local-trainer.ts';
import type { Predictions } from '../../../operators/lstm/predictions.ts';
import type { FeatureStatistics } from '../../../operators/lstm/statistics.ts';
import type { TrainedFeatures } from '../../../operators/lstm/trained-features.ts';
import type { Aim } from '../../../operators/lstm/training-session.ts';
import type { RelationalNode } from '../../plan/nodes.ts';
import type { ModelSpec } from '../../plan/training.ts';
import { type FeatureRows, type ForecastAsked, type ForecastStep, forecastSteps } from './forecast-steps.ts';
import type { ScoringRun } from './silo-scorer.ts';

/** The network as it was trained is known after `standardise`. */
export interface RowScorer extends AsyncDisposable {
  readonly model: ModelSpec;
  /** @param own what this silo told when the model was trained */
  standardise(merged: FeatureStatistics, own: FeatureStatistics): TrainedFeatures;
  aimAt(aim: Aim | undefined): void;
  /** Of every window, in original units. */
  predict(weights: Float32Array, signal: AbortSignal): Promise<Predictions>;
  forecast(weights: Float32Array, asked: ForecastAsked, signal: AbortSignal): Promise<readonly ForecastStep[]>;
}

/** A silo behind an agent, which tells predictions of its rows instead of the rows. */
export interface PredictsInside {
  /** @param onSent is told the bytes of predictions that have left the silo */
  openRowScorer(
    spec: LocalTrainerSpec,
    query: RelationalNode,
    run: ScoringRun,
    onSent: (bytes: number) => void,
    signal: AbortSignal,
  ): Promise<RowScorer>;
}

export const predictsInside = (silo: object): silo is PredictsInside => 'openRowScorer' in silo;

/** Rows that have come to the mediator. */
export class LocalRowScorer implements RowScorer {
  readonly #trainer: LocalTrainer;
  readonly #rows: FeatureRows;
  readonly #compute: (plan: RelationalNode) => AsyncIterable<RecordBatch>;
  #trained: TrainedFeatures | undefined;

  /** @param compute runs a plan that reads no silo */
  constructor(trainer: LocalTrainer, rows: FeatureRows, compute: (plan: RelationalNode) => AsyncIterable<RecordBatch>) {
    this.#trainer = trainer;
    this.#rows = rows;
    this.#compute = compute;
  }

  get model(): ModelSpec {
    return this.#trainer.model;
  }

  standardise(merged: FeatureStatistics, own: FeatureStatistics): TrainedFeatures {
    this.#trained = this.#trainer.standardise(merged, own);
    return this.#trained;
  }

  aimAt(aim: Aim | undefined): void {
    this.#trainer.aimAt(aim);
  }

  predict(weights: Float32Array, signal: AbortSignal): Promise<Predictions> {
    return this.#trainer.predict(weights, 'train', signal);
  }

  forecast(weights: Float32Array, asked: ForecastAsked, signal: AbortSignal): Promise<ForecastStep[]> {
    return forecastSteps(this.#trainer, this.#trained!, this.#rows, weights, asked, this.#compute, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#trainer[Symbol.asyncDispose]();
  }
}
