/** The coordinator's view of rows that their agent scores: a model goes there, sums over windows come back. */
import type { Evaluation } from '../../operators/lstm/evaluation.ts';
import type { ExplainRequest, Explanation } from '../../operators/lstm/explain.ts';
import type { Part } from '../../operators/lstm/windows.ts';
import type { GroupSums, SiloScorer } from '../engine/training/silo-scorer.ts';
import type { Hub } from './hub.ts';
import type { Job, SignedJob } from './job.ts';
import type { OpenBody } from './remote-trainer.ts';
import { type ScaledBody, ScoredJob } from './scored-job.ts';

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

export class RemoteScorer extends ScoredJob implements SiloScorer {
  /** See {@link ScoredJob.openAt}. */
  static async open(hub: Hub, job: Job, signed: SignedJob, signal: AbortSignal): Promise<RemoteScorer> {
    await ScoredJob.openAt(hub, job, signed, signal);
    return new RemoteScorer(hub, job, signed);
  }

  async evaluate(weights: Float32Array, part: Part, signal: AbortSignal): Promise<Evaluation> {
    const body: ScoreBody = { ...this.scaled(), part };
    return (await this.#ask('score.evaluate', body, weights, signal)) as Evaluation;
  }

  async evaluateOwn(weights: Float32Array, part: Part, signal: AbortSignal): Promise<Evaluation | undefined> {
    if (this.job.run.scoring?.personal === undefined) return undefined;
    const body: ScoreBody = { ...this.scaled(), part };
    return ((await this.#ask('score.own', body, weights, signal)) ?? undefined) as Evaluation | undefined;
  }

  async evaluateBy(
    weights: Float32Array,
    part: Part,
    by: string | undefined,
    signal: AbortSignal,
  ): Promise<readonly GroupSums[]> {
    const body: GroupsBody = { ...this.scaled(), part, ...(by === undefined ? {} : { by }) };
    const found = (await this.#ask('score.groups', body, weights, signal)) as [string | null, Evaluation][];
    return found.map(([name, evaluation]) => [name ?? undefined, evaluation]);
  }

  async explain({ weights, ...request }: ExplainRequest, signal: AbortSignal): Promise<Explanation> {
    const body: ExplainBody = { ...this.scaled(), request };
    return (await this.#ask('score.explain', body, weights, signal)) as Explanation;
  }

  async #ask(method: string, body: OpenBody, weights: Float32Array, signal: AbortSignal): Promise<unknown> {
    return (await this.hub.call(this.job.silo, this.callOf(method, body, weights), signal)).body;
  }
}
