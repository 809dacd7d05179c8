/** The coordinator's view of a silo that trains behind its agent: every call is one call of the agent. */
import { decodeUpdate } from '../../operators/aggregate/compression/codec.ts';
import type { SecureParty } from '../../operators/aggregate/rounds/secure-round.ts';
import type { Evaluation } from '../../operators/lstm/evaluation.ts';
import type { TrainerSummary } from '../../operators/lstm/local-trainer.ts';
import type { FeatureStatistics } from '../../operators/lstm/statistics.ts';
import { networkOf, type TrainedFeatures, trainedFeatures } from '../../operators/lstm/trained-features.ts';
import type {
  Aim,
  AloneRequest,
  Personal,
  PersonalRequest,
  TrainRequest,
  TrainResult,
} from '../../operators/lstm/training-session.ts';
import type { Part } from '../../operators/lstm/windows.ts';
import type { TrainingSchedule } from '../engine/training/rounds.ts';
import type { OwnerTerms, SiloTrainer } from '../engine/training/silo-trainer.ts';
import { CausewayError, SQLSTATE } from '../plan/errors.ts';
import type { ModelSpec } from '../plan/training.ts';
import type { Hub } from './hub.ts';
import type { Job, SignedJob } from './job.ts';
import {
  type Ask,
  type ConfirmRequest,
  type MaskRequest,
  remoteParty,
  type SessionBody,
  type ShareRequest,
  type UnmaskRequest,
} from './remote-party.ts';
import { bytesOfWeights, release, weightsOfBytes } from './weights-bytes.ts';

/** Bodies of the agent's training methods. Each says the whole job, so that an agent that was restarted can go on. */
export interface OpenBody {
  readonly job: SignedJob;
}
export interface RoundBody extends OpenBody {
  readonly statistics: FeatureStatistics;
  readonly request: Omit<TrainRequest, 'correction' | 'weights'>;
  readonly aim?: Aim;
}
export interface EvaluateBody extends OpenBody {
  readonly statistics: FeatureStatistics;
  readonly part: Part;
  readonly aim?: Aim;
}
export interface TermsBody extends OpenBody {
  readonly statistics: FeatureStatistics;
}
export interface TellBody extends OpenBody {
  readonly event: string;
}
export interface AloneBody extends OpenBody {
  readonly statistics: FeatureStatistics;
  readonly request: AloneRequest;
  readonly aim?: Aim;
}
export interface PersonalBody extends OpenBody {
  readonly statistics: FeatureStatistics;
  readonly request: Omit<PersonalRequest, 'weights'>;
  readonly aim?: Aim;
}

/** Bodies of secure rounds, as {@link toJson} writes them. */
export type SecureBody = OpenBody & SessionBody;
export type ShareBody = OpenBody & ShareRequest;
export type MaskBody = OpenBody &
  MaskRequest & { readonly statistics: FeatureStatistics; readonly schedule: TrainingSchedule };
export type ConfirmBody = OpenBody & ConfirmRequest;
export type UnmaskBody = OpenBody & UnmaskRequest;

/** Answers of the agent's training methods; weights are payloads. */
export interface OpenAnswer {
  readonly summary: TrainerSummary;
  readonly statistics: FeatureStatistics;
}
/** The head stays. */
export type PersonalAnswer = Omit<Personal, 'head'>;
export type RoundAnswer = Omit<TrainResult, 'delta' | 'update' | 'weights'>;

export class RemoteTrainer implements SiloTrainer {
  readonly summary: TrainerSummary;
  readonly #hub: Hub;
  readonly #job: Job;
  readonly #signed: SignedJob;
  readonly #own: FeatureStatistics;
  readonly #identity: Uint8Array;
  #merged: FeatureStatistics | undefined;
  #features: TrainedFeatures | undefined;
  #evaluations = 0;
  #aim: Aim | undefined;

  private constructor(
    hub: Hub,
    job: Job,
    signed: SignedJob,
    identity: Uint8Array,
    { summary, statistics }: OpenAnswer,
  ) {
    this.#identity = identity;
    this.#hub = hub;
    this.#job = job;
    this.#signed = signed;
    this.summary = summary;
    this.#own = statistics;
  }

  /** Has the agent check the job and read its rows. @throws CausewayError whatever the agent or its owner refuses. */
  static async open(
    hub: Hub,
    job: Job,
    signed: SignedJob,
    identity: Uint8Array,
    signal: AbortSignal,
  ): Promise<RemoteTrainer> {
    const body: OpenBody = { job: signed };
    const answer = await hub.call(job.silo, { id: `${job.id}/open`, method: 'train.open', body }, signal);
    return new RemoteTrainer(hub, job, signed, identity, answer.body as OpenAnswer);
  }

