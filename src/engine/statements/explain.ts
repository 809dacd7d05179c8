/** EXPLAIN [ANALYZE] [(FORMAT text | json | dot)] of a SELECT; EXPLAIN TRAIN: what every silo would do and send. */
import { resolveOptions } from '../../../operators/aggregate/options.ts';
import { strategyNamed } from '../../../operators/aggregate/strategies.ts';
import type { TrainingRate } from '../../../operators/lstm/calibrate.ts';
import type { BackendChoice } from '../../../operators/lstm/choose-backend.ts';
import { flopsPerWindow, weightCount } from '../../../operators/lstm/model.ts';
import { subtreeWork } from '../../../optimizer/cost/node-work.ts';
import type { Objective } from '../../../optimizer/cost/objective.ts';
import { explainDot } from '../../../optimizer/explain/dot.ts';
import { type Explained, explained } from '../../../optimizer/explain/explained.ts';
import { explainText, WIDTH } from '../../../optimizer/explain/text.ts';
import { priceTraining, type SiloShare, trainText } from '../../../optimizer/explain/train.ts';
import { wrapped } from '../../../optimizer/explain/wrap.ts';
import { siloPlans } from '../../../optimizer/fragments/silo-plans.ts';
import { MEDIATOR } from '../../../optimizer/physical.ts';
import { leaksOf } from '../../../optimizer/policy/check.ts';
import { requireTrainingAllowed } from '../../../optimizer/policy/training.ts';
import { estimator } from '../../../optimizer/statistics/cardinality.ts';
import { CausewayError, SQLSTATE } from '../../plan/errors.ts';
import type { RelationalNode } from '../../plan/nodes.ts';
import type { Explain, QueryText, TrainModel } from '../../sql/statements/statement.ts';
import { type BoundQuery, bindQuery } from '../bind.ts';
import type { FragmentReport } from '../execution/report.ts';
import type { StatementResult } from '../result.ts';
import { columnsOf, rowsResult } from '../rows.ts';
import { planRows, runPhysical } from '../run-plan.ts';
import type { StatementContext } from '../session.ts';
import { measureLocalRate } from '../training/local-rate.ts';
import { trainsInside } from '../training/silo-trainer.ts';
import { bindTrainModel } from './train.ts';

export async function explain(
  { statement, analyze, format }: Explain,
  context: StatementContext,
): Promise<StatementResult> {
  const lines =
    statement.kind === 'query'
      ? linesOf(await explainSelect(statement.query, analyze, context), format)
      : await explainTrain(statement, analyze, format, context);
  return rowsResult(
    'EXPLAIN',
    columnsOf({ 'QUERY PLAN': 'text' }),
    lines.map((line) => [line]),
  );
}

function linesOf(plan: Explained, format: Explain['format']): readonly string[] {
  if (format === 'json') return JSON.stringify(plan, undefined, 2).split('\n');
  return format === 'dot' ? explainDot(plan) : explainText(plan);
}

async function explainSelect(query: QueryText, analyze: boolean, context: StatementContext): Promise<Explained> {
  const { settings } = context;
  const { plan, run }: BoundQuery = await bindQuery(query.text, context.locate(query.offset), context);
  const { planned, facts } = await planRows(plan, run, true);
  const objective = settings.own('causeway.optimize_for') as Objective;
  if (!analyze) return explained(planned, objective, planned.statisticsMs);
  const reports: FragmentReport[] = [];
  const started = performance.now();
  const { batches } = runPhysical(planned.physical, facts, {
    ...run,
    onFragment(report) {
      context.engine.planner.observe(planned, report);
      reports.push(report);
    },
  });
  for await (const _ of batches);
  return explained(planned, objective, planned.statisticsMs, { reports, milliseconds: performance.now() - started });
}

async function explainTrain(
  statement: TrainModel,
  analyze: boolean,
  format: Explain['format'],
  context: StatementContext,
): Promise<readonly string[]> {
  if (analyze || format !== 'text') {
    throw new CausewayError(SQLSTATE.featureNotSupported, 'EXPLAIN of TRAIN is a text of estimates', {
      hint: 'Say EXPLAIN TRAIN …; the rounds of a run stand in causeway.rounds.',
    });
  }
  const { engine, signal } = context;
  const { planner } = engine;
  const plan = await bindTrainModel(statement, context);
  const strategy = strategyNamed(plan.federation.strategy);
  resolveOptions(strategy, plan.federation.options);
  const policies = await planner.policies(signal, context.access.roles);
  const parts = siloPlans(plan.source);
  requireTrainingAllowed(parts, plan.privacy, policies);
  const network = { weights: weightCount(plan.spec), flopsPerWindow: flopsPerWindow(plan.spec, plan.sequence) };
  const local = await measureLocalRate(plan, context.settings.own('causeway.training_backend') as BackendChoice);
  const mediator = { ...planner.model.profile(MEDIATOR), flops: local.flopsPerSecond };
  const shares = await Promise.all(
    [...parts].map(async ([silo, source]) => {
      const share = await siloShare(silo, source, local, context);
      const leaks = leaksOf(source, MEDIATOR, policies);
      const refused = leaks.length === 0 ? {} : { rowsRefused: `policies of ${silo} keep its rows in` };
      const whole: SiloShare = { ...share, ...refused };
      return { share: whole, plan: priceTraining(plan, network, whole, mediator) };
    }),
  );
  return trainText(plan, network, strategy.name, local, shares);
}

async function siloShare(
  silo: string,
  source: RelationalNode,
  local: TrainingRate,
  context: StatementContext,
): Promise<SiloShare> {
  const { engine, settings, signal } = context;
  const memory = () =>
    Promise.reject(new CausewayError(SQLSTATE.featureNotSupported, 'a model is trained on tables of silos'));
  const { planned } = await planRows(source, { engine, settings, signal, memory });
  const estimate = estimator(planned.estimation);
  const profile = engine.planner.model.profile(silo);
  const behindAgent = trainsInside((await engine.silos.open(silo)).silo);
  return {
    silo,
    estimate: estimate(source),
    query: subtreeWork(source, estimate),
    profile: behindAgent ? profile : { ...profile, flops: local.flopsPerSecond },
    behindAgent,
    statement: planned.physical.fragments.flatMap(({ request }) =>
      wrapped(request.kind === 'sql' ? request.text : `scan ${request.table.table}`, WIDTH - 4),
    ),
  };
}
