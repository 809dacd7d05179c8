/** A silo whose engine trains by itself, as the round driver sees it: every question is one call of the code that is installed there. */
import type {
  StepAnswers,
  StepEvaluation,
  StepJob,
  StepNetwork,
  StepRows,
  StepTraining,
  TrainingStep,
} from '../../../connectors/training-step.ts';
import type { Evaluation } from '../../../operators/lstm/evaluation.ts';
import type { LocalTrainerSpec, TrainerSummary } from '../../../operators/lstm/local-trainer.ts';
import { initialWeights } from '../../../operators/lstm/model.ts';
import { scheduledRate } from '../../../operators/lstm/optimizers.ts';
import { localScales } from '../../../operators/lstm/scales.ts';
import type { FeatureStatistics } from '../../../operators/lstm/statistics.ts';
import { networkOf, type TrainedFeatures, trainedFeatures } from '../../../operators/lstm/trained-features.ts';
import type { Aim, AloneRequest, TrainRequest, TrainResult } from '../../../operators/lstm/training-session.ts';
import type { Part } from '../../../operators/lstm/windows.ts';
import { CausewayError, SQLSTATE } from '../../plan/errors.ts';
import type { LocalTrainingSpec, ModelSpec } from '../../plan/training.ts';
import type { SiloTrainer } from './silo-trainer.ts';
import { checkedAnswer } from './step-answers.ts';

/** Windows that the engine scores at once. */
const SCORING_BATCH = 256;

export class StepTrainer implements SiloTrainer {
  readonly summary: TrainerSummary;
  readonly #step: TrainingStep;
  readonly #spec: LocalTrainerSpec;
  readonly #rows: StepRows;
  readonly #moments: FeatureStatistics;
  #network: (Omit<StepNetwork, 'weights'> & { readonly names: readonly string[] }) | undefined;

  private constructor(step: TrainingStep, spec: LocalTrainerSpec, rows: StepRows, told: StepAnswers['describe']) {
    const { moments, longest: _, ...summary } = told;
    this.#step = step;
    this.#spec = spec;
    this.#rows = rows;
    this.#moments = moments;
    this.summary = Object.freeze({ ...summary, bytes: 0 });
  }

  /**
   * @param query the silo's rows in its own dialect, as {@link StepRows}
   * @throws CausewayError CW002 without one training window, or when the code there fails
   */
  static async open(
    step: TrainingStep,
    spec: LocalTrainerSpec,
    query: string,
    signal: AbortSignal,
  ): Promise<StepTrainer> {
    const { entity, features, sequence, silo, split } = spec;
    const rows: StepRows = {
      ...{ query, sequence, names: features.map(({ name }) => name), entity: entity !== undefined },
      split:
        split.kind === 'fractions'
          ? { validate: split.validate, test: split.test }
          : { validateFrom: Number(split.validateFrom), testFrom: Number(split.testFrom) },
    };
    const told = checkedAnswer(silo, 'describe', await step.call({ ...rows, ask: 'describe' }, signal));
    if (told.windows.train === 0) throw tooFewRows(spec, told);
    return new StepTrainer(step, spec, rows, told);
  }

  get model(): ModelSpec {
    return this.#use().spec;
  }

  statistics(): FeatureStatistics {
    return this.#moments;
  }

