/** Opens every silo's rows at the mediator for what a model says of single rows: its predictions leave where the rows may. */
import type { LocalTrainer } from '../../../operators/lstm/local-trainer.ts';
import { CausewayError, SQLSTATE } from '../../plan/errors.ts';
import type { ScoringContext } from './forecast.ts';
import { openTrainers, type TrainerSource, type Trainers } from './open-trainers.ts';

/** @throws CausewayError CW001 naming the policy, and what can be asked instead, where a silo keeps its rows in */
export async function openOnRows(
  asked: 'ml.forecast' | 'ml.predict',
  source: TrainerSource,
  { backend, signal, stream }: Pick<ScoringContext, 'backend' | 'signal' | 'stream'>,
): Promise<Trainers<LocalTrainer>> {
  try {
    return await openTrainers(source, stream, signal, backend);
  } catch (thrown) {
    if (!(thrown instanceof CausewayError && thrown.sqlstate === SQLSTATE.policyViolation)) throw thrown;
    const { detail, hint, message, silo } = thrown;
    const instead =
      "Where updates may leave, ml.evaluate('model', (SELECT …)) sums the model's errors beside the rows.";
    throw new CausewayError(SQLSTATE.policyViolation, `${asked} tells of single rows: ${message}`, {
      ...(silo === undefined ? {} : { silo }),
      ...(detail === undefined ? {} : { detail }),
      hint: hint === undefined ? instead : `${hint} ${instead}`,
      cause: thrown,
    });
  }
}
