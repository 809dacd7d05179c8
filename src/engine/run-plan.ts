/** A bound plan → rows: optimized, executed, and what left each silo written down. */
import type { RecordBatch } from 'apache-arrow';
import type { BatchResult, ResultColumn } from '../../connectors/connector.ts';
import type { OptimizerContext, SiloFacts } from '../../optimizer/context.ts';
import type { Objective } from '../../optimizer/cost/objective.ts';
import { MEDIATOR, type PhysicalPlan } from '../../optimizer/physical.ts';
import type { Replanned } from '../../optimizer/replan.ts';
import type { EgressEntry } from '../catalog/egress.ts';
import type { RelationalNode } from '../plan/nodes.ts';
import { nodesOf } from '../plan/traverse.ts';
import { requireBudget } from './budget.ts';
import type { Engine } from './engine.ts';
import { execute } from './execution/execute.ts';
import type { Revision } from './execution/gather.ts';
import type { ExecutionMediator } from './execution/mediator.ts';
import type { FragmentReport } from './execution/report.ts';
import { revisionOf } from './execution/revision.ts';
import type { Planned } from './planning/planner.ts';
import { type Place, readTogether } from './planning/same-place.ts';
import type { Notice } from './result.ts';
import type { Settings } from './settings.ts';
import { partsOfSpan } from './telemetry.ts';

export interface RunContext {
  readonly engine: Engine;
  readonly settings: Settings;
  readonly signal: AbortSignal;
  /** The rows of a memory table: system tables, model functions. */
  readonly memory: (name: string) => Promise<BatchResult>;
  /** The statement, for the egress record. Without it nothing is recorded: the rows stay on the silo's side. */
  readonly text?: string;
  readonly onFragment?: (report: FragmentReport) => void;
  /** Called when what was left of the statement was planned anew. */
  readonly onReplan?: (planned: Replanned) => void;
  readonly onNotice?: (notice: Notice) => void;
  /** Of the session's user: policies may be for some roles only. */
  readonly roles?: ReadonlySet<string>;
  /** Given where the plan is one silo's statement that has `$1` … in it, or comes again without any. */
  readonly parameters?: readonly (string | null)[];
}

export interface Rows {
  readonly columns: readonly ResultColumn[];
  readonly batches: AsyncIterable<RecordBatch>;
}

/** Opens the silos a plan reads, and says what each can do. */
export async function optimizerContext(
  engine: Engine,
  settings: Settings,
  plan: RelationalNode,
): Promise<OptimizerContext> {
  const names = new Set<string>();
  for (const each of nodesOf(plan)) if (each.kind === 'scan' || each.kind === 'native-query') names.add(each.silo);
  const silos = await Promise.all(
    [...names].map(async (name): Promise<readonly [string, SiloFacts]> => {
      const { connector, silo } = await engine.silos.open(name);
      const { capabilities } = connector;
      return [
        name,
        silo.behind === undefined
          ? { capabilities, context: silo.context }
          : { capabilities: { ...capabilities, inPlace: false }, context: silo.context, remote: true },
      ];
    }),
  );
  return { silos: new Map(silos), pushdown: settings.own('causeway.pushdown') === 'off' ? 'off' : 'on' };
}

/** The plan that a statement will run by. */
export async function planRows(
  plan: RelationalNode,
  context: RunContext,
  explain = false,
): Promise<{ readonly planned: Planned; readonly facts: OptimizerContext }> {
  const { engine, settings, signal, text, roles } = context;
  const facts = await optimizerContext(engine, settings, plan);
  const planned = await engine.planner.plan({
    plan: await fromOnePlace(engine, facts, plan),
    context: facts,
    objective: settings.own('causeway.optimize_for') as Objective,
    signal,
    leaves: text !== undefined,
    ...(roles === undefined ? {} : { roles }),
    explain,
  });
  return { planned, facts };
}

/** Policies speak of silos by name: where there are any, each is asked by its own. */
async function fromOnePlace(
  engine: Engine,
  { silos }: OptimizerContext,
  plan: RelationalNode,
): Promise<RelationalNode> {
  if (silos.size < 2 || engine.catalog.policies.list().length > 0) return plan;
  const places = new Map<string, Place>();
  for (const [name, { context, remote }] of silos) {
    const { schema } = (await engine.silos.open(name)).silo;
    if (schema !== undefined && remote !== true) places.set(name, { context, schema });
  }
  return readTogether(plan, places);
}

