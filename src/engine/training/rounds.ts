/** The silos' trainers as participants of the round driver (operators/aggregate/rounds). */
import { resolveOptions } from '../../../operators/aggregate/options.ts';
import type { RunPlan } from '../../../operators/aggregate/rounds/driver.ts';
import type {
  ControlVariates,
  LocalLoss,
  LocalResult,
  RoundParticipant,
  RoundTask,
} from '../../../operators/aggregate/rounds/participant.ts';
import type { SecureParty } from '../../../operators/aggregate/rounds/secure-round.ts';
import { nextControl } from '../../../operators/aggregate/strategies/scaffold.ts';
import { strategyNamed } from '../../../operators/aggregate/strategies.ts';
import type { LocalTerms } from '../../../operators/aggregate/strategy.ts';
import type { ErrorSums, Evaluation } from '../../../operators/lstm/evaluation.ts';
import { initialWeights } from '../../../operators/lstm/model.ts';
import { scheduledRate } from '../../../operators/lstm/optimizers.ts';
import { CausewayError, SQLSTATE } from '../../plan/errors.ts';
import type { CompressionSpec, LocalTrainingSpec, Train, WeightBy } from '../../plan/training.ts';
import type { Trainers } from './open-trainers.ts';
import type { SiloTrainer } from './silo-trainer.ts';

/**
 * What the driver needs to know of a TRAIN.
 * @throws CausewayError for an unknown strategy or option, or more silos asked for than there are
 */
export function runPlan(run: string, { federation, local }: Train, trainers: Trainers<SiloTrainer>): RunPlan {
  const strategy = strategyNamed(federation.strategy);
  const options = resolveOptions(strategy, federation.options);
  const { momentum = 0, name, weightDecay = 0 } = local.optimizer;
  const plain = name === 'sgd' && momentum === 0 && weightDecay === 0;
  if (strategy.local?.(options).controlVariates === true && !plain) {
    throw new CausewayError(SQLSTATE.invalidParameterValue, `strategy ${strategy.name} corrects steps of plain SGD`, {
      hint: "Write USING lstm (optimizer => 'sgd', learning_rate => 0.1), without momentum and weight_decay.",
    });
  }
  const silos = trainers.all.length;
  if (federation.minSilos !== undefined && federation.minSilos > silos) {
    throw new CausewayError(
      SQLSTATE.invalidParameterValue,
      `min_silos => ${federation.minSilos} can never be met: the feature query reads ${silos} silos`,
      { hint: `Ask for at most ${silos}.` },
    );
  }
  // An asynchronous round is complete with so many updates.
  const enough = Math.min(strategy.closesAfter?.(options) ?? silos, silos);
  if (federation.minSilos !== undefined && federation.minSilos > enough) {
    throw new CausewayError(
      SQLSTATE.invalidParameterValue,
      `a round of ${strategy.name} ends with ${enough} updates, fewer than min_silos => ${federation.minSilos}`,
      { hint: 'Make buffer larger, or leave min_silos out.' },
    );
  }
  return {
    run,
    strategy,
    options,
    rounds: federation.rounds,
    ...(federation.patience === undefined ? {} : { patience: federation.patience }),
    minSilos: federation.minSilos ?? enough,
    ...(federation.fanIn === undefined ? {} : { fanIn: federation.fanIn }),
    initial: initialWeights(trainers.all[0]!.model, local.seed),
  };
}

/** @param onSpeed is told how many rows a second a silo trained in the round that it has just ended */
export function participants(
  { federation, local }: Train,
  trainers: Trainers<SiloTrainer>,
  onSpeed: (silo: string, rowsPerSecond: number) => void,
  parties?: ReadonlyMap<string, SecureParty>,
): RoundParticipant[] {
  const { compression, rounds, weightBy } = federation;
  const schedule = { local, rounds, weightBy, ...(compression && { compression }) };
  return trainers.all.map((trainer, i): RoundParticipant => {
    const silo = trainers.silos[i]!;
    return {
      silo,
      train: (task, signal) => trainTask(trainer, schedule, task, signal, (speed) => onSpeed(silo, speed)),
      ...(parties === undefined ? {} : { secure: parties.get(silo)! }),
      async validate(weights, signal) {
        if (trainer.summary.windows.validation === 0) return { lossSum: 0, lossWeight: 0 };
        const evaluation = await trainer.evaluate(weights, 'validation', signal);
        return federation.validateBy === 'naive' ? againstNaive(evaluation) : evaluation;
      },
    };
  });
}