  standardise(merged: FeatureStatistics): TrainedFeatures {
    const { features, model, targets } = this.#spec;
    const found = trainedFeatures(features, targets, merged);
    const own = features.some(({ scale }) => scale === 'silo') ? this.#moments : undefined;
    this.#network = {
      spec: networkOf(model, features, found),
      kept: found.kept,
      scales: localScales(features, found, own, []).features.map(({ deviation, mean }) => [mean, deviation]),
      targets: found.targets,
      names: targets.map((target) => features[target]!.name),
    };
    return found;
  }

  async trainRound(request: TrainRequest, signal: AbortSignal): Promise<TrainResult> {
    const { epochs, optimizer, round, rounds, weights } = request;
    const rated = { ...optimizer, learningRate: scheduledRate(optimizer, round, rounds ?? round) };
    const training = this.#training(request, weights);
    const answer = await this.#ask('train', { ...training, optimizer: rated, ask: 'train', round }, signal);
    const delta = decoded(answer.update, weights.length);
    if (delta === undefined || answer.windows !== this.summary.windows.train) {
      throw this.#failure(
        delta === undefined
          ? `its update in round ${round} is not of ${weights.length} finite weights`
          : `it trained on ${answer.windows} windows in round ${round}, and on ${this.summary.windows.train} before`,
      );
    }
    const { losses, seconds, steps, windows } = answer;
    return {
      ...{ delta, windows, losses, steps, seconds, loss: losses.at(-1) ?? Number.NaN },
      weights: weights.map((weight, k) => weight + delta[k]!),
      rowsPerSecond: (windows * this.#spec.sequence.window * epochs) / Math.max(seconds, Number.MIN_VALUE),
    };
  }

  async evaluate(weights: Float32Array, part: Part, signal: AbortSignal): Promise<Evaluation> {
    if (part === 'train') throw this.#failure('it is not asked for its errors on what it was trained on');
    const job: StepJob = { ...this.#networkWith(weights), ask: 'evaluate', part, batch: SCORING_BATCH };
    return this.#evaluation(part, await this.#ask('evaluate', job, signal));
  }

  async trainAlone({ patience, rounds, ...local }: AloneRequest, signal: AbortSignal): Promise<Evaluation> {
    const rates = Array.from({ length: rounds }, (_, i) => scheduledRate(local.optimizer, i + 1, rounds));
    const training = this.#training(local, initialWeights(this.model, local.seed));
    return this.#evaluation('test', await this.#ask('alone', { ...training, ask: 'alone', rates, patience }, signal));
  }

  /** Only strategy auto aims at changes, and it is not run here. */
  aimAt(aim: Aim | undefined): void {
    if (aim?.difference !== undefined) throw this.#failure('its engine learns values, not changes');
  }

  /** Nothing may stay in the silo between two calls (engine-step.ts refuses it). */
  async personalise(): Promise<never> {
    throw this.#failure('its engine keeps no head');
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #training(
    { batch, epochs, optimizer, seed }: LocalTrainingSpec,
    weights: Float32Array,
  ): StepRows & StepNetwork & StepTraining {
    return { ...this.#networkWith(weights), silo: this.#spec.silo, seed, epochs, batch, optimizer };
  }

  #networkWith(weights: Float32Array): StepRows & StepNetwork {
    const { kept, scales, spec, targets } = this.#use();
    return { ...this.#rows, kept, scales, spec, targets, weights: encoded(weights) };
  }

  async #ask<K extends keyof StepAnswers>(ask: K, job: StepJob, signal: AbortSignal): Promise<StepAnswers[K]> {
    return checkedAnswer(this.#spec.silo, ask, await this.#step.call(job, signal));
  }

  #evaluation(part: Part, { targets, ...sums }: StepEvaluation): Evaluation {
    const { names } = this.#use();
    return {
      ...{ ...sums, part },
      targets: targets.map(({ actual, model, persistence, seasonal }, i) => ({
        ...{ target: names[i]!, model, persistence, actual },
        ...(seasonal === undefined ? {} : { seasonal }),
      })),
    };
  }

  #use() {
    if (this.#network !== undefined) return this.#network;
    throw new CausewayError(SQLSTATE.objectNotInPrerequisiteState, 'the rows are not scaled yet');
  }

  #failure(detail: string): CausewayError {
    const { silo } = this.#spec;
    return new CausewayError(SQLSTATE.trainingFailed, `training inside silo ${silo} failed: ${detail}`, { silo });
  }
}

const encoded = ({ buffer, byteLength, byteOffset }: Float32Array): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString('base64');

/** The numbers, if they are finite and as many as they should be. */
function decoded(text: string, length: number): Float32Array | undefined {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length !== 4 * length) return undefined;
  const numbers = Float32Array.from({ length }, (_, k) => bytes.readFloatLE(4 * k));
  return numbers.every(Number.isFinite) ? numbers : undefined;
}

function tooFewRows({ sequence, silo }: LocalTrainerSpec, told: StepAnswers['describe']): CausewayError {
  const { horizon, window } = sequence;
  return new CausewayError(SQLSTATE.trainingFailed, `silo ${silo} has not one training window`, {
    silo,
    detail: `A window needs ${window + horizon} consecutive rows (window ${window}, horizon ${horizon}); the longest run among its ${told.rows} rows has ${told.longest} in the training part.`,
    hint: 'Select more rows, or make WINDOW or HORIZON smaller.',
  });
}
