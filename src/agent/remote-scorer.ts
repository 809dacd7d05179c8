/** The coordinator's view of rows that their agent scores: a model goes there, sums over windows come back. */
import type { Evaluation } from '../../operators/lstm/evaluation.ts';
import type { ExplainRequest, Explanation } from '../../operators/lstm/explain.ts';
import type { FeatureStatistics } from '../../operators/lstm/statistics.ts';
import { networkOf, type TrainedFeatures, trainedFeatures } from '../../operators/lstm/trained-features.ts';
import type { Aim } from '../../operators/lstm/training-session.ts';
import type { Part } from '../../operators/lstm/windows.ts';
import type { GroupSums, SiloScorer } from '../engine/training/silo-scorer.ts';
import { CausewayError, SQLSTATE } from '../plan/errors.ts';
import type { ModelSpec } from '../plan/training.ts';
import type { Hub } from './hub.ts';
import type { Job, SignedJob } from './job.ts';
import type { OpenBody } from './remote-trainer.ts';
import { bytesOfWeights } from './weights-bytes.ts';

/** What the rows are scaled with: as the model's training rows were. */
interface Scaling {
  readonly statistics: FeatureStatistics;
  readonly own: FeatureStatistics;
}

interface ScaledBody extends OpenBody, Scaling {
  readonly aim?: Aim;
}

/** Bodies of the agent's `score.evaluate`, `score.own`, `score.groups` and `score.explain`; the weights are their payload. Each is asked once of a job. */
export interface ScoreBody extends ScaledBody {
  readonly part: Part;
}
export interface GroupsBody extends ScoreBody {
  readonly by?: string;
}
export interface ExplainBody extends ScaledBody {
  readonly request: Omit<ExplainRequest, 'weights'>;
}

export class RemoteScorer implements SiloScorer {
  readonly #hub: Hub;
  readonly #job: Job;
  readonly #signed: SignedJob;
  #scaling: Scaling | undefined;
  #features: TrainedFeatures | undefined;
  #aim: Aim | undefined;

  private constructor(hub: Hub, job: Job, signed: SignedJob) {
    this.#hub = hub;
    this.#job = job;
    this.#signed = signed;
  }

  /** Has the agent check the job and read its rows. @throws CausewayError whatever the agent or its owner refuses. */
  static async open(hub: Hub, job: Job, signed: SignedJob, signal: AbortSignal): Promise<RemoteScorer> {
    const body: OpenBody = { job: signed };
    await hub.call(job.silo, { id: `${job.id}/open`, method: 'score.open', body }, signal);
    return new RemoteScorer(hub, job, signed);
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

  async evaluate(weights: Float32Array, part: Part, signal: AbortSignal): Promise<Evaluation> {
    const body: ScoreBody = { ...this.#scaled(), part };
    return (await this.#ask('score.evaluate', body, weights, signal)) as Evaluation;
  }

  async evaluateOwn(weights: Float32Array, part: Part, signal: AbortSignal): Promise<Evaluation | undefined> {
    if (this.#job.run.scoring?.personal === undefined) return undefined;
    const body: ScoreBody = { ...this.#scaled(), part };
    return ((await this.#ask('score.own', body, weights, signal)) ?? undefined) as Evaluation | undefined;
  }

  async evaluateBy(
    weights: Float32Array,
    part: Part,
    by: string | undefined,
    signal: AbortSignal,
  ): Promise<readonly GroupSums[]> {
    const body: GroupsBody = { ...this.#scaled(), part, ...(by === undefined ? {} : { by }) };
    const found = (await this.#ask('score.groups', body, weights, signal)) as [string | null, Evaluation][];
    return found.map(([name, evaluation]) => [name ?? undefined, evaluation]);
  }

  async explain({ weights, ...request }: ExplainRequest, signal: AbortSignal): Promise<Explanation> {
    const body: ExplainBody = { ...this.#scaled(), request };
    return (await this.#ask('score.explain', body, weights, signal)) as Explanation;
  }

  async #ask(method: string, body: OpenBody, weights: Float32Array, signal: AbortSignal): Promise<unknown> {
    const call = { id: `${this.#job.id}/${method}`, method, body, payloads: [bytesOfWeights(weights)] };
    return (await this.#hub.call(this.#job.silo, call, signal)).body;
  }

  #scaled(): ScaledBody {
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
