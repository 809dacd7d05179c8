/** Binds a query in a session: names from the catalog, model functions to memory tables, system tables to their rows. */
import type { BatchResult } from '../../connectors/connector.ts';
import type { BackendChoice } from '../../operators/lstm/choose-backend.ts';
import { CausewayError, type Position, SQLSTATE } from '../plan/errors.ts';
import type { RelationalNode } from '../plan/nodes.ts';
import { type BoundSelect, bindSelect } from '../sql/select/bind.ts';
import { atTime } from './clock.ts';
import type { FragmentReport } from './execution/report.ts';
import { longWay } from './long-way.ts';
import { ModelFunctions } from './model-functions.ts';
import { withParameters } from './parameters.ts';
import { Restrictions } from './planning/restrictions.ts';
import { batchResult } from './rows.ts';
import { type RunContext, runPlan } from './run-plan.ts';
import { engineScope, parseSearchPath } from './scope.ts';
import type { StatementContext } from './session.ts';
import { SYSTEM_TABLES } from './system-tables.ts';
import { inTimeZone } from './time-zone.ts';
import { scoringLines } from './training/explain-scoring.ts';
import type { StreamRows } from './training/open-trainers.ts';

export interface BoundQuery extends BoundSelect {
  /** As it was bound, before its parameters got their values. */
  readonly statement: BoundSelect;
  /** Everything that running the plan needs. */
  readonly run: RunContext;
  /** What is asked of models, and where, a line each: for EXPLAIN. */
  readonly scoring: () => Promise<readonly string[]>;
}

/** @param at where the query begins in the script */
export async function bindQuery(
  text: string,
  at: Position | undefined,
  context: StatementContext,
): Promise<BoundQuery> {
  const { engine, settings, signal, access, privilege = 'select' } = context;
  const functions = new ModelFunctions(engine, access);
  const searchPath = parseSearchPath(settings.get('search_path'));
  const scope = engineScope(engine, signal, (call) => functions.bind(call), longWay(engine, signal), {
    searchPath,
    require: (schema, name) => access.requireTable(privilege, schema, name),
    restrictions: new Restrictions(engine.catalog.policies.restrictions(), access.restrictedAs),
  });
  const written = await bindSelect(text, scope, at === undefined ? {} : { at });
  // A model's features must not depend on who trains or asks it from where.
  const zone = privilege === 'train' || context.feature === true ? undefined : settings.get('timezone');
  const bound = { ...written, plan: inTimeZone(written.plan, zone) };
  const feature = async (query: string) => (await bindQuery(query, undefined, { ...context, feature: true })).plan;
  const scoring = async (): Promise<readonly string[]> => {
    if (functions.asked.length === 0) return [];
    const policies = await engine.planner.policies(signal, access.roles);
    const lines = functions.asked.map((asked) => scoringLines(engine, asked, feature, policies));
    return (await Promise.all(lines)).flat();
  };
  const memory = async (name: string): Promise<BatchResult> => {
    const computed = functions.compute(name, {
      signal,
      stream: leavingRows(context),
      home: streamRows(context),
      policies: (stop) => engine.planner.policies(stop, access.roles),
      statement: context.text,
      backend: settings.own('causeway.training_backend') as BackendChoice,
      compute: (plan) => computeAlone(plan, context),
      bind: feature,
    });
    if (computed !== undefined) return computed;
    const system = SYSTEM_TABLES[name.replace(/^causeway\./, '')];
    if (system === undefined) throw new CausewayError(SQLSTATE.internalError, `there is no memory table "${name}"`);
    return batchResult(system.columns, await system.rows(engine, settings, signal, access));
  };
  return {
    ...bound,
    statement: bound,
    plan: forExecution(bound.plan, context),
    run: { ...runContext(context), memory },
    scoring,
  };
}

/** The plan with its parameters' values and the statement's time. */
export function forExecution(plan: RelationalNode, { parameters, clock, settings }: StatementContext): RelationalNode {
  const given = parameters.length === 0 ? plan : withParameters(plan, parameters);
  return atTime(given, { ...clock, zone: settings.get('timezone') });
}

/** Everything that running a plan without memory tables needs. */
export function runContext({ engine, settings, signal, text, onNotice, access }: StatementContext): RunContext {
  return { engine, settings, signal, memory: noMemory, text, onNotice, roles: access.roles };
}

/** A silo's rows for training and sums of errors: they stay on the silo's side, so no egress of rows is recorded. */
export function streamRows({ engine, settings }: StatementContext): StreamRows {
  return async function* (_silo, plan, signal) {
    yield* (await runPlan(plan, { engine, settings, signal, memory: noMemory })).batches;
  };
}

/**
 * A silo's rows for the mediator: for scoring they leave it with their predictions, as the rows of a SELECT do.
 * @param onSent is told the bytes of each silo's answer
 */
export function leavingRows(
  { engine, settings, text, onNotice, access }: StatementContext,
  onSent: (silo: string, bytes: number) => void = () => {},
): StreamRows {
  return async function* (_silo, plan, signal) {
    const onFragment = ({ bytes, site }: FragmentReport): void => onSent(site, bytes);
    const { roles } = access;
    yield* (await runPlan(plan, { engine, settings, signal, memory: noMemory, text, onNotice, roles, onFragment }))
      .batches;
  };
}

/** Runs a plan that reads no silo. */
async function* computeAlone(plan: RelationalNode, { engine, settings, signal }: StatementContext) {
  yield* (await runPlan(plan, { engine, settings, signal, memory: noMemory })).batches;
}

function noMemory(name: string): never {
  throw new CausewayError(SQLSTATE.featureNotSupported, `a model cannot be trained on the memory table "${name}"`);
}
