/**
 * TRAIN, end to end: open every silo's side, merge their statistics, run the rounds, measure the result on each silo's
 * test part, and store a new model version. A failure or a cancel leaves the catalog as it was.
 */

import { type RoundReport, runRounds } from '../../../operators/aggregate/rounds/driver.ts';
import { leastShare } from '../../../operators/lstm/change-share.ts';
import type { BackendChoice } from '../../../operators/lstm/choose-backend.ts';
import { type Evaluation, mergeEvaluations } from '../../../operators/lstm/evaluation.ts';
import { flopsPerWindow, weightLayout } from '../../../operators/lstm/model.ts';
import { encodeSafetensors } from '../../../operators/lstm/safetensors.ts';
import { type FeatureStatistics, mergeStatistics } from '../../../operators/lstm/statistics.ts';
import type { Aim } from '../../../operators/lstm/training-session.ts';
import type { SiloActual } from '../../../optimizer/explain/training.ts';
import type { PlacedTraining } from '../../../optimizer/placement/placed-training.ts';
import { expectedRounds } from '../../../optimizer/placement/replan-training.ts';
import type { PolicyBook } from '../../../optimizer/policy/book.ts';
import { CausewayError, canceled, messageOf, SQLSTATE } from '../../plan/errors.ts';
import type { Train } from '../../plan/training.ts';
import type { Engine, StoredModel } from '../engine.ts';
import type { Notice } from '../result.ts';
import { partsOfSpan } from '../telemetry.ts';
import { candidateLags, type Decided, decide, follow } from './auto.ts';
import { chargePrivacy } from './charge-privacy.ts';
import type { CompileInside } from './engine-step.ts';
import { evaluatePresent } from './evaluate-present.ts';
import { inTurn } from './in-turn.ts';
import { EgressMeter } from './metered-trainer.ts';
import { type Beside, type ModelMetrics, type RoundMetrics, type SiloMetrics, targetMetrics } from './metrics.ts';
import { type ChosenSite, openHome, openPlaced, type RowStreams } from './open-placed.ts';
import type { Trainers } from './open-trainers.ts';
import { personalised, trainedAlone } from './own-models.ts';
import { personalHeads } from './personal-heads.ts';
import { PlacedTrainer } from './placed-trainer.ts';
import { privateRun } from './privacy.ts';
import { protectionOf } from './protection.ts';
import { participants, runPlan } from './rounds.ts';
import { STOPPED } from './running-jobs.ts';
import type { ModelSignature } from './signature.ts';
import type { SiloTrainer } from './silo-trainer.ts';
import { RoundWatch } from './watch-rounds.ts';

export interface TrainOptions {
  readonly signal: AbortSignal;
  readonly onNotice: (notice: Notice) => void;
  /** How a silo's own worker reads its rows, and how rows leave for the mediator. */
  readonly streams: (onSent: (silo: string, bytes: number) => void) => RowStreams;
  /** How a silo's rows are asked for where its engine trains. */
  readonly compile: CompileInside;
  readonly sites: ReadonlyMap<string, ChosenSite>;
  /** The plan that chose the sites, where there was a choice: rounds that take far longer change it. */
  readonly placed?: PlacedTraining;
  /** What every silo did, once all have. */
  readonly onTrained?: (silos: readonly SiloActual[]) => void;
  readonly backend: BackendChoice;
  /** The feature query's text, stored with the model. */
  readonly query: string;
  /** Those that hold for whoever trains: they give tables budgets of privacy. */
  readonly policies: (signal: AbortSignal) => Promise<PolicyBook>;
  /** Also trains each silo alone, to compare the model with. */
  readonly baseline: boolean;
  /** Among jobs that share a silo, higher goes first. */
  readonly priority: number;
  /** On whose behalf, and with which settings: a job that is interrupted goes on as it began. */
  readonly role?: string;
  readonly sessionSettings: Readonly<Record<string, string>>;
  /** The job to go on with; absent: a new one. */
  readonly resume?: number;
}

/** A job that has begun: its number, and what it will have made. */
export interface StartedTraining {
  readonly job: number;
  readonly result: Promise<StoredModel>;
}

