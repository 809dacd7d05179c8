/** What a training run reports, and stores with the version. */
import { type Evaluation, metricsOf } from '../../../operators/lstm/evaluation.ts';

export interface PartMetrics {
  /** Windows. */
  readonly count: number;
  /** In the target's own units. */
  readonly rmse: number;
  readonly mae: number;
  /** The same for "as it was at the last row". */
  readonly persistenceRmse: number;
  readonly persistenceMae: number;
  /** The same for "as it was one season before"; null where no window reaches that far back, or without a season. */
  readonly seasonalRmse: number | null;
  readonly seasonalMae: number | null;
}

export interface SiloMetrics {
  readonly silo: string;
  readonly rows: number;
  readonly windows: { readonly train: number; readonly validation: number; readonly test: number };
  /** Null without a test window. */
  readonly test: PartMetrics | null;
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
  /** All silos' test windows put together, not the mean of the silos. */
  readonly pooled: PartMetrics | null;
  readonly seconds: number;
}

/** Metrics of the first target; null without a window. */
export function partMetrics({ windows, targets }: Evaluation): PartMetrics | null {
  const [target] = targets;
  if (windows === 0 || target === undefined) return null;
  const model = metricsOf(target.model, target.actual);
  const persistence = metricsOf(target.persistence, target.actual);
  const seasonal =
    target.seasonal === undefined || target.seasonal.count === 0 ? null : metricsOf(target.seasonal, target.actual);
  return {
    count: windows,
    rmse: model.rmse,
    mae: model.mae,
    persistenceRmse: persistence.rmse,
    persistenceMae: persistence.mae,
    seasonalRmse: seasonal?.rmse ?? null,
    seasonalMae: seasonal?.mae ?? null,
  };
}
