/** What a training run reports, and stores with the version. */
import { type ClassificationSums, classificationMetrics } from '../../../operators/lstm/classification.ts';
import { type Evaluation, metricsOf, type TargetEvaluation } from '../../../operators/lstm/evaluation.ts';
import type { ModelSpec } from '../../plan/training.ts';
import type { Protection } from './protection.ts';

/** One quantile level. */
interface QuantileMetrics {
  readonly level: number;
  /** Mean pinball loss, in the target's own units. */
  readonly pinball: number;
  /** Share of windows whose actual value is not above the prediction: the level itself, in a calibrated model. */
  readonly coverage: number;
}

/** Errors of one target in its own units, beside rules of thumb on the same windows. */
export interface RegressionMetrics {
  readonly kind: 'regression';
  readonly target: string;
  readonly windows: number;
  readonly rmse: number;
  readonly mae: number;
  /** Mean of |error / actual|, a fraction, over actual values other than zero; null without any. */
  readonly mape: number | null;
  /** Null where the actual values do not vary. */
  readonly r2: number | null;
  /** Quantile models: one entry per level. The errors are then those of the level nearest to the median. */
  readonly quantiles?: readonly QuantileMetrics[];
  /** The same for "as it was at the last row". */
  readonly persistenceRmse: number;
  readonly persistenceMae: number;
  /** The same for "as it was one season before"; null where no window reaches that far back, or without a season. */
  readonly seasonalRmse: number | null;
  readonly seasonalMae: number | null;
  /** The same for a model that the silo trained on its own rows alone; absent where none was. */
  readonly localRmse?: number | null;
  readonly localMae?: number | null;
  /** The same for the silo's own version of this model; absent where none was made. */
  readonly personalRmse?: number | null;
  readonly personalMae?: number | null;
}

export interface ClassifierMetrics {
  readonly kind: 'classification';
  readonly target: string;
  readonly windows: number;
  readonly accuracy: number;
  /** Of the positive class of two, else the mean over the classes that occur. */
  readonly f1: number;
  /** Area under the curve; null with more than two classes, or where one of two is missing. */
  readonly auc: number | null;
  /** Mean of −ln p(actual class). */
  readonly logLoss: number;
  /** The same for a model that the silo trained on its own rows alone; absent where none was. */
  readonly localAccuracy?: number;
  readonly localLogLoss?: number;
  /** The same for the silo's own version of this model; absent where none was made. */
  readonly personalAccuracy?: number;
  readonly personalLogLoss?: number;
}

export type TargetMetrics = RegressionMetrics | ClassifierMetrics;

export interface SiloMetrics {
  readonly silo: string;
  readonly rows: number;
  readonly windows: { readonly train: number; readonly validation: number; readonly test: number };
  /** One entry per target; none without a test window. */
  readonly test: readonly TargetMetrics[];
}

export interface RoundMetrics {
  readonly round: number;
  /** Mean training loss over all silos' windows, in standardised units. */
  readonly loss: number;
  readonly validationLoss: number | null;
  readonly seconds: number;
}

export interface ModelMetrics {
  readonly parameters: number;
  readonly rounds: readonly RoundMetrics[];
  readonly silos: readonly SiloMetrics[];
  /** All silos' test windows put together, not the mean of the silos; one entry per target. */
  readonly pooled: readonly TargetMetrics[];
  readonly seconds: number;
  /** Absent in versions that were made before it was recorded. */
  readonly protection?: Protection;
}

function localErrors(alone: TargetEvaluation | undefined) {
  if (alone === undefined) return {};
  const { mae, rmse } = metricsOf(alone.model, alone.actual);
  return { localRmse: rmse, localMae: mae };
}

function personalErrors(own: TargetEvaluation | undefined) {
  if (own === undefined) return {};
  const { mae, rmse } = metricsOf(own.model, own.actual);
  return { personalRmse: rmse, personalMae: mae };
}

function personalScores(own: ClassificationSums | undefined, windows: number) {
  if (own === undefined) return {};
  const { accuracy, logLoss } = classifierMetrics(own, windows);
  return { personalAccuracy: accuracy, personalLogLoss: logLoss };
}

function localScores(alone: ClassificationSums | undefined, windows: number) {
  if (alone === undefined) return {};
  const { accuracy, logLoss } = classifierMetrics(alone, windows);
  return { localAccuracy: accuracy, localLogLoss: logLoss };
}

/** What a model is compared with on the same windows. */
export interface Beside {
  /** Models that the silos trained by themselves. */
  readonly alone?: Evaluation | undefined;
  /** The silos' own versions of the model. */
  readonly personal?: Evaluation | undefined;
}