/**
 * Begins a TRAIN, or goes on with one. `result` rejects with CW002 when training cannot go on, with 57014 when it was
 * cancelled.
 * @throws CausewayError 42710 when the model exists and OR REPLACE was not said, 55006 while it is being trained
 */
export function startTraining(engine: Engine, plan: Train, options: TrainOptions): StartedTraining {
  engine.training.requireIdle(plan.model);
  if (!plan.replace && engine.catalog.models.get(plan.model) !== undefined) {
    throw new CausewayError(SQLSTATE.duplicateObject, `there is a model "${plan.model}" already`, {
      hint: `Say TRAIN OR REPLACE MODEL ${plan.model} to make a new version of it.`,
    });
  }
  const { jobs } = engine.catalog;
  const { priority, role, sessionSettings: settings } = options;
  const begun = { model: plan.model, query: plan.text, priority, settings, ...(role === undefined ? {} : { role }) };
  const job = options.resume ?? jobs.start(begun);
  if (options.resume !== undefined) jobs.restart(job);
  const work = (signal: AbortSignal) => wholeJob(engine, plan, { ...options, signal }, job);
  return { job, result: engine.training.run(job, plan.model, options.signal, work) };
}

/** The job to its end, which is written down whatever it is. */
async function wholeJob(engine: Engine, plan: Train, options: TrainOptions, job: number): Promise<StoredModel> {
  const { jobs } = engine.catalog;
  const meter = new EgressMeter();
  try {
    const stored = await runJob(engine, { ...plan, lags: candidateLags(plan) }, options, job, meter);
    // Nobody resumes what a newer version has overtaken.
    for (const { id, model } of jobs.list()) if (model === plan.model && id <= job) engine.journal.forget(runName(id));
    engine.changed();
    return stored;
  } catch (thrown) {
    const cancelled = options.signal.aborted;
    // What the silos say when they are stopped is not what happened: the user stopped them.
    const error = cancelled ? canceled(thrown) : thrown;
    if (options.signal.reason === STOPPED) jobs.interrupt(job);
    else jobs.end(job, cancelled ? 'cancelled' : 'failed', messageOf(error));
    throw error;
  } finally {
    engine.siloTurns.forget(job);
    engine.catalog.egress.record(meter.entries(plan.text));
  }
}

