/** The features a model is trained on once the federation's statistics are known, and the network over them. */
import { withCategories } from '../../src/plan/categories.ts';
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';
import type { FeatureSpec, ModelSpec } from '../../src/plan/training.ts';
import { type Scale, scaleOf } from './scales.ts';
import { type FeatureMoments, type FeatureStatistics, isConstant, NONE } from './statistics.ts';

export interface TrainedFeatures {
  /** Indexes into the feature list, ascending. */
  readonly kept: readonly number[];
  /** Names of features that are constant over all training rows of all silos. */
  readonly dropped: readonly string[];
  /** Positions of the targets among `kept`. */
  readonly targets: readonly number[];
  /** One per kept feature: the federation's. */
  readonly scales: readonly Scale[];
  /** One per kept feature: the names of its categories 1, 2 …; undefined for numbers. */
  readonly vocabularies: readonly (readonly string[] | undefined)[];
}

const AS_IT_IS: Scale = { mean: 0, deviation: 1 };

/**
 * Which features are kept, and how each is scaled. A constant feature says nothing and cannot be standardised: it is
 * dropped, in all silos alike. Throws when a target is constant.
 */
export function trainedFeatures(
  features: readonly FeatureSpec[],
  targets: readonly number[],
  merged: FeatureStatistics,
): TrainedFeatures {
  const constant = (i: number) => saysNothing(features[i]!, merged[i] ?? NONE);
  for (const target of targets) {
    if (constant(target)) {
      throw new CausewayError(SQLSTATE.trainingFailed, `column "${features[target]?.name}" has one value only`, {
        hint: 'PREDICT a column that varies over the training rows.',
      });
    }
  }
  const kept = features.map((_, i) => i).filter((i) => !constant(i));
  return {
    kept,
    dropped: features.filter((_, i) => constant(i)).map((feature) => feature.name),
    targets: targets.map((target) => kept.indexOf(target)),
    scales: kept.map((i) => {
      const { category, scale } = features[i]!;
      return scale === 'none' || category !== undefined ? AS_IT_IS : scaleOf(merged[i]!);
    }),
    vocabularies: kept.map((i) => vocabularyOf(features[i]!, merged[i]!)),
  };
}

/** The most frequent names: number 1 is the first of them, and 0 stands for all others. */
const vocabularyOf = ({ category }: FeatureSpec, { vocabulary = [] }: FeatureMoments): readonly string[] | undefined =>
  category === undefined ? undefined : vocabulary.slice(0, category.most);

function saysNothing(feature: FeatureSpec, moments: FeatureMoments): boolean {
  if (feature.category === undefined) return isConstant(moments);
  const { others = 0, vocabulary = [] } = moments;
  return vocabulary.length + (others > 0 ? 1 : 0) <= 1;
}

/** The network over the kept columns: what enters it follows from the vocabularies. */
export function networkOf(
  model: ModelSpec,
  features: readonly FeatureSpec[],
  { kept, vocabularies }: Pick<TrainedFeatures, 'kept' | 'vocabularies'>,
): ModelSpec {
  return withCategories(
    model,
    kept.map((i, k) => ({ feature: features[i]!, names: vocabularies[k]?.length ?? 0 })),
  );
}
