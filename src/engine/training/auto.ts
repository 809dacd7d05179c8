/**
 * `FEDERATE auto`: what the statement leaves open is tried out in short runs, and goes on as it did best on the silos'
 * validation parts. Every trial is a run of the journal, so a crash repeats none of them, and the chosen one goes on where
 * its trial ended.
 */
import { type RoundReport, type RunResult, runRounds } from '../../../operators/aggregate/rounds/driver.ts';
import type { RoundJournal } from '../../../operators/aggregate/rounds/journal.ts';
import type { RoundParticipant } from '../../../operators/aggregate/rounds/participant.ts';
import { canDifference } from '../../../operators/lstm/differences.ts';
import {
  deviation,
  type FeatureStatistics,
  type Moments,
  mergeStatistics,
} from '../../../operators/lstm/statistics.ts';
import type { Aim } from '../../../operators/lstm/training-session.ts';
import type { DifferenceSpec, FederationSpec, LocalTrainingSpec, Train } from '../../plan/training.ts';
import type { Trainers } from './open-trainers.ts';
import { participants, runPlan } from './rounds.ts';
import type { SiloTrainer } from './silo-trainer.ts';

/** A way to train: what the network learns, and how. */
interface Way {
  readonly name: string;
  readonly aim: Aim | undefined;
  readonly local: LocalTrainingSpec;
  readonly federation: FederationSpec;
}

/** What `auto` has decided. */
export interface Decided {
  /** The statement with nothing left open. */
  readonly plan: Train;
  /** The journal's run to go on with. */
  readonly run: string;
  readonly aim: Aim | undefined;
  /** One line for the user; absent where there was nothing to decide. */
  readonly says?: string;
}

/** Rows per season that data have: parts of an hour, a day, a week, a year, in usual intervals. */
const SEASONS = [4, 5, 7, 12, 24, 30, 48, 52, 96, 144, 168, 288, 365];

/** Rounds of one trial, if the budget lasts: for three things to learn, then five more ways to learn the best of them. */
const TRIAL_ROUNDS = 3;

/** The lags whose changes the silos describe: that of persistence, and those of every season that a window reaches. */
export function candidateLags({
  federation,
  sequence,
  spec,
}: Pick<Train, 'federation' | 'sequence' | 'spec'>): number[] {
  if (federation.strategy !== 'auto') return [];
  const lags = new Set([sequence.horizon, ...seasonalLags(sequence)]);
  return [...lags].filter((lag) => canDifference(spec, sequence, lag));
}

/** As many whole seasons back as the target is ahead. */
const seasonalLags = ({ horizon, season }: Train['sequence']): number[] =>
  (season === undefined ? SEASONS : [season]).map((rows) => rows * Math.ceil(horizon / rows));

interface Situation {
  readonly job: string;
  readonly plan: Train;
  readonly trainers: Trainers<SiloTrainer>;
  readonly lags: readonly number[];
  /** Of the features, then of the changes over each lag. */
  readonly statistics: FeatureStatistics;
  readonly journal: RoundJournal;
  readonly signal: AbortSignal;
  /** Has silos train for this job when it is its turn. */
  readonly inTurn: (participants: readonly RoundParticipant[]) => readonly RoundParticipant[];
  readonly onRound: (way: string, report: RoundReport) => void;
}

export async function decide(situation: Situation): Promise<Decided> {
  const { job, plan, trainers } = situation;
  const { federation } = plan;
  const { open, patience, ...settled } = federation;
  const validated = trainers.all.some(({ summary }) => summary.windows.validation > 0);
  const base: FederationSpec = { ...settled, strategy: 'fedavg', ...(patience && validated ? { patience } : {}) };
  const aims = possibleAims(situation);
  const season = aims.season;
  const first: Way = { name: 'values', aim: season, local: plan.local, federation: base };
  const decided = (way: Way, run: string, says?: string): Decided => ({
    plan: { ...plan, local: way.local, federation: way.federation },
    run,
    aim: way.aim,
    ...(says === undefined ? {} : { says }),
  });
  // Without validation there is nothing to decide by.
  const most = validated ? (open?.trialRounds ?? 0) : 0;
  if (most < 2) return decided(first, job);

  const learnt = [first, ...aims.changes.map(({ name, aim }) => ({ ...first, name, aim }))];
  const trials = new Trials(situation, most);
  const what = await trials.best(learnt);
  const skewed = labelSkew(situation, what.aim) > SKEWED;
  const how = await trials.best([what, ...otherWays(what, open!, skewed)]);
  const { epochs, optimizer } = how.local;
  return decided(
    how,
    runOf(job, how),
    `learns ${what.name} by ${how.federation.strategy}, ${epochs} epoch${epochs === 1 ? '' : 's'} a round at ${Number(optimizer.learningRate.toPrecision(3))} (${trials.done} trials, ${trials.rounds} rounds)`,
  );
}

