/** The last look at every silo's test part: a silo that is lost by then does not take the trained model with it. */
import type { Evaluation } from '../../../operators/lstm/evaluation.ts';
import { messageOf, throwIfAborted } from '../../plan/errors.ts';
import type { Notice } from '../result.ts';
import { Trainers } from './open-trainers.ts';
import type { SiloTrainer } from './silo-trainer.ts';

export interface PresentSilos {
  /** Those that answered; closed by whoever opened them. */
  readonly trainers: Trainers<SiloTrainer>;
  readonly evaluations: readonly Evaluation[];
}

/**
 * @param minSilos as for a round
 * @throws CausewayError what the first lost silo said, when fewer than `minSilos` answer
 */
export async function evaluatePresent(
  trainers: Trainers<SiloTrainer>,
  weights: Float32Array,
  minSilos: number,
  signal: AbortSignal,
  onNotice: (notice: Notice) => void,
): Promise<PresentSilos> {
  const answers = await Promise.allSettled(trainers.all.map((trainer) => trainer.evaluate(weights, 'test', signal)));
  throwIfAborted(signal);
  const present: (readonly [string, SiloTrainer])[] = [];
  const evaluations: Evaluation[] = [];
  const lost: { readonly silo: string; readonly reason: unknown }[] = [];
  answers.forEach((answer, i) => {
    const silo = trainers.silos[i]!;
    if (answer.status === 'rejected') lost.push({ silo, reason: answer.reason });
    else {
      present.push([silo, trainers.all[i]!]);
      evaluations.push(answer.value);
    }
  });
  if (lost.length > 0 && present.length < minSilos) throw lost[0]!.reason;
  for (const { silo, reason } of lost) {
    onNotice({ severity: 'WARNING', message: `the model is not tested in silo "${silo}": ${messageOf(reason)}` });
  }
  return { trainers: new Trainers(present), evaluations };
}
