/** The coordinator's view of rows that their agent predicts: a model goes there, predictions come back instead of the rows. */
import { type RecordBatch, RecordBatchReader } from 'apache-arrow';
import type { Predictions } from '../../operators/lstm/predictions.ts';
import type { ForecastAsked, ForecastStep } from '../engine/training/forecast-steps.ts';
import type { RowScorer } from '../engine/training/row-scorer.ts';
import type { Hub } from './hub.ts';
import type { Job, SignedJob } from './job.ts';
import { type ScaledBody, ScoredJob } from './scored-job.ts';
import { forecastOf, predictionsOf } from './scored-rows.ts';

/** Bodies of the agent's `score.predict` and `score.forecast`; the weights are their payload. Each is asked once of a job. */
export type PredictBody = ScaledBody;
export interface ForecastBody extends ScaledBody {
  readonly asked: ForecastAsked;
}

export class RemoteRowScorer extends ScoredJob implements RowScorer {
  readonly #onSent: (bytes: number) => void;

  private constructor(hub: Hub, job: Job, signed: SignedJob, onSent: (bytes: number) => void) {
    super(hub, job, signed);
    this.#onSent = onSent;
  }

  /**
   * See {@link ScoredJob.openAt}.
   * @param onSent is told the bytes of predictions that have come
   */
  static async open(
    hub: Hub,
    job: Job,
    signed: SignedJob,
    onSent: (bytes: number) => void,
    signal: AbortSignal,
  ): Promise<RemoteRowScorer> {
    await ScoredJob.openAt(hub, job, signed, signal);
    return new RemoteRowScorer(hub, job, signed, onSent);
  }

  predict(weights: Float32Array, signal: AbortSignal): Promise<Predictions> {
    return predictionsOf(this.#ask('score.predict', this.scaled(), weights, signal), this.job.spec.targets.length);
  }

  forecast(weights: Float32Array, asked: ForecastAsked, signal: AbortSignal): Promise<ForecastStep[]> {
    const body: ForecastBody = { ...this.scaled(), asked };
    return forecastOf(this.#ask('score.forecast', body, weights, signal));
  }

  /** Every chunk is a whole Arrow IPC stream. */
  async *#ask(
    method: string,
    body: PredictBody,
    weights: Float32Array,
    signal: AbortSignal,
  ): AsyncGenerator<RecordBatch> {
    const call = this.callOf(method, body, weights);
    for await (const chunk of this.hub.rows(this.job.silo, call, signal)) {
      this.#onSent(chunk.length);
      yield* RecordBatchReader.from(chunk);
    }
  }
}
