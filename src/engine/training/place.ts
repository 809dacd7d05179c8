/** Where each silo's share of a TRAIN will be done: the facts of every silo, put before the optimizer's search. */
import { availableParallelism } from 'node:os';
import { compressedBytes } from '../../../operators/aggregate/compression/codec.ts';
import { resolveOptions } from '../../../operators/aggregate/options.ts';
import { strategyNamed } from '../../../operators/aggregate/strategies.ts';
import type { TrainingRate } from '../../../operators/lstm/calibrate.ts';
import type { BackendChoice } from '../../../operators/lstm/choose-backend.ts';
import { flopsPerWindow, weightCount } from '../../../operators/lstm/model.ts';
import { subtreeWork } from '../../../optimizer/cost/node-work.ts';
import type { Objective } from '../../../optimizer/cost/objective.ts';
import type { EngineTraining, SiloTraining, TrainingShape } from '../../../optimizer/cost/training.ts';
import { addWork, secondsFor, work } from '../../../optimizer/cost/work.ts';
import { siloPlans } from '../../../optimizer/fragments/silo-plans.ts';
import { MEDIATOR } from '../../../optimizer/physical.ts';
import { type PlacedTraining, placedTraining } from '../../../optimizer/placement/placed-training.ts';
import { requireTrainingAllowed, type TrainingLegality, trainingLegality } from '../../../optimizer/policy/training.ts';
import { estimator } from '../../../optimizer/statistics/cardinality.ts';
import { rowWidth } from '../../../optimizer/statistics/estimate.ts';
import { trainingWindows } from '../../../optimizer/statistics/windows.ts';
import { CausewayError, SQLSTATE } from '../../plan/errors.ts';
import type { RelationalNode } from '../../plan/nodes.ts';
import { type Train, tellsNames } from '../../plan/training.ts';
import { planRows } from '../run-plan.ts';
import type { StatementContext } from '../session.ts';
import { compileInside, refusedInside, stepOf } from './engine-step.ts';
import { measureLocalRate } from './local-rate.ts';
import { type ChosenSite, isBehindAgent } from './open-placed.ts';
import { siloQuery } from './open-trainers.ts';
import { requireCompatible } from './privacy.ts';

export interface TrainingPlan {
  readonly placed: PlacedTraining;
  readonly strategy: string;
  /** This process's speed, measured on the model. */
  readonly here: TrainingRate;
  /** What each silo would be asked, by silo. */
  readonly statements: ReadonlyMap<string, readonly string[]>;
  readonly planning: readonly { readonly name: string; readonly milliseconds: number }[];
}

/** The name of the strategy, once it and its options are known to be there. What `auto` will take is a mean, too. */
function pricedStrategy({ open, options, rounds, strategy }: Train['federation']): string {
  if (strategy === 'auto') return `auto (${open?.trialRounds ?? 0} to try, then ≤ ${rounds})`;
  const named = strategyNamed(strategy);
  resolveOptions(named, options);
  return named.name;
}

export type Legalities = ReadonlyMap<string, TrainingLegality>;

/**
 * What each silo may do.
 * @throws CausewayError 0A000 for parts of FEDERATE and PRIVACY that exclude each other, CW001 for a silo that may do its share nowhere
 */
export async function trainingLegalities(
  plan: Train,
  { engine, signal, access }: StatementContext,
): Promise<Legalities> {
  requireCompatible(plan, siloPlans(plan.source).size);
  const book = await engine.planner.policies(signal, access.roles);
  const names = tellsNames(plan.features);
  const legalities = new Map(
    [...siloPlans(plan.source)].map(([silo, part]) => [silo, trainingLegality(silo, part, plan.privacy, book, names)]),
  );
  for (const legality of legalities.values()) requireTrainingAllowed(legality);
  return legalities;
}