  get model(): ModelSpec {
    const { features } = this.#standardised();
    return networkOf(this.#job.spec.model, this.#job.spec.features, features);
  }

  statistics(): FeatureStatistics {
    return this.#own;
  }

  standardise(merged: FeatureStatistics): TrainedFeatures {
    this.#merged = merged;
    this.#features = trainedFeatures(this.#job.spec.features, this.#job.spec.targets, merged);
    return this.#features;
  }

  async trainRound({ correction, weights, ...request }: TrainRequest, signal: AbortSignal): Promise<TrainResult> {
    const body: RoundBody = { ...this.#scaled(), request };
    const id = `${this.#job.id}/round/${request.run ?? ''}/${request.round}`;
    const payloads = [weights, ...(correction === undefined ? [] : [correction])].map(bytesOfWeights);
    const answer = await this.#hub.call(this.#job.silo, { id, method: 'train.round', body, payloads }, signal);
    const rest = answer.body as RoundAnswer;
    const { compression } = request;
    const update = answer.payloads[0];
    if (compression === undefined || update === undefined) {
      return { ...rest, weights: weightsOfBytes(update), [Symbol.dispose]: () => update && release(update) };
    }
    return { ...rest, weights, update, delta: decodeUpdate(update, compression, weights.length) };
  }

  async evaluate(weights: Float32Array, part: Part, signal: AbortSignal): Promise<Evaluation> {
    const body: EvaluateBody = { ...this.#scaled(), part };
    const id = `${this.#job.id}/evaluate/${++this.#evaluations}`;
    const payloads = [bytesOfWeights(weights)];
    return (await this.#hub.call(this.#job.silo, { id, method: 'train.evaluate', body, payloads }, signal))
      .body as Evaluation;
  }

  aimAt(aim: Aim | undefined): void {
    this.#aim = aim;
  }

  async trainAlone(request: AloneRequest, signal: AbortSignal): Promise<Evaluation> {
    const body: AloneBody = { ...this.#scaled(), request };
    const call = { id: `${this.#job.id}/alone/${++this.#evaluations}`, method: 'train.alone', body };
    return (await this.#hub.call(this.#job.silo, call, signal)).body as Evaluation;
  }

  async personalise({ weights, ...request }: PersonalRequest, signal: AbortSignal): Promise<PersonalAnswer> {
    const body: PersonalBody = { ...this.#scaled(), request };
    const id = `${this.#job.id}/personal/${++this.#evaluations}`;
    const call = { id, method: 'train.personalise', body, payloads: [bytesOfWeights(weights)] };
    return (await this.#hub.call(this.#job.silo, call, signal)).body as PersonalAnswer;
  }

  async terms(signal: AbortSignal): Promise<OwnerTerms> {
    const body: TermsBody = this.#scaled();
    const answer = await this.#hub.call(
      this.#job.silo,
      { id: `${this.#job.id}/terms`, method: 'train.terms', body },
      signal,
    );
    return answer.body as OwnerTerms;
  }

  async tell(event: string): Promise<void> {
    if (!this.#hub.connected.includes(this.#job.silo)) return;
    const body: TellBody = { job: this.#signed, event };
    const call = { id: `${this.#job.id}/tell/${++this.#evaluations}`, method: 'train.tell', body };
    await this.#hub.call(this.#job.silo, call, AbortSignal.timeout(5000)).catch(() => undefined);
  }

  get secure(): NonNullable<SiloTrainer['secure']> {
    return { identity: this.#identity, party: (schedule) => this.#party(schedule) };
  }

  /** Tells the agent that the job is over; an agent that is away learns it from the job's expiry. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#hub.connected.includes(this.#job.silo)) return;
    const call = { id: `${this.#job.id}/end`, method: 'train.end', body: { job: this.#signed } };
    await this.#hub.call(this.#job.silo, call, AbortSignal.timeout(5000)).catch(() => undefined);
  }

  #party(schedule: TrainingSchedule): SecureParty {
    const ask: Ask = ({ attempt, round, step }, body, signal, payloads) => {
      const id = `${this.#job.id}/secure/${round}/${attempt}/${step}`;
      return this.#hub.call(this.#job.silo, { id, method: `secure.${step}`, body, payloads }, signal);
    };
    const terms = () => ({ statistics: this.#standardised().merged, schedule });
    return remoteParty(ask, { job: this.#signed }, terms);
  }

  /** What every call about scaled rows says. */
  #scaled(): { readonly job: SignedJob; readonly statistics: FeatureStatistics; readonly aim?: Aim } {
    const aim = this.#aim === undefined ? {} : { aim: this.#aim };
    return { job: this.#signed, statistics: this.#standardised().merged, ...aim };
  }

  #standardised(): { features: TrainedFeatures; merged: FeatureStatistics } {
    const [features, merged] = [this.#features, this.#merged];
    if (features !== undefined && merged !== undefined) return { features, merged };
    throw new CausewayError(SQLSTATE.objectNotInPrerequisiteState, 'the rows are not scaled yet');
  }
}
