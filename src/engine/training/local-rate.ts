/** What trains silos in this process, and how fast it is. */
import { calibrationSample, measureTrainingRate, type TrainingRate } from '../../../operators/lstm/calibrate.ts';
import type { BackendChoice } from '../../../operators/lstm/choose-backend.ts';
import { loadTfjs } from '../../../operators/lstm/tfjs-backend.ts';
import type { Train } from '../../plan/training.ts';

/**
 * Measured now, for about a tenth of a second, on one thread: as many as each silo gets (openLocally).
 * @throws CausewayError 0A000 where the backend asked for is not there, as TRAIN would
 */
export async function measureLocalRate(
  { spec, sequence, local }: Pick<Train, 'spec' | 'sequence' | 'local'>,
  choice: BackendChoice,
): Promise<TrainingRate> {
  const tfjs = choice === 'tfjs' ? { tfjs: await loadTfjs() } : {};
  const sample = calibrationSample(spec, sequence, local.batch);
  return measureTrainingRate(sample.model, sample.sequence, { choice, batch: sample.batch, threads: 1, ...tfjs });
}
