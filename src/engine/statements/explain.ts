/** EXPLAIN [ANALYZE] [(FORMAT text | json | dot)] of a SELECT or a TRAIN. */
import { treeLevels } from '../../../operators/aggregate/tree.ts';
import type { BackendChoice } from '../../../operators/lstm/choose-backend.ts';
import type { Objective } from '../../../optimizer/cost/objective.ts';
import { explainDot } from '../../../optimizer/explain/dot.ts';
import { type Explained, explained, type ReplanActual } from '../../../optimizer/explain/explained.ts';
import { explainText } from '../../../optimizer/explain/text.ts';
import { trainText } from '../../../optimizer/explain/train.ts';
import { trainDot } from '../../../optimizer/explain/train-dot.ts';
import {
  type EgressManifest,
  type ExplainedTraining,
  explainedTraining,
  type Network,
  type SiloActual,
} from '../../../optimizer/explain/training.ts';
import { siloPlans } from '../../../optimizer/fragments/silo-plans.ts';
import { MEDIATOR } from '../../../optimizer/physical.ts';
import type { PlannedStatement } from '../../../optimizer/plan-statement.ts';
import type { RelationalNode, Scan } from '../../plan/nodes.ts';
import type { Train } from '../../plan/training.ts';
import { nodesOf } from '../../plan/traverse.ts';
import type { Explain, QueryText, TrainModel } from '../../sql/statements/statement.ts';
import { type BoundQuery, bindQuery, streamRows } from '../bind.ts';
import { dryRuns, requireBudget } from '../budget.ts';
import type { FragmentReport } from '../execution/report.ts';
import { requestTo } from '../execution/run-fragment.ts';
import type { Planned } from '../planning/planner.ts';
import type { StatementResult } from '../result.ts';
import { columnsOf, rowsResult } from '../rows.ts';
import { planRows, runPlanned } from '../run-plan.ts';
import type { StatementContext } from '../session.ts';
import { manifestOf } from '../training/manifest.ts';
import { trainerSpec } from '../training/open-trainers.ts';
import { chosenSitesOf, placeTrain, trainingLegalities } from '../training/place.ts';
import { speculate } from '../training/speculate.ts';
import { settledTrain, startTrain } from './train.ts';

export async function explain(
  { statement, analyze, format }: Explain,
  context: StatementContext,
): Promise<StatementResult> {
  const lines =
    statement.kind === 'query'
      ? linesOf(await explainSelect(statement.query, analyze, context), format, explainText, explainDot)
      : linesOf(await explainTrain(statement, analyze, context), format, trainText, trainDot);
  return rowsResult(
    'EXPLAIN',
    columnsOf({ 'QUERY PLAN': 'text' }),
    lines.map((line) => [line]),
  );
}

function linesOf<T>(
  plan: T,
  format: Explain['format'],
  asText: (plan: T) => readonly string[],
  asDot: (plan: T) => readonly string[],
): readonly string[] {
  if (format === 'json') return JSON.stringify(plan, undefined, 2).split('\n');
  return format === 'dot' ? asDot(plan) : asText(plan);
}

async function explainSelect(query: QueryText, analyze: boolean, context: StatementContext): Promise<Explained> {
  const { settings } = context;
  const { plan, run, scoring }: BoundQuery = await bindQuery(query.text, context.locate(query.offset), context);
  const { planned: first, facts } = await planRows(plan, run, true);
  const planned = {
    ...first,
    notices: [...first.notices, ...(await scoring()), ...(await unmeasured(first, plan, context))],
  };
  const objective = settings.own('causeway.optimize_for') as Objective;
  const prices = await dryRuns(planned.physical, run);
  if (!analyze) {
    const transfers = await transfersOf(planned, context);
    return explained(planned, objective, planned.statisticsMs, { prices, transfers });
  }
  await requireBudget(planned, run);
  const reports: FragmentReport[] = [];
  const replans: ReplanActual[] = [];
  const started = performance.now();
  let final: PlannedStatement = planned;
  const { batches } = runPlanned(planned, facts, {
    ...run,
    // EXPLAIN tells them itself.
    onNotice: () => {},
    onReplan(replanned) {
      final = replanned;
      replans.push({ reason: replanned.reason, milliseconds: performance.now() - started });
    },
    onFragment: (report) => reports.push(report),
  });
  for await (const _ of batches);
  const actuals = { reports, replans, milliseconds: performance.now() - started };
  // Of the statements that were planned first.
  const known = final === planned ? { prices } : {};
  return explained(final, objective, planned.statisticsMs, {
    ...known,
    transfers: await transfersOf(final, context),
    actuals,
  });
}

