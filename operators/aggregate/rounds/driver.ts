/**
 * Drives the rounds of one training run over silos that may fail, and over crashes of its own: every step is journalled
 * first, and what the journal has is not done again.
 */
import { randomBytes } from 'node:crypto';
import { CausewayError, SQLSTATE, throwIfAborted } from '../../../src/plan/errors.ts';
import { type Aggregated, aggregate, stepFromMean } from '../aggregate.ts';
import { checkUpdates } from '../checks.ts';
import { type CentralPrivacy, noisedSum } from '../privacy/central.ts';
import type { ServerState, Strategy, StrategyOptions, Update } from '../strategy.ts';
import { addScaled } from '../vectors.ts';
import { Collector } from './collect.ts';
import { deadlineSeconds } from './deadline.ts';
import type { Outcome, Position, RoundJournal } from './journal.ts';
import type { RoundParticipant, RoundTask } from './participant.ts';
import { type SecurePlan, secureRound } from './secure-round.ts';

export interface RunPlan {
  /** Identity of the run: the journal's key. A run that is resumed has the same one. */
  readonly run: string;
  readonly strategy: Strategy;
  readonly options: StrategyOptions;
  readonly rounds: number;
  /** A round with fewer sound results fails. */
  readonly minSilos: number;
  readonly initial: Float32Array;
  /** Central noise; the journal keeps each round's seed. */
  readonly privacy?: Omit<CentralPrivacy, 'seed'>;
  /** Updates are added by a tree with so many branches per node; absent: flat. */
  readonly fanIn?: number;
  /** Secure aggregation: for strategies that need the mean only. */
  readonly secure?: Omit<SecurePlan, 'clip'>;
  /** Stop when the validation loss has not improved for this many rounds, and take the best weights. */
  readonly patience?: number;
  /** Predicted seconds of a silo's first round, for its deadline. */
  readonly expectedSeconds?: ReadonlyMap<string, number>;
  /** True while silos have not begun because they work for other jobs: the deadline does not run then. */
  readonly held?: () => boolean;
}

export interface RoundReport extends Outcome {
  readonly round: number;
  /** Mean validation loss over all silos' windows; null when no silo has any. */
  readonly validationLoss: number | null;
  readonly seconds: number;
}

export interface RunResult {
  readonly weights: Float32Array;
  /** The round they came from. */
  readonly round: number;
}

/**
 * Runs (or goes on with) the rounds; yields a report per published round and returns the weights: with `patience` the
 * best by validation loss, else the last.
 * @throws CausewayError CW002 when fewer than `minSilos` are left, naming the lost ones.
 */
export async function* runRounds(
  plan: RunPlan,
  participants: readonly RoundParticipant[],
  journal: RoundJournal,
  signal: AbortSignal,
): AsyncGenerator<RoundReport, RunResult> {
  const collector = new Collector(signal);
  try {
    let position = journal.position(plan.run, plan.initial);
    while (position.round <= plan.rounds && !isExhausted(plan, journal)) {
      throwIfAborted(signal);
      yield await oneRound({ plan, participants, journal, collector, signal }, position);
      position = journal.position(plan.run, plan.initial);
    }
    const best = plan.patience === undefined ? undefined : journal.best(plan.run);
    if (best !== undefined) return { weights: journal.bestWeights(plan.run), round: best.round };
    return { weights: position.weights, round: position.round - 1 };
  } finally {
    await collector.stop();
  }
}

interface Context {
  readonly plan: RunPlan;
  readonly participants: readonly RoundParticipant[];
  readonly journal: RoundJournal;
  readonly collector: Collector;
  readonly signal: AbortSignal;
}

/** True when the last `patience` rounds brought nothing. */
function isExhausted(plan: RunPlan, journal: RoundJournal): boolean {
  if (plan.patience === undefined) return false;
  const best = journal.best(plan.run);
  if (best === undefined) return false;
  return journal.reports(plan.run).length - best.round >= plan.patience;
}

/** Takes one round from wherever the journal has it to PUBLISHED. */
async function oneRound(context: Context, at: Position): Promise<RoundReport> {
  const { journal, participants, plan, signal } = context;
  const { run } = plan;
  const { round } = at;
  const began = performance.now();
  let { seed, state, weights } = at;
  let missing: Record<string, string> = {};
  if (state === 'new') {
    seed = plan.privacy === undefined ? undefined : new Uint8Array(randomBytes(32));
    journal.open(run, round, seed);
    state = 'open';
  }
  if (state === 'open' && plan.secure !== undefined) {
    weights = await mergeSecurely(context, at, plan.secure, seed);
    state = 'aggregated';
  }
  if (state === 'open') {
    missing = await collect(context, at);
    const silos = journal.answered(run, round);
    if (silos.length < plan.minSilos) throw tooFewSilos(plan, round, silos.length, missing);
    journal.seal(run, round, silos);
    state = 'sealed';
  }
  if (state === 'sealed') weights = mergeRound(context, at, seed, missing);
  const validationLoss = await validate(participants, weights, signal);
  const seconds = (performance.now() - began) / 1000;
  const report: RoundReport = { round, ...journal.outcome(run, round), validationLoss, seconds };
  const best = journal.best(run);
  const better = validationLoss !== null && (best === undefined || validationLoss < best.loss);
  journal.publish(run, round, report, better ? { round, loss: validationLoss, weights } : undefined);
  return report;
}

