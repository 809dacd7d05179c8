/** Rows that a stored model reads are scaled as its training rows were, their categories have the same numbers, its outputs the same meaning. */
import type { TrainedFeatures } from '../../../operators/lstm/trained-features.ts';
import type { Trainers } from './open-trainers.ts';
import { aimIn, type ModelSignature, ownStatistics } from './signature.ts';
import type { SiloScorer } from './silo-scorer.ts';

/** The features are the same in all silos. */
export function scaleAsTrained(
  { all, silos }: Trainers<Pick<SiloScorer, 'aimAt' | 'standardise'> & AsyncDisposable>,
  signature: ModelSignature,
): TrainedFeatures {
  const trained = all.map((trainer, i) =>
    trainer.standardise(signature.statistics, ownStatistics(signature, silos[i]!)),
  );
  all.forEach((trainer, i) => {
    trainer.aimAt(aimIn(signature, silos[i]!));
  });
  return trained[0]!;
}