async function runJob(
  engine: Engine,
  asked: Train & { readonly lags?: readonly number[] },
  options: TrainOptions,
  job: number,
  meter: EgressMeter,
): Promise<StoredModel> {
  const { signal, onNotice, placed, sites, streams, backend, compile } = options;
  const began = performance.now();
  const opening = {
    engine,
    streams: streams((silo, bytes) => meter.rowsSent(silo, bytes)),
    backend,
    compile,
    meter,
    onNotice,
    run: `${runName(job)} of ${engine.catalog.jobs.list().find(({ id }) => id === job)?.started_at}`,
  };
  // Secure rounds keep every update inside, so nobody moves.
  await using trainers: Trainers<SiloTrainer> =
    asked.privacy?.secure === true
      ? await openHome(asked, sites, opening, signal)
      : await openPlaced(asked, sites, opening, signal);
  const movable = trainers.all.filter((trainer) => trainer instanceof PlacedTrainer);
  const watch = placed === undefined ? undefined : new RoundWatch(placed, movable, onNotice);
  const statistics = standardise(trainers, onNotice);
  const { plan, run, aim } = await settle(engine, asked, trainers, statistics, job, options);
  const rounds = roundsDone(engine, job);
  const speeds = new Map<string, number>();
  const done = (report: RoundReport): void => {
    const { round, loss, validationLoss, seconds } = report;
    rounds.push({ round, loss, validationLoss, seconds });
    engine.catalog.jobs.round({ job, round, loss, validation_loss: validationLoss, seconds });
  };
  // What a trial has done already.
  for (const report of engine.journal.reports<RoundReport>(run)) if (report.round > rounds.length) done(report);
  const { parties, plan: privacy } = privateRun(plan, trainers, engine.cohorts);
  const policies = await options.policies(signal);
  await chargePrivacy(engine, runName(job), plan, trainers, policies);
  const driver = runRounds(
    {
      ...runPlan(run, plan, trainers),
      ...privacy,
      ...(placed === undefined ? {} : { expectedSeconds: expectedRounds(placed) }),
      held: () => engine.siloTurns.waitsFor(job).length > 0,
    },
    inTurn(
      participants(plan, trainers, (silo, rowsPerSecond) => speeds.set(silo, rowsPerSecond), parties),
      engine.siloTurns,
      { job, priority: options.priority },
    ),
    engine.journal,
    signal,
  );
  const part = partsOfSpan();
  const tell = ({ round, loss, seconds }: RoundReport): void => {
    engine.events.emit('round', { job, model: plan.model, round, loss, seconds });
    part(`round ${round}`, seconds * 1000, { 'causeway.job': job, 'causeway.round': round, 'causeway.loss': loss });
  };
  const weights = await follow(driver, async (report) => {
    done(report);
    tell(report);
    tellLeftOut(report, trainers);
    noticeRound(plan, report, speeds, onNotice);
    await watch?.afterRound(report.round, plan.federation.rounds - report.round, signal);
  }).catch(async (thrown: unknown) => {
    if (!signal.aborted)
      await Promise.all(trainers.all.map((each) => each.tell?.(`the training failed: ${textOf(thrown)}`)));
    throw thrown;
  });
  learnSpeeds(engine, plan, movable);
  const shares = await provenShares(trainers, weights, aim, signal);
  trainers.all.forEach((trainer, i) => {
    if (shares !== undefined) trainer.aimAt(withShare(aim, shares[i]!));
  });
  const minSilos = plan.federation.minSilos ?? trainers.all.length;
  const { evaluations, trainers: present } = await evaluatePresent(trainers, weights, minSilos, signal, onNotice);
  // What a model without noise knows of the test part would leave with its errors.
  const compared = options.baseline && plan.privacy?.epsilon === undefined;
  const alone = compared ? await trainedAlone(plan, present, aim, rounds.length, signal) : undefined;
  const own =
    plan.federation.personalize === undefined
      ? undefined
      : await personalised(plan, present, weights, aim, rounds.length, signal, onNotice);
  const protection = await protectionOf(engine, plan, present, policies, signal, onNotice);
  const { model } = trainers.all[0]!;
  const metrics: ModelMetrics = {
    parameters: weights.length,
    rounds,
    silos: present.silos.map((silo, i) => {
      return siloMetrics(silo, present.all[i]!, evaluations[i]!, { alone: alone?.[i], personal: own?.[i]?.evaluation });
    }),
    pooled: targetMetrics(mergeEvaluations(evaluations), {
      alone: alone && mergeEvaluations(alone),
      // A silo without a head of its own predicts with the federation's.
      personal: own && mergeEvaluations(own.map((each, i) => each?.evaluation ?? evaluations[i]!)),
    }),
    seconds: (performance.now() - began) / 1000,
    protection,
  };
  const stored = engine.catalog.models.add({
    job,
    model: plan.model,
    query: plan.text,
    signature: {
      ...signatureOf(plan, statistics, trainers, options.query, aim),
      ...learntOf(trainers, aim, shares),
      ...(own === undefined ? {} : personalHeads(opening.run, present.silos, own)),
    },
    metrics,
    weights: encodeSafetensors(weightLayout(model), weights, { model: plan.model }),
  });
  noticeDefeats(metrics, onNotice);
  options.onTrained?.(
    movable.map(({ silo, site, seconds, summary: { rows, windows } }) => {
      return { silo, site, seconds, rows, windows: windows.train, bytes: meter.bytes(silo) };
    }),
  );
  return stored;
}

/** How fast agents and engines train is seen where they do: the next plan counts with it. */
function learnSpeeds({ planner }: Engine, { local, sequence }: Train, trainers: readonly PlacedTrainer[]): void {
  for (const { lastRound, model, silo, site, summary } of trainers) {
    if ((site !== 'agent' && site !== 'engine') || lastRound === undefined || lastRound.compute <= 0) continue;
    const flops = summary.windows.train * flopsPerWindow(model, sequence) * local.epochs;
    planner.model.configure(silo, { flops: flops / lastRound.compute });
  }
}

