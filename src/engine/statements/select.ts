/** SELECT. */
import { CausewayError, SQLSTATE } from '../../plan/errors.ts';
import type { QueryText } from '../../sql/statements/statement.ts';
import { bindQuery } from '../bind.ts';
import type { StatementResult } from '../result.ts';
import { runPlan } from '../run-plan.ts';
import type { StatementContext } from '../session.ts';

export async function runSelect({ text, offset }: QueryText, context: StatementContext): Promise<StatementResult> {
  const { plan, run, parameters } = await bindQuery(text, context.locate(offset), context);
  const given = context.parameters.length;
  if (parameters.length > given) {
    throw new CausewayError(SQLSTATE.undefinedParameter, `there is no parameter $${given + 1}`, {
      hint: 'Give the statement a value for each of its parameters.',
    });
  }
  const { columns, batches } = await runPlan(plan, run);
  return { tag: 'SELECT', columns, batches };
}