/** Divides the sums of one silo, or of all together: one entry per target, none without a window. */
export function targetMetrics(
  { windows, targets, classifications = [] }: Evaluation,
  { alone, personal }: Beside = {},
): readonly TargetMetrics[] {
  if (windows === 0) return [];
  return [
    ...targets.map((target, i) => ({
      ...regressionMetrics(target, windows),
      ...localErrors(alone?.targets[i]),
      ...personalErrors(personal?.targets[i]),
    })),
    ...classifications.map((sums, i) => ({
      ...classifierMetrics(sums, windows),
      ...localScores(alone?.classifications?.[i], windows),
      ...personalScores(personal?.classifications?.[i], windows),
    })),
  ];
}

function regressionMetrics(sums: TargetEvaluation, windows: number): RegressionMetrics {
  const { rmse, mae, mape, r2 } = metricsOf(sums.model, sums.actual);
  const persistence = metricsOf(sums.persistence, sums.actual);
  const seasonal =
    sums.seasonal === undefined || sums.seasonal.count === 0 ? undefined : metricsOf(sums.seasonal, sums.actual);
  const quantiles = sums.quantiles?.map(({ level, pinballSum, covered }) => ({
    level,
    pinball: pinballSum / windows,
    coverage: covered / windows,
  }));
  return {
    kind: 'regression',
    target: sums.target,
    windows,
    rmse,
    mae,
    mape: mape ?? null,
    r2: r2 ?? null,
    ...(quantiles === undefined ? {} : { quantiles }),
    persistenceRmse: persistence.rmse,
    persistenceMae: persistence.mae,
    seasonalRmse: seasonal?.rmse ?? null,
    seasonalMae: seasonal?.mae ?? null,
  };
}

function classifierMetrics(sums: ClassificationSums, windows: number): ClassifierMetrics {
  const { accuracy, f1, auc, logLoss } = classificationMetrics(sums);
  return { kind: 'classification', target: sums.target, windows, accuracy, f1, auc: auc ?? null, logLoss };
}

/** The names under which {@link figuresOf} gives the figures of a model's targets, in order. */
export function figureNames({ loss, quantiles = [] }: Pick<ModelSpec, 'loss' | 'quantiles'>): readonly string[] {
  if (loss === 'binary-cross-entropy' || loss === 'softmax-cross-entropy') {
    const beside = ['local_accuracy', 'local_log_loss', 'personal_accuracy', 'personal_log_loss'];
    return ['accuracy', 'f1', 'auc', 'log_loss', ...beside];
  }
  const levels = loss === 'quantile' ? quantiles.map(quantileSuffix) : [];
  return [
    ...['rmse', 'mae', 'mape', 'r2'],
    ...levels.flatMap((suffix) => [`pinball${suffix}`, `coverage${suffix}`]),
    ...['persistence_rmse', 'persistence_mae', 'seasonal_rmse', 'seasonal_mae', 'local_rmse', 'local_mae'],
    ...['personal_rmse', 'personal_mae'],
  ];
}

/** One target's figures by their SQL names. */
export function figuresOf(metrics: TargetMetrics): Readonly<Record<string, number | null>> {
  if (metrics.kind === 'classification') {
    const { accuracy, f1, auc, localAccuracy = null, localLogLoss = null, logLoss } = metrics;
    return {
      ...{ accuracy, f1, auc, log_loss: logLoss, local_accuracy: localAccuracy, local_log_loss: localLogLoss },
      personal_accuracy: metrics.personalAccuracy ?? null,
      personal_log_loss: metrics.personalLogLoss ?? null,
    };
  }
  const { rmse, mae, mape, r2, quantiles = [] } = metrics;
  return {
    ...{ rmse, mae, mape, r2 },
    ...Object.fromEntries(
      quantiles.flatMap(({ level, pinball, coverage }) => [
        [`pinball${quantileSuffix(level)}`, pinball],
        [`coverage${quantileSuffix(level)}`, coverage],
      ]),
    ),
    persistence_rmse: metrics.persistenceRmse,
    persistence_mae: metrics.persistenceMae,
    seasonal_rmse: metrics.seasonalRmse,
    seasonal_mae: metrics.seasonalMae,
    local_rmse: metrics.localRmse ?? null,
    local_mae: metrics.localMae ?? null,
    personal_rmse: metrics.personalRmse ?? null,
    personal_mae: metrics.personalMae ?? null,
  };
}

/** `_q10` for level 0.1: how columns of a quantile level end. */
export const quantileSuffix = (level: number): string => `_q${Math.round(level * 100)}`;