export async function runPlan(plan: RelationalNode, context: RunContext): Promise<Rows> {
  const { planned, facts } = await planRows(plan, context);
  await requireBudget(planned, context);
  return runPlanned(planned, facts, context);
}

/** Runs a planned statement and learns from it. @param onSurprise called when it should be planned anew the next time */
export function runPlanned(
  planned: Planned,
  facts: OptimizerContext,
  context: RunContext,
  onSurprise?: () => void,
): Rows {
  for (const message of planned.notices) context.onNotice?.({ severity: 'NOTICE', message });
  let current: Planned = planned;
  const onReplan = (revised: Replanned): void => {
    current = { ...current, ...revised };
    context.onReplan?.(revised);
  };
  const observed: RunContext = {
    ...context,
    onFragment(report) {
      if (context.engine.planner.observe(current, report)) onSurprise?.();
      context.onFragment?.(report);
    },
  };
  return runPhysical(
    planned.physical,
    facts,
    observed,
    mayReplan(planned, context) ? revisionOf(planned, planned.input, onReplan) : undefined,
  );
}

/** What a statement may cost is said of the plan that it was asked for. One silo's statement streams straight through. */
const mayReplan = ({ physical }: Planned, { settings }: RunContext): boolean =>
  physical.fragments.length > 1 &&
  settings.own('causeway.replan') === 'on' &&
  settings.own('causeway.max_money') === 'off';

/** Runs a plan that is optimized already. */
export function runPhysical(
  physical: PhysicalPlan,
  facts: OptimizerContext,
  context: RunContext,
  revision?: Revision,
): Rows {
  const { engine, signal, text, onFragment, parameters } = context;
  const egress: EgressEntry[] = [];
  const part = partsOfSpan();
  const { columns, batches } = execute(
    physical,
    {
      silo: async (name) => (await engine.silos.open(name)).silo,
      mediator: withMemoryTables(engine, memoryTables(physical), context),
      admission: engine.admission,
      optimizer: facts,
      ...(parameters === undefined ? {} : { parameters }),
      ...(revision === undefined ? {} : { revision }),
      onNotice: (message) => context.onNotice?.({ severity: 'NOTICE', message }),
      onFragment(report) {
        if (text !== undefined && report.site !== MEDIATOR) {
          egress.push({ silo: report.site, statement: text, kind: 'rows', bytes: report.bytes });
        }
        const { keysOf } = report;
        if (text !== undefined && keysOf !== undefined && keysOf.site !== MEDIATOR) {
          egress.push({ silo: keysOf.site, statement: text, kind: 'keys', bytes: keysOf.bytes });
        }
        const { site, rows, bytes, milliseconds } = report;
        part(`fragment at ${site}`, milliseconds, {
          'causeway.site': site,
          'causeway.bytes': bytes,
          'db.response.returned_rows': rows,
        });
        engine.events.emit('fragment', report);
        onFragment?.(report);
      },
    },
    signal,
  );
  const recorded = async function* (): AsyncGenerator<RecordBatch> {
    try {
      yield* batches;
    } finally {
      if (egress.length > 0) engine.catalog.egress.record(egress);
    }
  };
  return { columns, batches: recorded() };
}

/** A mediator whose sessions hold the plan's memory tables from the start. */
function withMemoryTables(engine: Engine, names: readonly string[], context: RunContext): ExecutionMediator {
  const { memory, signal, settings } = context;
  return {
    async session() {
      const session = await (await engine.mediator()).session(settings.own('causeway.memory_limit'));
      try {
        for (const name of names) await session.ingest(name, await memory(name), signal);
        return session;
      } catch (thrown) {
        await session[Symbol.asyncDispose]();
        throw thrown;
      }
    },
  };
}

/** Memory tables that are no exchange. */
function memoryTables({ fragments }: PhysicalPlan): string[] {
  const names = new Set<string>();
  for (const { plan } of fragments) {
    for (const each of nodesOf(plan))
      if (each.kind === 'memory-table' && !each.name.startsWith('exchange_')) names.add(each.name);
  }
  return [...names];
}
