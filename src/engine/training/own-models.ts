/** What silos train for themselves once the rounds are over: a model of their own rows alone, to compare with, and a head of their own. */
import type { Evaluation } from '../../../operators/lstm/evaluation.ts';
import type { Aim } from '../../../operators/lstm/training-session.ts';
import { messageOf, throwIfAborted } from '../../plan/errors.ts';
import type { Train } from '../../plan/training.ts';
import type { Notice } from '../result.ts';
import type { Trainers } from './open-trainers.ts';
import type { PersonalResult, SiloTrainer } from './silo-trainer.ts';

/** Rounds without a better validation loss after which a silo that trains by itself stops. */
const PATIENCE = 5;

/** What each silo would have had without the others, on its test part: the same training, for as many rounds. */
export async function trainedAlone(
  { local }: Train,
  { all }: Trainers<SiloTrainer>,
  aim: Aim | undefined,
  rounds: number,
  signal: AbortSignal,
): Promise<Evaluation[]> {
  const request = { ...local, rounds, patience: PATIENCE };
  return Promise.all(
    all.map((trainer) => {
      trainer.aimAt(aim);
      return trainer.trainAlone(request, signal);
    }),
  );
}

/**
 * Each silo's own version of the trained model. It follows from the weights, the rows and the seed, so that a job that goes on makes it
 * again. A silo that is lost meanwhile keeps the federation's.
 */
export async function personalised(
  { local }: Train,
  { all, silos }: Trainers<SiloTrainer>,
  weights: Float32Array,
  aim: Aim | undefined,
  rounds: number,
  signal: AbortSignal,
  onNotice: (notice: Notice) => void,
): Promise<(PersonalResult | undefined)[]> {
  const request = { ...local, weights, rounds, patience: PATIENCE };
  const found = await Promise.allSettled(
    all.map((trainer) => {
      trainer.aimAt(aim);
      return trainer.personalise(request, signal);
    }),
  );
  throwIfAborted(signal);
  return found.map((result, i) => {
    if (result.status === 'fulfilled') return result.value;
    const message = `silo "${silos[i]}" keeps the federation's model: ${messageOf(result.reason)}`;
    onNotice({ severity: 'WARNING', message });
    return undefined;
  });
}