/** A rule that makes no errors counts as if it made so many, as a part of the variance: models are still told apart. */
const LEAST_ERROR = 1e-6;

/**
 * Squared errors as a part of those of the better naive rule: silos whose targets vary much do not outvote the others.
 * A classifier has no such rule; a target that does not vary leaves nothing to compare.
 */
export function againstNaive({ lossSum, lossWeight, targets, windows }: Evaluation): LocalLoss {
  if (targets.length === 0) return { lossSum, lossWeight };
  const meanSquare = ({ count, squaredErrorSum }: ErrorSums): number => squaredErrorSum / count;
  const ratios = targets.map(({ actual, model, persistence, seasonal }) => {
    const season = seasonal === undefined || seasonal.count === 0 ? Number.POSITIVE_INFINITY : meanSquare(seasonal);
    const rule = Math.min(meanSquare(persistence), season);
    return meanSquare(model) / Math.max(rule, (LEAST_ERROR * actual.m2) / actual.n);
  });
  const mean = ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length;
  return Number.isFinite(mean) ? { lossSum: mean * windows, lossWeight: windows } : { lossSum: 0, lossWeight: 0 };
}

/** How a silo trains in every round. */
export interface TrainingSchedule {
  readonly local: LocalTrainingSpec;
  readonly rounds: number;
  readonly weightBy: WeightBy;
  readonly compression?: CompressionSpec;
}

/** One round's task, as an update. */
export async function trainTask(
  trainer: Pick<SiloTrainer, 'summary' | 'trainRound'>,
  { compression, local, rounds, weightBy }: TrainingSchedule,
  { run, round, weights, terms, control }: RoundTask,
  signal: AbortSignal,
  onSpeed: (rowsPerSecond: number) => void = () => {},
): Promise<LocalResult> {
  const correction = control && { correction: Float32Array.from(control.server, (c, k) => c - control.own[k]!) };
  const request = {
    ...{ ...withTerms(local, terms), ...correction, weights, run, round, rounds },
    ...(compression && { compression }),
  };
  const result = await trainer.trainRound(request, signal);
  onSpeed(result.rowsPerSecond);
  const delta = result.delta ?? subtractFrom(result.weights, weights);
  const rate = scheduledRate(local.optimizer, round, rounds);
  return {
    delta,
    ...(control && { control: controlChange(control, delta, result.steps, rate) }),
    count: countBy(weightBy, trainer),
    loss: result.loss,
    seconds: result.seconds,
    [Symbol.dispose]: () => result[Symbol.dispose]?.(),
  };
}

/** `trained` − `weights`, in `trained`'s own memory: a round has one copy of an update. */
function subtractFrom(trained: Float32Array, weights: Float32Array): Float32Array {
  for (let k = 0; k < trained.length; k++) trained[k] = trained[k]! - weights[k]!;
  return trained;
}

/** c_i⁺ − c_i. It follows from the update and the number of steps: silos send nothing more than with FedAvg. */
function controlChange(
  { own, server }: ControlVariates,
  delta: Float32Array,
  steps: number,
  rate: number,
): Float32Array {
  return Float32Array.from(nextControl(own, server, delta, steps, rate), (next, k) => next - own[k]!);
}

function withTerms(local: LocalTrainingSpec, terms: LocalTerms): LocalTrainingSpec {
  if (terms.proximal === undefined) return local;
  return { ...local, optimizer: { ...local.optimizer, proximal: terms.proximal } };
}

export function countBy(basis: WeightBy, { summary }: Pick<SiloTrainer, 'summary'>): number {
  const counts = { windows: summary.windows.train, rows: summary.rows, entities: summary.entities, equal: 1 };
  return counts[basis];
}
