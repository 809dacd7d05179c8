/** The coordinator's view of rows that their agent predicts: a model goes there, predictions come back instead of the rows. */
import { type RecordBatch, RecordBatchReader } from 'apache-arrow';
import type { Predictions } from '../../operators/lstm/predictions.ts';
import type { FeatureStatistics } from '../../operators/lstm/statistics.ts';
import { networkOf, type TrainedFeatures, trainedFeatures } from '../../operators/lstm/trained-features.ts';
import type { Aim } from '../../operators/lstm/training-session.ts';
import type { ForecastAsked, ForecastStep } from '../engine/training/forecast-steps.ts';
import type { RowScorer } from '../engine/training/row-scorer.ts';
import { CausewayError, SQLSTATE } from '../plan/errors.ts';
import type { ModelSpec } from '../plan/training.ts';
import type { Hub } from './hub.ts';
import type { Job, SignedJob } from './job.ts';
import type { OpenBody } from './remote-trainer.ts';
import { forecastOf, predictionsOf } from './scored-rows.ts';
import { bytesOfWeights } from './weights-bytes.ts';

/** Bodies of the agent's `score.predict` and `score.forecast`; the weights are their payload. Each is asked once of a job. */
export interface PredictBody extends OpenBody {
  readonly statistics: FeatureStatistics;
  readonly own: FeatureStatistics;
  readonly aim?: Aim;
}
export interface ForecastBody extends PredictBody {
  readonly asked: ForecastAsked;
}

export class RemoteRowScorer implements RowScorer {
  readonly #hub: Hub;
  readonly #job: Job;
  readonly #signed: SignedJob;
  readonly #onSent: (bytes: number) => void;
  #scaling: Pick<PredictBody, 'own' | 'statistics'> | undefined;
  #features: TrainedFeatures | undefined;
  #aim: Aim | undefined;

  private constructor(hub: Hub, job: Job, signed: SignedJob, onSent: (bytes: number) => void) {
    this.#hub = hub;
    this.#job = job;
    this.#signed = signed;
    this.#onSent = onSent;
  }

  /**
   * Has the agent check the job and read its rows.
   * @param onSent is told the bytes of predictions that have come
   * @throws CausewayError whatever the agent or its owner refuses
   */
  static async open(
    hub: Hub,
    job: Job,
    signed: SignedJob,
    onSent: (bytes: number) => void,
    signal: AbortSignal,
  ): Promise<RemoteRowScorer> {
    const body: OpenBody = { job: signed };
    await hub.call(job.silo, { id: `${job.id}/open`, method: 'score.open', body }, signal);
    return new RemoteRowScorer(hub, job, signed, onSent);
  }

  get model(): ModelSpec {
    if (this.#features === undefined) throw notScaled();
    return networkOf(this.#job.spec.model, this.#job.spec.features, this.#features);
  }

  standardise(statistics: FeatureStatistics, own: FeatureStatistics): TrainedFeatures {
    this.#scaling = { statistics, own };
    this.#features = trainedFeatures(this.#job.spec.features, this.#job.spec.targets, statistics);
    return this.#features;
  }

  aimAt(aim: Aim | undefined): void {
    this.#aim = aim;
  }

  predict(weights: Float32Array, signal: AbortSignal): Promise<Predictions> {
    return predictionsOf(this.#ask('score.predict', this.#scaled(), weights, signal), this.#job.spec.targets.length);
  }

  forecast(weights: Float32Array, asked: ForecastAsked, signal: AbortSignal): Promise<ForecastStep[]> {
    const body: ForecastBody = { ...this.#scaled(), asked };
    return forecastOf(this.#ask('score.forecast', body, weights, signal));
  }

  /** Every chunk is a whole Arrow IPC stream. */
  async *#ask(
    method: string,
    body: PredictBody,
    weights: Float32Array,
    signal: AbortSignal,
  ): AsyncGenerator<RecordBatch> {
    const call = { id: `${this.#job.id}/${method}`, method, body, payloads: [bytesOfWeights(weights)] };
    for await (const chunk of this.#hub.rows(this.#job.silo, call, signal)) {
      this.#onSent(chunk.length);
      yield* RecordBatchReader.from(chunk);
    }
  }

  #scaled(): PredictBody {
    if (this.#scaling === undefined) throw notScaled();
    return { job: this.#signed, ...this.#scaling, ...(this.#aim === undefined ? {} : { aim: this.#aim }) };
  }

  /** Tells the agent that the job is over; an agent that is away learns it from the job's expiry. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#hub.connected.includes(this.#job.silo)) return;
    const call = { id: `${this.#job.id}/end`, method: 'train.end', body: { job: this.#signed } };
    await this.#hub.call(this.#job.silo, call, AbortSignal.timeout(5000)).catch(() => undefined);
  }
}

const notScaled = (): CausewayError =>
  new CausewayError(SQLSTATE.objectNotInPrerequisiteState, 'the rows are not scaled yet');