/** Tables of whose columns nothing is known but could be: what estimates of them are guesses. */
async function unmeasured({ input }: Planned, plan: RelationalNode, { engine }: StatementContext): Promise<string[]> {
  const tables = new Map<string, Scan>();
  for (const each of nodesOf(plan)) if (each.kind === 'scan') tables.set(`${each.silo}.${each.table}`, each);
  const found = await Promise.all(
    [...tables].map(async ([name, scan]) => {
      const known = input.estimation.statistics(scan);
      const silent = known !== undefined && Object.keys(known.columns).length === 0;
      if (!silent || (await engine.silos.open(scan.silo)).silo.measure === undefined) return [];
      return [
        `${name}: the silo tells nothing of its columns, defaults are used; ANALYZE ${name} reads the table for them`,
      ];
    }),
  );
  return found.flat();
}

/** How rows come from silos that have a choice, by fragment. */
async function transfersOf(
  { physical }: PlannedStatement,
  { engine }: StatementContext,
): Promise<ReadonlyMap<number, string>> {
  const transfers = new Map<number, string>();
  for (const { columns, id, plan, request, rows, site } of physical.fragments) {
    if (site === MEDIATOR) continue;
    const { silo } = await engine.silos.open(site);
    const asked = requestTo(request, plan, columns, rows);
    const transfer = asked.kind === 'sql' ? silo.transfer?.(asked) : undefined;
    if (transfer !== undefined) transfers.set(id, transfer);
  }
  return transfers;
}

/** What silos behind agents may send for this training, as their agents will compute it. */
function manifestsOf(plan: Train): ReadonlyMap<string, EgressManifest> {
  const { federation, privacy } = plan;
  const run = { rounds: federation.rounds, ...(privacy === undefined ? {} : { privacy }) };
  return new Map([...siloPlans(plan.source).keys()].map((silo) => [silo, manifestOf(trainerSpec(silo, plan), run)]));
}

/** ANALYZE trains, and stores the model, as the statement alone would. */
async function explainTrain(
  given: TrainModel,
  analyze: boolean,
  context: StatementContext,
): Promise<ExplainedTraining> {
  const { plan, statement } = await settledTrain(given, context);
  const legalities = await trainingLegalities(plan, context);
  const training = await placeTrain(plan, legalities, context);
  const { here, placed, statements, strategy } = training;
  const network: Network = placed.shape;
  const { fanIn } = plan.federation;
  const looked = performance.now();
  const { settings, signal } = context;
  const speculation = await speculate(plan, training, {
    budget:
      settings.own('causeway.speculation') === 'off' ? 0 : Number.parseInt(settings.own('causeway.speculation'), 10),
    stream: streamRows(context),
    backend: settings.own('causeway.training_backend') as BackendChoice,
    signal,
  });
  const planning = [...training.planning, { name: 'sample', milliseconds: performance.now() - looked }];
  const facts = {
    ...{ network, strategy, here, statements, planning, manifests: manifestsOf(plan) },
    ...(speculation === undefined ? {} : { speculation }),
    ...(fanIn === undefined ? {} : { tree: { fanIn, levels: treeLevels(placed.shares.length, fanIn) } }),
  };
  if (!analyze) return explainedTraining(plan, placed, facts);
  const began = performance.now();
  let silos: readonly SiloActual[] = [];
  const stored = await startTrain(statement, plan, { sites: chosenSitesOf(legalities, placed), placed }, context, {
    onTrained(actuals) {
      silos = actuals;
    },
  }).result;
  const seconds = (performance.now() - began) / 1000;
  return explainedTraining(plan, placed, {
    ...facts,
    actuals: { silos, seconds, rounds: stored.metrics.rounds.length },
  });
}
