/** Exact federated standardisation: each silo gives (n, mean, M2) of its training rows, the merge is Chan's. */
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';
import type { FeatureSpec } from '../../src/plan/training.ts';

/** Moments of one feature: count, mean, and M2 = Σ (x − mean)². */
export interface Moments {
  readonly n: number;
  readonly mean: number;
  readonly m2: number;
}

/** Moments of all features, in the order of the feature list. */
export type FeatureStatistics = readonly Moments[];

const NONE: Moments = { n: 0, mean: 0, m2: 0 };

/** Chan, Golub and LeVeque (1983): M2 = M2a + M2b + δ² · na · nb / (na + nb). */
function merge(a: Moments, b: Moments): Moments {
  const n = a.n + b.n;
  if (n === 0) return NONE;
  const delta = b.mean - a.mean;
  return { n, mean: a.mean + (delta * b.n) / n, m2: a.m2 + b.m2 + (delta * delta * a.n * b.n) / n };
}

/** Statistics of all silos' rows together; the caller gives them in a fixed order so that the sums repeat bit for bit. */
export function mergeStatistics(silos: readonly FeatureStatistics[]): FeatureStatistics {
  const width = silos[0]?.length ?? 0;
  return Array.from({ length: width }, (_, feature) =>
    silos.reduce((sum, statistics) => merge(sum, statistics[feature] ?? NONE), NONE),
  );
}

/** Population standard deviation (ddof 0). */
export const deviation = ({ n, m2 }: Moments): number => (n === 0 ? 0 : Math.sqrt(m2 / n));

/** x ↦ (x − mean) / deviation. */
export interface Scale {
  readonly mean: number;
  readonly deviation: number;
}

/** The features a model is trained on after the federation's statistics are known. */
export interface TrainedFeatures {
  /** Indexes into the feature list, ascending. */
  readonly kept: readonly number[];
  /** Names of features that are constant over all training rows of all silos. */
  readonly dropped: readonly string[];
  /** Positions of the targets among `kept`. */
  readonly targets: readonly number[];
  /** One per kept feature. */
  readonly scales: readonly Scale[];
}

/**
 * Which features are kept, and how each is scaled. A constant feature says nothing and cannot be standardised: it is
 * dropped, in all silos alike. Throws when a target is constant.
 */
export function trainedFeatures(
  features: readonly FeatureSpec[],
  targets: readonly number[],
  merged: FeatureStatistics,
): TrainedFeatures {
  const constant = (i: number) => isConstant(merged[i] ?? NONE);
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
    scales: kept.map((i) =>
      features[i]!.scale === 'standard'
        ? { mean: merged[i]!.mean, deviation: deviation(merged[i]!) }
        : { mean: 0, deviation: 1 },
    ),
  };
}

/** No spread beyond float32 rounding of the values. */
const isConstant = (moments: Moments): boolean => deviation(moments) <= Math.abs(moments.mean) * 2 ** -23;