/** What a network could learn. */
function possibleAims({ lags, plan, statistics }: Situation): {
  readonly season: Aim | undefined;
  readonly changes: readonly { readonly name: string; readonly aim: Aim }[];
} {
  const { features, sequence, targets } = plan;
  const moments = (lag: number): Moments[] =>
    targets.map((_, i) => statistics[features.length + lags.indexOf(lag) * targets.length + i]!);
  const spread = (lag: number): number => moments(lag).reduce((sum, each, i) => sum + size(each) / scaleOf(i), 0);
  const scaleOf = (i: number): number => deviation(statistics[targets[i]!]!);
  const seasonal = lags.filter((lag) => seasonalLags(sequence).includes(lag));
  // A slow series changes less over fewer rows whatever its season: a season is where it changes less than over the lags
  // around it.
  const ascending = lags.toSorted((a, b) => a - b);
  const isDip = (lag: number): boolean => {
    const at = ascending.indexOf(lag);
    return [ascending[at - 1], ascending[at + 1]].every((other) => other === undefined || spread(lag) < spread(other));
  };
  const best = seasonal.filter((lag) => spread(lag) > 0 && isDip(lag)).sort((a, b) => spread(a) - spread(b))[0];
  const found = sequence.season ?? best;
  const season = found === undefined ? {} : { season: found };
  const aimOf = (lag: number): Aim => ({ ...season, difference: differenceOf(lag) });
  const differenceOf = (lag: number): DifferenceSpec => ({
    lag,
    scales: moments(lag).map((m, i) => size(m) / scaleOf(i)),
  });
  const useful = [sequence.horizon, ...(best === undefined ? [] : [best])].filter(
    (lag, i, all) => lags.includes(lag) && all.indexOf(lag) === i && moments(lag).every((each) => size(each) > 0),
  );
  return {
    season: found === undefined ? undefined : season,
    changes: useful.map((lag) => ({ name: `changes over ${lag} row${lag === 1 ? '' : 's'}`, aim: aimOf(lag) })),
  };
}

/** Root mean square: a change of 0 on average is no change at all. */
const size = ({ m2, mean, n }: Moments): number => (n === 0 ? 0 : Math.sqrt(m2 / n + mean ** 2));

/** The part of the targets' variance that lies between silos from which on silos are taken for unlike: they drift apart. */
const SKEWED = 0.1;
/** Of the plain SGD whose steps SCAFFOLD corrects. */
const SKEWED_RATE = 0.05;

/**
 * Label skew: how much of the variance of what the network learns lies between the silos' means, 0 … 1; the largest of several
 * targets. What is scaled by silo or entity has no such part left.
 */
function labelSkew({ lags, plan, trainers }: Situation, aim: Aim | undefined): number {
  const { features, targets } = plan;
  const lag = aim?.difference?.lag;
  const skews = targets.map((target, i) => {
    if (['silo', 'entity'].includes(features[target]!.scale)) return 0;
    const at = lag === undefined ? target : features.length + lags.indexOf(lag) * targets.length + i;
    const each = trainers.all.map((trainer) => trainer.statistics()[at]!);
    const { m2 } = mergeStatistics(each.map((moments) => [moments]))[0]!;
    return m2 === 0 ? 0 : 1 - each.reduce((sum, moments) => sum + moments.m2, 0) / m2;
  });
  return Math.max(0, ...skews);
}

