/** SELECT: bound and planned, or run by the plan of the last time. */
import type { OptimizerContext } from '../../../optimizer/context.ts';
import { MEDIATOR } from '../../../optimizer/physical.ts';
import { CausewayError, SQLSTATE } from '../../plan/errors.ts';
import type { RelationalNode } from '../../plan/nodes.ts';
import { nodesOf } from '../../plan/traverse.ts';
import type { BoundSelect } from '../../sql/select/bind.ts';
import type { QueryText } from '../../sql/statements/statement.ts';
import { bindQuery, forExecution, runContext } from '../bind.ts';
import { budgetOf, requireBudget } from '../budget.ts';
import { readsClock } from '../clock.ts';
import { parameterTexts } from '../parameters.ts';
import { OpenPlan } from '../planning/open-plan.ts';
import type { KeptStatement, ReadyPlan } from '../planning/plan-cache.ts';
import type { Planned } from '../planning/planner.ts';
import type { StatementResult } from '../result.ts';
import { planRows, type Rows, type RunContext, runPlan, runPlanned } from '../run-plan.ts';
import type { StatementContext } from '../session.ts';

export async function runSelect({ text, offset }: QueryText, context: StatementContext): Promise<StatementResult> {
  const { plans } = context.engine;
  const { user } = context.access;
  const key = `${text}\n${user === undefined ? '' : JSON.stringify(user)}${context.settings.fingerprint}`;
  const madeFrom = plans.state;
  const kept = plans.get(key, madeFrom);
  if (kept !== undefined) return result(await again(kept, context, () => plans.drop(key)));
  const { plan, run, statement } = await bindQuery(text, context.locate(offset), context);
  requireValues(statement, context);
  const { planned, facts } = await planRows(plan, run);
  await requireBudget(planned, run);
  if (plans.wants(key)) {
    const keep = await keepable(statement, { planned, facts }, run, context);
    if (keep !== undefined) plans.keep(key, keep, madeFrom);
  }
  return result(runPlanned(planned, facts, run));
}

const result = ({ columns, batches }: Rows): StatementResult => ({ tag: 'SELECT', columns, batches });

function requireValues({ parameters }: BoundSelect, context: StatementContext): void {
  const given = context.parameters.length;
  if (parameters.length <= given) return;
  throw new CausewayError(SQLSTATE.undefinedParameter, `there is no parameter $${given + 1}`, {
    hint: 'Give the statement a value for each of its parameters.',
  });
}

/** Runs a statement by what was kept of it. */
async function again(kept: KeptStatement, context: StatementContext, forget: () => void): Promise<Rows> {
  const { bound, ready, open } = kept;
  requireValues(bound, context);
  const run = runContext(context);
  const plain = bound.parameters.length === 0;
  const texts = plain ? [] : parameterTexts(bound.parameters, context.parameters);
  if (open !== undefined && texts !== undefined) return byOpenPlan(open, bound, context, forget);
  if (ready === undefined || texts === undefined) return runPlan(forExecution(bound.plan, context), run);
  const { planned, facts } = ready;
  await requireBudget(planned, run);
  const oneStatement = isOneStatement(planned, facts);
  const rows = runPlanned(planned, facts, oneStatement ? { ...run, parameters: texts } : run, () => {
    // With parameters the rows are those of their values, whatever was expected.
    if (plain) forget();
  });
  return { columns: rows.columns, batches: forgetOnError(rows.batches, forget) };
}

async function byOpenPlan(
  open: OpenPlan,
  { plan }: BoundSelect,
  context: StatementContext,
  forget: () => void,
): Promise<Rows> {
  const run = runContext(context);
  const fill = (each: RelationalNode) => forExecution(each, context);
  if (open.doubtful) {
    const made = await planRows(fill(plan), run);
    if (!open.isAs(made.planned, fill)) forget();
    return runPlanned(made.planned, made.facts, run);
  }
  const filled = open.filled(fill);
  if (filled === undefined) return runPlan(fill(plan), run);
  const rows = runPlanned(filled.planned, filled.facts, run, () => open.surprised());
  return { columns: rows.columns, batches: forgetOnError(rows.batches, forget) };
}

async function* forgetOnError<T>(batches: AsyncIterable<T>, forget: () => void): AsyncGenerator<T> {
  try {
    yield* batches;
  } catch (thrown) {
    // The silo may have changed under the plan.
    forget();
    throw thrown;
  }
}

/**
 * What may be kept of a statement: its plan; with parameters one that is filled with their values, by the one silo that runs
 * all of it, or here. Rows in memory belong to one execution.
 */
async function keepable(
  bound: BoundSelect,
  made: ReadyPlan,
  run: RunContext,
  context: StatementContext,
): Promise<KeptStatement | undefined> {
  if ([...nodesOf(bound.plan)].some(({ kind }) => kind === 'memory-table')) return undefined;
  const asksTime = readsClock(bound.plan);
  if (bound.parameters.length === 0 && !asksTime) return { bound, ready: made };
  // Something in the plan may need a parameter's value, a LIMIT that is pushed down for one: then there is none without.
  const open = await planRows(bound.plan, run).catch(() => undefined);
  if (open === undefined) return { bound };
  if (!asksTime && [made, open].every(({ planned, facts }) => isOneStatement(planned, facts))) {
    return { bound, ready: open };
  }
  // Policies and budgets are about the statement as it runs.
  if (run.engine.catalog.policies.list().length > 0 || budgetOf(run.settings) !== undefined) return { bound };
  const found = OpenPlan.of(open, made.planned, (each) => forExecution(each, context));
  return found === undefined ? { bound } : { bound, open: found };
}

/** One statement of one silo whose connector takes parameters beside the text. An agent is sent plans, not text. */
function isOneStatement({ physical }: Planned, { silos }: OptimizerContext): boolean {
  const [fragment, second] = physical.fragments;
  if (fragment === undefined || second !== undefined || fragment.site === MEDIATOR) return false;
  const facts = silos.get(fragment.site);
  return facts?.capabilities.dialect?.parameters === true && facts.remote !== true && fragment.request.kind === 'sql';
}
