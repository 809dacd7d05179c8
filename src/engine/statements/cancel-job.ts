/** CANCEL JOB: a training job stops at its next step; RESUME TRAIN goes on with it. */
import { CausewayError, SQLSTATE } from '../../plan/errors.ts';
import type { CancelJob } from '../../sql/statements/statement.ts';
import type { StatementResult } from '../result.ts';
import { done } from '../rows.ts';
import type { StatementContext } from '../session.ts';

export async function cancelJob({ job }: CancelJob, { engine, locate }: StatementContext): Promise<StatementResult> {
  if (await engine.training.cancel(job.value)) return done('CANCEL JOB');
  const known = engine.catalog.jobs.list().find(({ id }) => id === job.value);
  throw new CausewayError(
    SQLSTATE.undefinedObject,
    known === undefined ? `there is no job ${job.value}` : `job ${job.value} is not running here, it is ${known.state}`,
    { position: locate(job.offset), hint: 'SELECT id, model, state FROM causeway.jobs tells what runs.' },
  );
}
