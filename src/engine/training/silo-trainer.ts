/**
 * One silo's side of a training run, as the round driver sees it: in this process, or behind an agent. What crosses
 * this interface is all that leaves a silo: counts, statistics, updates, sums of errors.
 */
import type { Evaluation } from '../../../operators/lstm/evaluation.ts';
import type { TrainerSummary } from '../../../operators/lstm/local-trainer.ts';
import type { FeatureStatistics, TrainedFeatures } from '../../../operators/lstm/statistics.ts';
import type { TrainRequest, TrainResult } from '../../../operators/lstm/training-session.ts';
import type { Part } from '../../../operators/lstm/windows.ts';
import type { ModelSpec } from '../../plan/training.ts';

export interface SiloTrainer extends AsyncDisposable {
  readonly summary: TrainerSummary;
  /** The network as it is trained, known after `standardise`: `inputs` counts no dropped feature. */
  readonly model: ModelSpec;
  statistics(): FeatureStatistics;
  standardise(merged: FeatureStatistics): TrainedFeatures;
  trainRound(request: TrainRequest, signal: AbortSignal): Promise<TrainResult>;
  evaluate(weights: Float32Array, part: Part, signal: AbortSignal): Promise<Evaluation>;
}
