/**
 * One silo's side of a training run, as the round driver sees it: in this process, or behind an agent. What crosses
 * this interface is all that leaves a silo: counts, statistics, updates, sums of errors.
 */

import type { PrivacyBalance } from '../../../operators/aggregate/privacy/ledger.ts';
import type { SecureParty } from '../../../operators/aggregate/rounds/secure-round.ts';
import type { Evaluation } from '../../../operators/lstm/evaluation.ts';
import type { LocalTrainerSpec, TrainerSummary } from '../../../operators/lstm/local-trainer.ts';
import type { FeatureStatistics } from '../../../operators/lstm/statistics.ts';
import type { TrainedFeatures } from '../../../operators/lstm/trained-features.ts';
import type {
  Aim,
  AloneRequest,
  Personal,
  PersonalRequest,
  TrainRequest,
  TrainResult,
} from '../../../operators/lstm/training-session.ts';
import type { Part } from '../../../operators/lstm/windows.ts';
import type { RelationalNode } from '../../plan/nodes.ts';
import type { LocalTrainingSpec, ModelSpec, PrivacySpec } from '../../plan/training.ts';
import type { TrainingSchedule } from './rounds.ts';

export interface SiloTrainer extends AsyncDisposable {
  readonly summary: TrainerSummary;
  /** The network as it is trained, known after `standardise`: without dropped features, with the categories that there are. */
  readonly model: ModelSpec;
  statistics(): FeatureStatistics;
  standardise(merged: FeatureStatistics): TrainedFeatures;
  trainRound(request: TrainRequest, signal: AbortSignal): Promise<TrainResult>;
  evaluate(weights: Float32Array, part: Part, signal: AbortSignal): Promise<Evaluation>;
  /** Says what the network is for in everything that is asked from now on; undefined: values, as without this call. */
  aimAt(aim: Aim | undefined): void;
  /** Trains on this silo's rows alone, from the first weights of the seed; only the errors on its test part leave. */
  trainAlone(request: AloneRequest, signal: AbortSignal): Promise<Evaluation>;
  /** Fine-tunes the head on this silo's rows. Behind an agent the head stays there, under the run's id. */
  personalise(request: PersonalRequest, signal: AbortSignal): Promise<PersonalResult>;
  /** Behind an agent: its owner's policies, and accounts of privacy. */
  terms?(signal: AbortSignal): Promise<OwnerTerms | undefined>;
  /** Behind an agent: tells its owner what became of the silo's part. What cannot be told now is not told. */
  tell?(event: string): Promise<void>;
  /** Behind an agent: its own key (Ed25519, raw), and its part of secure rounds. */
  readonly secure?: { readonly identity: Uint8Array; party(schedule: TrainingSchedule): SecureParty };
}

/** A silo's own model: its head is here only where its rows are trained on in this process. */
export type PersonalResult = Omit<Personal, 'head'> & Partial<Pick<Personal, 'head'>>;

/** What an owner has laid down for the tables that a run trains on. */
export interface OwnerTerms {
  /** As the statements that make them; none where everything may leave. */
  readonly policies: readonly string[];
  /** Budgets of privacy, and what is spent of each after this run. */
  readonly ledger: readonly PrivacyBalance[];
}

/** A silo that trains by itself: behind an agent, its rows never come here. */
export interface TrainsInside {
  /** `query` gives the rows of the spec: time, entity if there is one, features, sorted by entity and time. */
  openTrainer(
    spec: LocalTrainerSpec,
    query: RelationalNode,
    run: TrainingRun,
    signal: AbortSignal,
  ): Promise<SiloTrainer>;
}

/** What an owner wants to know of the run a silo is asked to take part in. */
export interface TrainingRun {
  /** This run and no other, whichever process goes on with it. */
  readonly id: string;
  readonly statement: string;
  readonly rounds: number;
  readonly local: LocalTrainingSpec;
  readonly privacy?: PrivacySpec;
  /** Nothing is trained: a model's errors are summed, over so many windows at least. */
  readonly scoring?: Scoring;
}

export interface Scoring {
  readonly leastWindows: number;
  /** Sums by group are asked for: their names, too. */
  readonly groups?: boolean;
  /** Predictions of single rows are asked for, not sums. */
  readonly rows?: boolean;
  /** The run whose head of the silo's own, kept by its agent, is scored as well. */
  readonly personal?: string;
}

export const trainsInside = (silo: object): silo is TrainsInside => 'openTrainer' in silo;