/**
 * Asks every silo that has not answered yet. Returns when all have, when the strategy has enough, or when the deadline
 * is over and `minSilos` have answered; says who is missing and why.
 */
async function collect(
  { collector, journal, participants, plan }: Context,
  at: Position,
): Promise<Record<string, string>> {
  const { minSilos, options, run, strategy } = plan;
  const { round, server, weights } = at;
  const terms = strategy.local?.(options) ?? {};
  const zeros = terms.controlVariates === true ? new Float64Array(weights.length) : undefined;
  const taskOf = (silo: string): RoundTask => {
    const task = { run, round, weights, terms };
    if (zeros === undefined) return task;
    return { ...task, control: { server: server.control ?? zeros, own: server[controlOf(silo)] ?? zeros } };
  };
  const closesAfter = strategy.closesAfter?.(options);
  const enough = Math.min(closesAfter ?? participants.length, participants.length);
  const have = new Set(journal.answered(run, round));
  for (const participant of participants)
    if (!have.has(participant.silo)) collector.ask(participant, taskOf(participant.silo));
  const missing: Record<string, string> = {};
  const seconds = deadlineSeconds(pastTimes(plan, journal));
  let deadline = timer(seconds);
  let taken = have.size;
  let overdue = false;
  while (taken < enough && collector.size > 0 && !(overdue && taken >= minSilos)) {
    const arrival = await collector.next(overdue ? undefined : deadline.over);
    if (arrival === undefined && plan.held?.() === true) {
      deadline = timer(seconds);
    } else if (arrival === undefined) {
      overdue = true;
    } else if ('error' in arrival.outcome) {
      missing[arrival.silo] = arrival.outcome.error;
    } else {
      using result = { [Symbol.dispose]: nothing, ...arrival.outcome.result, staleness: round - arrival.task.round };
      if (journal.result(run, round, arrival.silo, result) === 'accepted') taken++;
    }
  }
  deadline.cancel();
  // An asynchronous strategy takes what is still under way in a later round; the others have no use for it.
  if (closesAfter === undefined) for (const silo of await collector.stop()) missing[silo] = 'did not answer in time';
  return missing;
}

const nothing = (): void => {};

/** Settles after `seconds`; there is nothing to wait for when there is no deadline. */
function timer(seconds: number | undefined): { over?: Promise<void>; cancel: () => void } {
  if (seconds === undefined) return { cancel: () => {} };
  const { promise, resolve } = Promise.withResolvers<void>();
  const handle = setTimeout(resolve, seconds * 1000);
  return { over: promise, cancel: () => clearTimeout(handle) };
}

/** Training times to set the deadline by: the last rounds', or the predicted ones before the first. */
function pastTimes(plan: RunPlan, journal: RoundJournal): number[] {
  const reports = journal.reports<RoundReport>(plan.run, 5);
  if (reports.length > 0) return reports.map(({ trainingSeconds }) => trainingSeconds);
  return [...(plan.expectedSeconds?.values() ?? [])];
}

/** Sums the updates of a round securely and takes the server's step; returns the next weights. */
async function mergeSecurely(
  { journal, participants, plan, signal }: Context,
  { round, server, weights }: Position,
  secure: Omit<SecurePlan, 'clip'>,
  seed: Uint8Array | undefined,
): Promise<Float32Array> {
  const { minSilos, options, privacy, run, strategy } = plan;
  if (strategy.needs !== 'mean') {
    throw new CausewayError(SQLSTATE.internalError, `strategy ${strategy.name} cannot be run securely`);
  }
  const task: RoundTask = { run, round, weights, terms: strategy.local?.(options) ?? {} };
  const clip = privacy === undefined ? {} : { clip: privacy.clip };
  const { silos, missing, sum, weight, loss, trainingSeconds } = await secureRound(
    participants,
    { ...secure, ...clip },
    task,
    signal,
  );
  if (silos.length < minSilos) throw tooFewSilos(plan, round, silos.length, missing);
  // With noise the denominator is that of all silos, so that a lost one does not change the sensitivity.
  const delta =
    privacy === undefined || seed === undefined
      ? sum.map((value) => value / weight)
      : noisedSum(sum, { ...privacy, seed });
  const mean = { delta, cohort: silos.length, population: participants.length };
  const step = stepFromMean(strategy, weights, mean, server, options);
  journal.aggregated(run, round, step.weights, step.state, { loss, silos, missing, trainingSeconds });
  return step.weights;
}

