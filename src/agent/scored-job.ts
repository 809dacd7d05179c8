/** A job by which an agent scores rows with a model that is brought to it: what is the same whatever comes back. */
import type { FeatureStatistics } from '../../operators/lstm/statistics.ts';
import { networkOf, type TrainedFeatures, trainedFeatures } from '../../operators/lstm/trained-features.ts';
import type { Aim } from '../../operators/lstm/training-session.ts';
import { CausewayError, SQLSTATE } from '../plan/errors.ts';
import type { ModelSpec } from '../plan/training.ts';
import type { CallRequest } from './calls.ts';
import type { Hub } from './hub.ts';
import type { Job, SignedJob } from './job.ts';
import type { OpenBody } from './remote-trainer.ts';
import { bytesOfWeights } from './weights-bytes.ts';

/** What the rows are scaled with: as the model's training rows were. */
interface Scaling {
  readonly statistics: FeatureStatistics;
  readonly own: FeatureStatistics;
}

export interface ScaledBody extends OpenBody, Scaling {
  readonly aim?: Aim;
}

export class ScoredJob implements AsyncDisposable {
  protected readonly hub: Hub;
  protected readonly job: Job;
  readonly #signed: SignedJob;
  #scaling: Scaling | undefined;
  #features: TrainedFeatures | undefined;
  #aim: Aim | undefined;

  protected constructor(hub: Hub, job: Job, signed: SignedJob) {
    this.hub = hub;
    this.job = job;
    this.#signed = signed;
  }

  /** Has the agent check the job and read its rows. @throws CausewayError whatever the agent or its owner refuses. */
  protected static async openAt(hub: Hub, job: Job, signed: SignedJob, signal: AbortSignal): Promise<void> {
    const body: OpenBody = { job: signed };
    await hub.call(job.silo, { id: `${job.id}/open`, method: 'score.open', body }, signal);
  }

  get model(): ModelSpec {
    if (this.#features === undefined) throw notScaled();
    return networkOf(this.job.spec.model, this.job.spec.features, this.#features);
  }

  standardise(statistics: FeatureStatistics, own: FeatureStatistics): TrainedFeatures {
    this.#scaling = { statistics, own };
    this.#features = trainedFeatures(this.job.spec.features, this.job.spec.targets, statistics);
    return this.#features;
  }

  aimAt(aim: Aim | undefined): void {
    this.#aim = aim;
  }

  protected scaled(): ScaledBody {
    if (this.#scaling === undefined) throw notScaled();
    return { job: this.#signed, ...this.#scaling, ...(this.#aim === undefined ? {} : { aim: this.#aim }) };
  }

  /** A question of this job with the model's weights as its payload. */
  protected callOf(method: string, body: OpenBody, weights: Float32Array): CallRequest {
    return { id: `${this.job.id}/${method}`, method, body, payloads: [bytesOfWeights(weights)] };
  }

  /** Tells the agent that the job is over; an agent that is away learns it from the job's expiry. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.hub.connected.includes(this.job.silo)) return;
    const call = { id: `${this.job.id}/end`, method: 'train.end', body: { job: this.#signed } };
    await this.hub.call(this.job.silo, call, AbortSignal.timeout(5000)).catch(() => undefined);
  }
}

const notScaled = (): CausewayError =>
  new CausewayError(SQLSTATE.objectNotInPrerequisiteState, 'the rows are not scaled yet');