/** More and less training between rounds, against drift, and with memory on the server: where the statement leaves it open. */
function otherWays(
  way: Way,
  { epochs, learningRate, optimizer: anyOptimizer }: NonNullable<FederationSpec['open']>,
  skewed: boolean,
): Way[] {
  const { federation, local } = way;
  const optimizer = learningRate
    ? { ...local.optimizer, learningRate: 3 * local.optimizer.learningRate }
    : local.optimizer;
  const gentler = { ...local, optimizer: { ...optimizer, learningRate: local.optimizer.learningRate / 3 } };
  const harder = { ...local, epochs: epochs ? 2 * local.epochs : local.epochs, optimizer };
  const { clipNorm } = local.optimizer;
  const plain = { name: 'sgd', learningRate: SKEWED_RATE, ...(clipNorm === undefined ? {} : { clipNorm }) } as const;
  const by = (strategy: string, options: FederationSpec['options']): FederationSpec => ({
    ...federation,
    strategy,
    options,
  });
  return [
    ...(epochs || learningRate ? [{ ...way, name: `${way.name}, harder`, local: harder }] : []),
    ...(learningRate ? [{ ...way, name: `${way.name}, gentler`, local: gentler }] : []),
    ...(skewed && learningRate && anyOptimizer
      ? [
          {
            ...{ ...way, name: `${way.name}, scaffold` },
            ...{ local: { ...harder, optimizer: plain }, federation: by('scaffold', {}) },
          },
        ]
      : []),
    { ...way, name: `${way.name}, fedprox`, local: harder, federation: by('fedprox', { mu: 0.01 }) },
    { ...way, name: `${way.name}, fedavgm`, local: harder, federation: by('fedavgm', { momentum: 0.5 }) },
    { ...way, name: `${way.name}, fedadam`, federation: by('fedadam', { server_learning_rate: 0.01 }) },
  ];
}

const runOf = (job: string, { name }: Way): string => `${job}/${name}`;

/** Short runs, within the rounds that may be spent on them. */
class Trials {
  readonly #situation: Situation;
  readonly #most: number;
  readonly #losses = new Map<string, number>();
  rounds = 0;

  constructor(situation: Situation, most: number) {
    this.#situation = situation;
    this.#most = most;
  }

  get done(): number {
    return this.#losses.size;
  }

  /** The way with the least validation loss; of equal ones, and of those that the budget leaves untried, the first. */
  async best(ways: readonly Way[]): Promise<Way> {
    const untried = ways.filter(({ name }) => !this.#losses.has(name));
    const left = this.#most - this.rounds;
    const each = Math.min(TRIAL_ROUNDS, Math.max(1, Math.floor(left / Math.max(1, untried.length))));
    for (const way of untried.slice(0, left)) {
      this.rounds += each;
      this.#losses.set(way.name, await this.#lossOf(way, each));
    }
    const loss = ({ name }: Way): number => this.#losses.get(name) ?? Number.POSITIVE_INFINITY;
    return ways.reduce((best, way) => (loss(way) < loss(best) ? way : best));
  }

  /** A way that cannot even train loses. */
  async #lossOf(way: Way, rounds: number): Promise<number> {
    const { inTurn, job, journal, onRound, plan, signal, trainers } = this.#situation;
    const run = runOf(job, way);
    const { patience: _, ...federation } = way.federation;
    const trial = { ...plan, local: way.local, federation };
    for (const trainer of trainers.all) trainer.aimAt(way.aim);
    const driver = runRounds(
      { ...runPlan(run, trial, trainers), rounds },
      inTurn(participants(trial, trainers, () => undefined)),
      journal,
      signal,
    );
    await follow(driver, async (report) => onRound(way.name, report));
    return journal.best(run)?.loss ?? Number.POSITIVE_INFINITY;
  }
}

/** Reads a round driver to its end. */
export async function follow(
  driver: AsyncGenerator<RoundReport, RunResult>,
  onRound: (report: RoundReport) => Promise<void>,
): Promise<Float32Array> {
  for (;;) {
    const step = await driver.next();
    if (step.done) return step.value.weights;
    await onRound(step.value);
  }
}