/** Aggregates a sealed round; returns the next weights. */
function mergeRound(
  { journal, participants, plan }: Context,
  { round, server, weights: global }: Position,
  seed: Uint8Array | undefined,
  missing: Readonly<Record<string, string>>,
): Float32Array {
  const { fanIn, minSilos, options, privacy, run, strategy } = plan;
  const updates = [...journal.results(run, round).values()];
  const noise = privacy === undefined || seed === undefined ? {} : { privacy: { ...privacy, seed } };
  const population = participants.length;
  const tree = fanIn === undefined ? {} : { fanIn };
  const askAgain = (rejected: readonly CausewayError[]): void => {
    const silos = rejected.flatMap(({ silo }) => (silo === undefined ? [] : [silo]));
    if (silos.length > 0) journal.reopen(run, round, silos);
  };
  let merged: Aggregated;
  try {
    merged = aggregate({ strategy, options, global, updates, state: server, population, ...noise, ...tree });
  } catch (thrown) {
    askAgain(checkUpdates(global, updates).rejected);
    throw thrown;
  }
  const refused = Object.fromEntries(merged.rejected.map((error) => [error.silo ?? '', error.message]));
  const sound = updates.filter(({ silo }) => refused[silo] === undefined);
  const silos = sound.map(({ silo }) => silo);
  if (silos.length < minSilos) {
    askAgain(merged.rejected);
    throw tooFewSilos(plan, round, silos.length, { ...missing, ...refused });
  }
  const state = { ...merged.state, ...nextControls(server, updates, refused) };
  journal.aggregated(run, round, merged.weights, state, {
    loss: meanLoss(sound),
    silos,
    missing: { ...missing, ...refused },
    trainingSeconds: Math.max(...sound.map(({ seconds }) => seconds)),
  });
  return merged.weights;
}

/** The server's name for a silo's control variate, in its state. */
const controlOf = (silo: string): string => `control of ${silo}`;

/** Every silo's c_i after a round: c_i of silos that are not in it stays. */
function nextControls(server: ServerState, updates: readonly Update[], refused: Readonly<Record<string, string>>) {
  const controls = Object.entries(server).filter(([name]) => name.startsWith(controlOf('')));
  const next = updates.flatMap(({ silo, control: change }): [string, Float64Array][] => {
    if (change === undefined || refused[silo] !== undefined) return [];
    const own = server[controlOf(silo)] ?? new Float64Array(change.length);
    return [[controlOf(silo), addScaled(own, change, 1)]];
  });
  return Object.fromEntries([...controls, ...next]);
}

async function validate(
  participants: readonly RoundParticipant[],
  weights: Float32Array,
  signal: AbortSignal,
): Promise<number | null> {
  // A silo that is lost for the moment is left out of the loss, not of the next round.
  const losses = await Promise.allSettled(participants.map((participant) => participant.validate(weights, signal)));
  throwIfAborted(signal);
  const known = losses.flatMap((entry) => (entry.status === 'fulfilled' ? [entry.value] : []));
  const weight = known.reduce((sum, loss) => sum + loss.lossWeight, 0);
  return weight === 0 ? null : known.reduce((sum, loss) => sum + loss.lossSum, 0) / weight;
}

function meanLoss(updates: readonly { readonly loss: number; readonly count: number }[]): number {
  let [sum, weight] = [0, 0];
  for (const { loss, count } of updates) {
    sum += loss * count;
    weight += count;
  }
  return sum / weight;
}

function tooFewSilos(
  plan: RunPlan,
  round: number,
  have: number,
  missing: Readonly<Record<string, string>>,
): CausewayError {
  const lost = Object.entries(missing).sort(([a], [b]) => (a < b ? -1 : 1));
  return new CausewayError(
    SQLSTATE.trainingFailed,
    `round ${round} has updates of ${have} silos, it needs ${plan.minSilos}${lost.length === 0 ? '' : `; lost: ${lost.map(([silo]) => silo).join(', ')}`}`,
    {
      ...(lost.length === 0 ? {} : { detail: lost.map(([silo, reason]) => `${silo}: ${reason}`).join('\n') }),
      hint: 'RESUME TRAIN when the silos are back, or lower min_silos.',
    },
  );
}