/** Nothing is left open any more: `auto` has decided, where it was asked to. */
async function settle(
  { journal, siloTurns }: Engine,
  plan: Train & { readonly lags?: readonly number[] },
  trainers: Trainers<SiloTrainer>,
  statistics: FeatureStatistics,
  job: number,
  { onNotice, priority, signal }: TrainOptions,
): Promise<Decided> {
  const run = runName(job);
  if (plan.federation.strategy !== 'auto') return { plan, run, aim: undefined };
  const decided = await decide({
    ...{ job: run, plan, trainers, lags: plan.lags ?? [], statistics, journal, signal },
    inTurn: (parties) => inTurn(parties, siloTurns, { job, priority }),
    onRound(way, { loss, round, validationLoss }) {
      const validation = validationLoss === null ? '' : `, validation loss ${validationLoss.toFixed(6)}`;
      onNotice({
        severity: 'INFO',
        message: `TRAIN ${plan.model}: tries ${way}, round ${round}, loss ${loss.toFixed(6)}${validation}`,
      });
    },
  });
  for (const trainer of trainers.all) trainer.aimAt(decided.aim);
  if (decided.says !== undefined) {
    onNotice({ severity: 'NOTICE', message: `TRAIN ${plan.model}: auto ${decided.says}` });
  }
  return decided;
}

/** How much of a network of changes each silo's validation rows prove; undefined for a network of values. */
async function provenShares(
  trainers: Trainers<SiloTrainer>,
  weights: Float32Array,
  aim: Aim | undefined,
  signal: AbortSignal,
): Promise<number[] | undefined> {
  if (aim?.difference === undefined) return undefined;
  const found = await Promise.all(trainers.all.map((trainer) => trainer.evaluate(weights, 'validation', signal)));
  return found.map(({ targets }) => leastShare(targets));
}

const withShare = (aim: Aim | undefined, share: number): Aim | undefined =>
  aim?.difference === undefined ? aim : { ...aim, difference: { ...aim.difference, share } };

/** What a version stores of a network of changes. A silo that is not known yet gets what the others' windows prove. */
function learntOf(
  { all, silos }: Trainers<SiloTrainer>,
  aim: Aim | undefined,
  shares: readonly number[] | undefined,
): Pick<ModelSignature, 'difference' | 'shares'> {
  if (aim?.difference === undefined || shares === undefined) return {};
  const windows = all.map(({ summary }) => summary.windows.train);
  const total = windows.reduce((sum, each) => sum + each, 0);
  const share = shares.reduce((sum, each, i) => sum + (each * windows[i]!) / total, 0);
  return {
    difference: { ...aim.difference, share },
    shares: Object.fromEntries(silos.map((silo, i) => [silo, shares[i]!])),
  };
}

/** With the silos that were lost, and why. */
const textOf = (thrown: unknown): string =>
  thrown instanceof CausewayError && thrown.detail !== undefined
    ? `${thrown.message} (${thrown.detail})`
    : messageOf(thrown);

/** A silo's owner is told why a round has gone on without it: its agent may have seen nothing wrong. */
function tellLeftOut({ missing, round }: RoundReport, { all, silos }: Trainers<SiloTrainer>): void {
  for (const [silo, reason] of Object.entries(missing)) {
    void all[silos.indexOf(silo)]?.tell?.(`round ${round} goes on without silo ${silo}: ${reason}`);
  }
}

/** A job's run in the journal. */
const runName = (job: number): string => `job-${job}`;

/** Rounds that the job had done before it was interrupted. */
const roundsDone = ({ catalog }: Engine, job: number): RoundMetrics[] =>
  catalog.jobs
    .rounds()
    .filter((round) => round.job === job)
    .map(({ round, loss, validation_loss, seconds }) => ({ round, loss, validationLoss: validation_loss, seconds }));

function noticeRound(
  { model, federation: { rounds } }: Train,
  { round, loss, validationLoss, missing }: RoundReport,
  speeds: ReadonlyMap<string, number>,
  onNotice: TrainOptions['onNotice'],
): void {
  for (const [silo, reason] of Object.entries(missing)) {
    onNotice({ severity: 'WARNING', message: `round ${round} goes on without silo "${silo}": ${reason}` });
  }
  const rowsPerSecond = [...speeds.values()].reduce((sum, each) => sum + each, 0);
  const progress = { model, round, rounds, loss, rowsPerSecond };
  onNotice({
    severity: 'INFO',
    message: `TRAIN ${model}: round ${round} of ${rounds}, loss ${loss.toFixed(6)}`,
    progress: validationLoss === null ? progress : { ...progress, validationLoss },
  });
}