/** Prices every silo's share at each of its sites, and chooses. Nothing runs but a tenth of a second of the model here. */
export async function placeTrain(
  plan: Train,
  legalities: Legalities,
  context: StatementContext,
): Promise<TrainingPlan> {
  const { settings } = context;
  const began = performance.now();
  const strategy = pricedStrategy(plan.federation);
  const { compression } = plan.federation;
  const shape: TrainingShape = {
    weights: weightCount(plan.spec),
    flopsPerWindow: flopsPerWindow(plan.spec, plan.sequence),
    // Its whole budget.
    rounds: plan.federation.rounds + (plan.federation.open?.trialRounds ?? 0),
    epochs: plan.local.epochs,
    compression: 'none',
    ...(compression && { updateBytes: compressedBytes(compression, weightCount(plan.spec)) }),
  };
  const here = await measureLocalRate(plan, settings.own('causeway.training_backend') as BackendChoice);
  const measured = performance.now();
  const known = await Promise.all(
    [...siloPlans(plan.source)].map(([silo, source]) => siloFacts(plan, silo, source, here, context)),
  );
  const estimated = performance.now();
  const placed = placedTraining(
    known.map(({ training }) => ({ training, legality: legalities.get(training.silo) ?? {} })),
    shape,
    { cores: availableParallelism(), objective: settings.own('causeway.optimize_for') as Objective },
  );
  return {
    placed,
    strategy,
    here,
    statements: new Map(known.map(({ training, statements }) => [training.silo, statements])),
    planning: [
      { name: 'speed of this machine', milliseconds: measured - began },
      { name: 'statistics', milliseconds: estimated - measured },
      { name: 'placement', milliseconds: performance.now() - estimated },
    ],
  };
}

async function siloFacts(
  plan: Train,
  silo: string,
  source: RelationalNode,
  { flopsPerSecond }: TrainingRate,
  context: StatementContext,
): Promise<{ readonly training: SiloTraining; readonly statements: readonly string[] }> {
  const { engine, settings, signal } = context;
  const memory = () =>
    Promise.reject(new CausewayError(SQLSTATE.featureNotSupported, 'a model is trained on tables of silos'));
  const { planned } = await planRows(source, { engine, settings, signal, memory });
  const estimate = estimator(planned.input.estimation);
  const relation = estimate(source);
  const profile = engine.planner.model.profile(silo);
  const behindAgent = await isBehindAgent(engine, silo);
  const inside = await engineTraining(plan, silo, source, context);
  return {
    training: {
      silo,
      home: behindAgent ? 'agent' : 'worker',
      windows: trainingWindows(plan, relation),
      rows: relation.rows,
      rowBytes: rowWidth(relation),
      // An agent that nobody has seen train is taken for a machine like this one.
      homeFlops: profile.flops ?? flopsPerSecond,
      hereFlops: flopsPerSecond,
      secondsPerByte: profile.seconds.bytes,
      roundTrip: profile.seconds.startup,
      readSeconds: secondsFor(
        addWork(subtreeWork(source, estimate), work({ produced: relation.rows })),
        profile.seconds,
      ),
      moneyPerByte: profile.moneyPerByte,
      homeMoneyPerSecond: profile.moneyPerSecond,
      hereMoneyPerSecond: engine.planner.model.profile(MEDIATOR).moneyPerSecond,
      ...(inside === undefined ? {} : { engine: inside }),
    },
    statements: planned.physical.fragments
      .filter(({ site }) => site !== MEDIATOR)
      .map(({ request }) => (request.kind === 'sql' ? request.text : `scan ${request.table.table}`)),
  };
}

/** What is known of training inside the silo's engine; undefined where no code for it is installed. */
async function engineTraining(
  plan: Train,
  silo: string,
  source: RelationalNode,
  context: StatementContext,
): Promise<EngineTraining | undefined> {
  const step = await stepOf(context.engine, silo);
  if (step === undefined) return undefined;
  const statement = await compileInside(context)(silo, siloQuery(silo, source, plan).query);
  const refused = refusedInside(step, plan, statement);
  return {
    startup: step.price.startup,
    flops: context.engine.planner.model.profile(silo).flops ?? step.price.flops,
    ...(refused === undefined ? {} : { refused }),
  };
}

/** Where each silo trains: as it was placed, else at home unless its policies let only rows leave. */
export const chosenSitesOf = (legalities: Legalities, placed?: PlacedTraining): ReadonlyMap<string, ChosenSite> =>
  new Map(
    [...legalities].map(([silo, { home, minRows = 1 }]) => {
      const share = placed?.shares.find(({ training }) => training.silo === silo);
      const site = share?.chosen.site ?? (home === undefined ? 'worker' : 'mediator');
      return [silo, { site, homeAllowed: home === undefined, minRows }];
    }),
  );
