/** SELECT. */
import type { QueryText } from '../../sql/statements/statement.ts';
import { bindQuery } from '../bind.ts';
import type { StatementResult } from '../result.ts';
import { runPlan } from '../run-plan.ts';
import type { StatementContext } from '../session.ts';

export async function runSelect({ text, offset }: QueryText, context: StatementContext): Promise<StatementResult> {
  const { plan, run } = await bindQuery(text, context.locate(offset), context);
  const { columns, batches } = await runPlan(plan, run);
  return { tag: 'SELECT', columns, batches };
}
