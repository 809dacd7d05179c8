/** Errors as sums, so that the metrics of all silos together are exact: pool the sums, then divide once. */
import type { ChangeSums } from './change-share.ts';
import { type ClassificationSums, mergeClassifications } from './classification.ts';
import type { Moments } from './statistics.ts';
import { mergeStatistics } from './statistics.ts';
import type { Part } from './windows.ts';

/** Sums over single predictions, in the target's own units. */
export interface ErrorSums {
  readonly count: number;
  readonly squaredErrorSum: number;
  readonly absoluteErrorSum: number;
  /** Σ |error / actual| over actual values other than zero, and their number. */
  readonly relativeErrorSum: number;
  readonly relativeCount: number;
}

/** One target: the model beside the naive rules on the same windows. */
export interface TargetEvaluation {
  readonly target: string;
  readonly model: ErrorSums;
  /** The value `horizon` rows earlier. */
  readonly persistence: ErrorSums;
  /** The value one season earlier (the fewest whole seasons that are known at prediction time); absent without a season. */
  readonly seasonal?: ErrorSums;
  /** Moments of the actual values, for r². */
  readonly actual: Moments;
  /** Quantile models: one entry per level. `model` is then that of the level nearest to the median. */
  readonly quantiles?: readonly QuantileSums[];
  /** Models of changes, on the validation part: what the network adds to the naive rule. Of one silo, never merged. */
  readonly change?: ChangeSums;
}

/** One quantile level of one target. */
export interface QuantileSums {
  readonly level: number;
  /** Σ of the pinball loss, in the target's units. */
  readonly pinballSum: number;
  /** Windows whose actual value is not above the prediction: about `level` of them in a calibrated model. */
  readonly covered: number;
}

/** One silo's evaluation of one part, or the pool of several. */
export interface Evaluation {
  readonly part: Part;
  readonly windows: number;
  /** Σ of the training loss, in standardised units, and what it is divided by. */
  readonly lossSum: number;
  readonly lossWeight: number;
  /** Empty for classifiers. */
  readonly targets: readonly TargetEvaluation[];
  /** Classifiers: one entry per target. */
  readonly classifications?: readonly ClassificationSums[];
}

/** Metrics of one target. `r2` is undefined when the actual values do not vary, `mape` when all are zero. */
export interface Metrics {
  readonly rmse: number;
  readonly mae: number;
  readonly mape: number | undefined;
  readonly r2: number | undefined;
}

/** Adds predictions up. */
export class ErrorCounter {
  #count = 0;
  #squared = 0;
  #absolute = 0;
  #relative = 0;
  #relativeCount = 0;

  add(actual: number, predicted: number): void {
    const error = predicted - actual;
    this.#count++;
    this.#squared += error * error;
    this.#absolute += Math.abs(error);
    if (actual === 0) return;
    this.#relative += Math.abs(error / actual);
    this.#relativeCount++;
  }

  get sums(): ErrorSums {
    return {
      count: this.#count,
      squaredErrorSum: this.#squared,
      absoluteErrorSum: this.#absolute,
      relativeErrorSum: this.#relative,
      relativeCount: this.#relativeCount,
    };
  }
}

const addSums = (a: ErrorSums, b: ErrorSums): ErrorSums => ({
  count: a.count + b.count,
  squaredErrorSum: a.squaredErrorSum + b.squaredErrorSum,
  absoluteErrorSum: a.absoluteErrorSum + b.absoluteErrorSum,
  relativeErrorSum: a.relativeErrorSum + b.relativeErrorSum,
  relativeCount: a.relativeCount + b.relativeCount,
});

const NO_ERRORS: ErrorSums = new ErrorCounter().sums;

const mergeTargets = (a: TargetEvaluation, b: TargetEvaluation): TargetEvaluation => ({
  target: a.target,
  model: addSums(a.model, b.model),
  persistence: addSums(a.persistence, b.persistence),
  ...(a.seasonal || b.seasonal ? { seasonal: addSums(a.seasonal ?? NO_ERRORS, b.seasonal ?? NO_ERRORS) } : {}),
  actual: mergeStatistics([[a.actual], [b.actual]])[0]!,
  ...(a.quantiles ? { quantiles: a.quantiles.map((level, i) => mergeQuantiles(level, b.quantiles![i]!)) } : {}),
});

const mergeQuantiles = (a: QuantileSums, b: QuantileSums): QuantileSums => ({
  level: a.level,
  pinballSum: a.pinballSum + b.pinballSum,
  covered: a.covered + b.covered,
});

/** The evaluation of all silos' windows put together (not the mean of the silos). Order fixes the bits. */
export const mergeEvaluations = (evaluations: readonly Evaluation[]): Evaluation =>
  evaluations.reduce((a, b) => ({
    part: a.part,
    windows: a.windows + b.windows,
    lossSum: a.lossSum + b.lossSum,
    lossWeight: a.lossWeight + b.lossWeight,
    targets: a.targets.map((target, i) => mergeTargets(target, b.targets[i]!)),
    ...(a.classifications
      ? { classifications: a.classifications.map((sums, i) => mergeClassifications(sums, b.classifications![i]!)) }
      : {}),
  }));

/** Divides the sums. `errors` is the model's, or those of a naive rule on the same windows. */
export function metricsOf(errors: ErrorSums, actual: Moments): Metrics {
  return {
    rmse: Math.sqrt(errors.squaredErrorSum / errors.count),
    mae: errors.absoluteErrorSum / errors.count,
    mape: errors.relativeCount === 0 ? undefined : errors.relativeErrorSum / errors.relativeCount,
    r2: actual.m2 === 0 ? undefined : 1 - errors.squaredErrorSum / actual.m2,
  };
}
