/** What a model version stores beside its weights: enough to check, explain and repeat every prediction. */

import type { FeatureStatistics } from '../../../operators/lstm/statistics.ts';
import type { Aim } from '../../../operators/lstm/training-session.ts';
import type {
  DifferenceSpec,
  FeatureSpec,
  FederationSpec,
  LocalTrainingSpec,
  ModelSpec,
  SequenceSpec,
  SplitSpec,
} from '../../plan/training.ts';
import type { SqlType } from '../../plan/types.ts';
import type { PersonalHeads } from './personal-heads.ts';

/** What the network of a stored model is for in one silo. */
export const aimIn = ({ difference, shares }: ModelSignature, silo: string): Aim | undefined =>
  difference && { difference: { ...difference, ...(shares?.[silo] === undefined ? {} : { share: shares[silo] }) } };

export interface TypedName {
  readonly name: string;
  readonly type: SqlType;
}

export interface ModelSignature {
  readonly order: TypedName;
  readonly entity?: TypedName;
  /** All columns of the feature query but time and entity, in order. */
  readonly features: readonly (TypedName & FeatureSpec)[];
  /** Over all silos' training rows: decides scaling, and which features are dropped. */
  readonly statistics: FeatureStatistics;
  /** What each silo told of its own rows, where features are scaled by silo or entity. */
  readonly siloStatistics?: Readonly<Record<string, FeatureStatistics>>;
  /** Indexes into `features`. */
  readonly targets: readonly number[];
  readonly sequence: SequenceSpec;
  readonly split: SplitSpec;
  readonly spec: ModelSpec;
  readonly local: LocalTrainingSpec;
  readonly federation: FederationSpec;
  /** The network puts out changes; its `share` is for silos that the training did not know. */
  readonly difference?: DifferenceSpec;
  /** How much of the network each silo's validation rows have proven (operators/lstm/change-share.ts). */
  readonly shares?: Readonly<Record<string, number>>;
  /** The silos' own heads. */
  readonly personal?: PersonalHeads;
  /** The feature query, as it was written in the TRAIN statement. */
  readonly query: string;
}

/** What a silo's rows are scaled with besides the federation's statistics: nothing for a silo that was not there. */
export const ownStatistics = ({ siloStatistics = {} }: ModelSignature, silo: string): FeatureStatistics =>
  (Object.hasOwn(siloStatistics, silo) ? siloStatistics[silo] : undefined) ?? [];
