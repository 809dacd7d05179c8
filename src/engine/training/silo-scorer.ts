/** One silo's rows under a model that is trained already: only sums over windows cross this interface. */
import type { Evaluation } from '../../../operators/lstm/evaluation.ts';
import type { ExplainRequest, Explanation } from '../../../operators/lstm/explain.ts';
import type { LocalTrainerSpec } from '../../../operators/lstm/local-trainer.ts';
import type { FeatureStatistics } from '../../../operators/lstm/statistics.ts';
import type { TrainedFeatures } from '../../../operators/lstm/trained-features.ts';
import type { Aim } from '../../../operators/lstm/training-session.ts';
import type { Part } from '../../../operators/lstm/windows.ts';
import type { RelationalNode } from '../../plan/nodes.ts';
import type { ModelSpec } from '../../plan/training.ts';
import type { TrainingRun } from './silo-trainer.ts';

export type GroupSums = readonly [group: string | undefined, evaluation: Evaluation];

export interface SiloScorer extends AsyncDisposable {
  /** The network as it was trained, known after `standardise`. */
  readonly model: ModelSpec;
  /** @param own what this silo told when the model was trained */
  standardise(merged: FeatureStatistics, own: FeatureStatistics): TrainedFeatures;
  aimAt(aim: Aim | undefined): void;
  evaluate(weights: Float32Array, part: Part, signal: AbortSignal): Promise<Evaluation>;
  /** Sums by entity (`by` undefined), or by the category of a feature; an undefined group is of categories that the model does not know. */
  evaluateBy(
    weights: Float32Array,
    part: Part,
    by: string | undefined,
    signal: AbortSignal,
  ): Promise<readonly GroupSums[]>;
  /** The same of the model with the silo's own head, which its agent keeps; undefined where the agent has none. */
  evaluateOwn?(weights: Float32Array, part: Part, signal: AbortSignal): Promise<Evaluation | undefined>;
  explain(request: ExplainRequest, signal: AbortSignal): Promise<Explanation>;
}

/** A scoring as an owner sees it: a run of no rounds. */
export type ScoringRun = TrainingRun & Required<Pick<TrainingRun, 'scoring'>>;

/** A silo behind an agent, which reads and scores its rows itself. */
export interface ScoresInside {
  openScorer(spec: LocalTrainerSpec, query: RelationalNode, run: ScoringRun, signal: AbortSignal): Promise<SiloScorer>;
}

export const scoresInside = (silo: object): silo is ScoresInside => 'openScorer' in silo;