/** Exact statistics over all silos' training rows, merged in the order of the silos' names, given back to each. */
function standardise(trainers: Trainers<SiloTrainer>, onNotice: TrainOptions['onNotice']): FeatureStatistics {
  const merged = mergeStatistics(trainers.all.map((trainer) => trainer.statistics()));
  const features = trainers.all.map((trainer) => trainer.standardise(merged));
  for (const name of features[0]?.dropped ?? []) {
    onNotice({ severity: 'NOTICE', message: `feature "${name}" has one value only and is left out` });
  }
  trainers.all.forEach(({ summary }, i) => {
    if (summary.incompleteRows === 0) return;
    const rows = summary.incompleteRows === 1 ? 'row' : 'rows';
    const message = `silo "${trainers.silos[i]}": ${summary.incompleteRows} ${rows} with a NULL left out; no window crosses the gap`;
    onNotice({ severity: 'NOTICE', message });
  });
  return merged;
}

function signatureOf(
  plan: Train,
  statistics: FeatureStatistics,
  trainers: Trainers<SiloTrainer>,
  query: string,
  aim: Aim | undefined,
): ModelSignature {
  const { order, entity, features, targets, sequence, split, spec, local, federation } = plan;
  const typeOf = (id: number) => plan.source.columns.find((column) => column.id === id)!.type;
  return {
    order: { name: order.name, type: order.type },
    ...(entity === undefined ? {} : { entity: { name: entity.name, type: entity.type } }),
    features: features.map(({ id: _, ...feature }) => ({ ...feature, type: typeOf(_) })),
    statistics: statistics.slice(0, features.length),
    ...(features.some(({ scale }) => scale === 'silo' || scale === 'entity')
      ? { siloStatistics: localStatistics(trainers, features.length) }
      : {}),
    targets,
    sequence: { ...sequence, ...(aim?.season === undefined ? {} : { season: aim.season }) },
    split,
    spec,
    local,
    federation,
    query,
  };
}

/** What each silo told, but for its categories: nothing is scaled with them. */
const localStatistics = (
  { all, silos }: Trainers<SiloTrainer>,
  features: number,
): Readonly<Record<string, FeatureStatistics>> =>
  Object.fromEntries(
    all.map((trainer, i) => {
      const told = trainer.statistics().slice(0, features);
      return [silos[i]!, told.map(({ counts: _, ...moments }) => moments)];
    }),
  );

const siloMetrics = (silo: string, { summary }: SiloTrainer, evaluation: Evaluation, beside: Beside): SiloMetrics => ({
  silo,
  rows: summary.rows,
  windows: summary.windows,
  test: targetMetrics(evaluation, beside),
});

/** A model that loses to a rule of thumb, or to one of the silo's rows alone, is no use there: its owner is told. */
function noticeDefeats({ silos }: ModelMetrics, onNotice: TrainOptions['onNotice']): void {
  for (const { silo, test } of silos) {
    for (const metrics of test) {
      if (metrics.kind !== 'regression') continue;
      const { localRmse = null, target, persistenceRmse, seasonalRmse } = metrics;
      // What the silo's rows are predicted with.
      const own = metrics.personalRmse ?? metrics.rmse;
      const rules = [
        { name: 'persistence', rmse: persistenceRmse },
        { name: 'the seasonal naive rule', rmse: seasonalRmse },
        { name: 'a model of its own rows alone', rmse: localRmse },
      ];
      const better = rules
        .flatMap(({ name, rmse }) => (rmse !== null && rmse < own ? [{ name, rmse }] : []))
        .sort((a, b) => a.rmse - b.rmse)[0];
      if (better === undefined) continue;
      const of = test.length === 1 ? '' : ` for "${target}"`;
      onNotice({
        severity: 'NOTICE',
        message: `in silo "${silo}" the model (rmse ${own.toPrecision(5)}) loses${of} to ${better.name} (${better.rmse.toPrecision(5)})`,
        hint: 'Train for more rounds, or look at the features.',
      });
    }
  }
}
