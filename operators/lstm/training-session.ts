/** What a training thread does: rounds of local training, evaluation and prediction on one silo's rows. */
import { isDeepStrictEqual } from 'node:util';
import { CausewayError, canceled, SQLSTATE } from '../../src/plan/errors.ts';
import type {
  CompressionSpec,
  DifferenceSpec,
  LocalPrivacy,
  LocalTrainingSpec,
  ModelSpec,
} from '../../src/plan/training.ts';
import { firstRow, missingSteps, outputsPerWindow, type SequenceData, type TrainingBackend } from './backend.ts';
import { evaluateOutputs } from './evaluate-outputs.ts';
import type { Evaluation } from './evaluation.ts';
import { bodyOf, bodyWeights, tuneHead } from './head-tuning.ts';
import { scheduledRate } from './optimizers.ts';
import { type RoundNoise, trainPrivately } from './private-training.ts';
import { type Scales, scaleAt } from './scales.ts';
import { trainEpochs } from './train-epochs.ts';
import type { Part, Segment } from './windows.ts';

/** Everything a thread needs to know of its silo. Buffers are shared, not copied. */
export interface SessionSetup {
  readonly silo: string;
  readonly model: ModelSpec;
  readonly data: SequenceData;
  /** Names of the kept features, and how each was scaled. */
  readonly names: readonly string[];
  readonly scales: Scales;
  readonly windows: Readonly<Record<Part, Uint32Array>>;
  readonly segments: readonly Segment[];
  /** First rows of the entities, ascending. */
  readonly entityStarts: readonly number[];
  /** Rows per season for the seasonal naive rule. */
  readonly season?: number;
  /** [0]: 1 asks to stop; [1]: steps done in this round. */
  readonly control: Int32Array;
}

/** What a network is for, beyond what its session knows: found out only when the rows of all silos were described. */
export interface Aim {
  /** The network puts out changes; absent: values. */
  readonly difference?: DifferenceSpec;
  /** Rows per season for the seasonal naive rule; absent: the session's. */
  readonly season?: number;
}

export interface TrainRequest extends LocalTrainingSpec {
  readonly weights: Float32Array;
  /** Which of a job's runs it belongs to: a round of one run is not that of another. */
  readonly run?: string;
  /** From 1. */
  readonly round: number;
  /** Rounds of the whole run, for learning-rate schedules. */
  readonly rounds?: number;
  /** How the update is to leave the silo; it is trained as without. */
  readonly compression?: CompressionSpec;
  /** With `privacy`: what the silo adds to the request itself. */
  readonly noise?: RoundNoise;
  /** SCAFFOLD: c − c_i, added to every gradient. */
  readonly correction?: Float32Array;
}

/** Fine-tuning of a silo's own head, on the network that the federation has made. */
export interface PersonalRequest extends LocalTrainingSpec {
  /** Of the federation. */
  readonly weights: Float32Array;
  /** At most so many rounds of local epochs. */
  readonly rounds: number;
  /** Rounds without a better validation loss after which it stops; the best head is kept, the federation's among them. */
  readonly patience: number;
}

/** A silo's own model, and how good it is: the sums may leave the silo, the head need not. */
export interface Personal {
  /** The head's weights, then its biases. */
  readonly head: Float32Array;
  /** Of a network of changes: how much of it the silo's validation rows have proven. */
  readonly share?: number;
  /** On the silo's test part. */
  readonly evaluation: Evaluation;
}

/** Training without the others, for comparison: rounds as in a federation of one. */
export interface AloneRequest extends LocalTrainingSpec {
  readonly rounds: number;
  /** Rounds without a better validation loss after which it stops; the best weights are tested. */
  readonly patience: number;
}

export interface TrainResult extends Partial<Disposable> {
  readonly weights: Float32Array;
  /** Where it is to be compressed: the update as it leaves the silo, and what a receiver makes of it. */
  readonly update?: Uint8Array;
  readonly delta?: Float32Array;
  /** Training windows of this silo. */
  readonly windows: number;
  /** Mean training loss of the last epoch, each batch taken before its step. */
  readonly loss: number;
  /** The same for every epoch. */
  readonly losses: readonly number[];
  readonly steps: number;
  readonly seconds: number;
  /** Rows fed through the network per second: windows × window length × epochs ÷ seconds. */
  readonly rowsPerSecond: number;
}

export interface GroupsRequest {
  readonly weights: Float32Array;
  readonly part: Part;
  /** The number of each window's group, and how many groups there are. */
  readonly groups: Uint32Array;
  readonly count: number;
}

/** Windows scored at once, unless training batches are larger. */
const SCORING_BATCH = 64;

/** Of scaled values, and of values in their own units. */
const NOTHING_SEEN = { low: Infinity, high: -Infinity, lowest: Infinity, highest: -Infinity };

const STOP = 0;
const STEPS = 1;

export class TrainingSession {
  readonly #setup: SessionSetup;
  readonly #create: (data: SequenceData, batch: number, model?: ModelSpec) => TrainingBackend;
  #capacity = 0;
  #current: TrainingBackend | undefined;
  #difference: DifferenceSpec | undefined;

  /** `create` makes a backend for batches of up to so many windows, of the setup's model where none is named. */
  constructor(setup: SessionSetup, create: (data: SequenceData, batch: number, model?: ModelSpec) => TrainingBackend) {
    this.#setup = setup;
    this.#create = create;
  }

  /** Trains one round from `weights`, with fresh optimizer state. The same request gives the same bits. */
  train(request: TrainRequest, { difference }: Aim = {}): TrainResult {
    const { control, data, silo, windows } = this.#setup;
    const { batch, epochs, optimizer, round, rounds, seed, weights } = request;
    const began = performance.now();
    const learningRate = scheduledRate(optimizer, round, rounds ?? round);
    const backend = this.#backend(batch, difference);
    Atomics.store(control, STEPS, 0);
    const { noise, privacy } = request;
    if (privacy !== undefined && noise !== undefined) {
      const units = this.#unitsOf(privacy.unit);
      const local = { ...request, privacy };
      const onStep = (step: number): void => {
        if (Atomics.load(control, STOP)) throw canceled();
        Atomics.store(control, STEPS, step);
      };
      const found = trainPrivately(backend, { local, noise, weights, learningRate, units, onStep });
      const seconds = (performance.now() - began) / 1000;
      const counts = { windows: windows.train.length, losses: [found.loss], seconds };
      return { ...found, ...counts, rowsPerSecond: (windows.train.length * data.window * epochs) / seconds };
    }
    backend.setWeights(weights);
    backend.startOptimizer(optimizer, request.correction);
    const trained = trainEpochs(backend, {
      ...{ batch, epochs, learningRate, round, seed, silo, windows: windows.train },
      beforeStep: () => {
        if (Atomics.load(control, STOP)) throw canceled();
      },
      onStep: (step) => Atomics.store(control, STEPS, step),
      diverged: (what, starts) => this.#diverged(what, starts),
    });
    const seconds = (performance.now() - began) / 1000;
    return {
      ...trained,
      windows: windows.train.length,
      loss: trained.losses.at(-1) ?? Number.NaN,
      seconds,
      rowsPerSecond: (windows.train.length * data.window * epochs) / seconds,
    };
  }

  /** As {@link train}, of the head alone: the rest of the network stays as it is. */
  trainHead(request: TrainRequest, { difference }: Aim = {}): TrainResult {
    const { control, data, model, silo, windows } = this.#setup;
    const { batch, epochs, optimizer, round, rounds, weights } = request;
    const began = performance.now();
    using body = this.#create(data, batch, bodyOf(model));
    body.setWeights(bodyWeights(model, weights));
    const tuned = tuneHead({
      ...{ silo, model, body, request, windows: windows.train },
      data: { ...data, ...(difference && { difference }) },
      learningRate: scheduledRate(optimizer, round, rounds ?? round),
      onStep(step) {
        if (Atomics.load(control, STOP)) throw canceled();
        Atomics.store(control, STEPS, step);
      },
    });
    if (!tuned.weights.every(Number.isFinite)) {
      throw this.#diverged(`weights of the head are infinite or no numbers in round ${round}`, windows.train);
    }
    const seconds = (performance.now() - began) / 1000;
    const rowsPerSecond = (windows.train.length * data.window * epochs) / seconds;
    const loss = tuned.losses.at(-1) ?? Number.NaN;
    return { ...tuned, windows: windows.train.length, loss, seconds, rowsPerSecond };
  }

  /** Training windows by unit of protection. */
  #unitsOf(unit: LocalPrivacy['unit']): Uint32Array[] {
    const { data, entityStarts, windows } = this.#setup;
    if (unit === 'record') return Array.from(windows.train, (start) => Uint32Array.of(start));
    const units = entityStarts.map((): number[] => []);
    let entity = 0;
    for (const start of windows.train) {
      while ((entityStarts[entity + 1] ?? Number.POSITIVE_INFINITY) <= firstRow(data, start) + data.window - 1)
        entity++;
      units[entity]!.push(start);
    }
    return units.filter((each) => each.length > 0).map((each) => Uint32Array.from(each));
  }

  /** Network outputs of these windows, standardised: windows × outputs (× steps). */
  predict(weights: Float32Array, starts: Uint32Array, { difference }: Aim = {}): Float32Array {
    const size = outputsPerWindow(this.#setup.model, this.#setup.data.window);
    const outputs = new Float32Array(starts.length * size);
    const backend = this.#backend(SCORING_BATCH, difference);
    backend.setWeights(weights);
    for (let from = 0; from < starts.length; from += this.#capacity) {
      if (Atomics.load(this.#setup.control, STOP)) throw canceled();
      const chunk = starts.subarray(from, from + this.#capacity);
      backend.predict(chunk, outputs.subarray(from * size, (from + chunk.length) * size));
    }
    return outputs;
  }

  /** Loss and errors of `weights` on one part, beside those of the naive rules. */
  evaluate(weights: Float32Array, part: Part, aim?: Aim): Evaluation {
    const starts = this.#setup.windows[part];
    return evaluateOutputs(this.#setup, part, starts, this.predict(weights, starts, aim), aim);
  }

  /** The same for each group of the part's windows. */
  evaluateGroups({ count, groups, part, weights }: GroupsRequest, aim?: Aim): Evaluation[] {
    const starts = this.#setup.windows[part];
    const outputs = this.predict(weights, starts, aim);
    const size = outputs.length / starts.length;
    const members = Array.from({ length: count }, (): number[] => []);
    groups.forEach((group, k) => {
      members[group]!.push(k);
    });
    return members.map((windows) => {
      const own = new Float32Array(windows.length * size);
      windows.forEach((k, i) => {
        own.set(outputs.subarray(k * size, (k + 1) * size), i * size);
      });
      const chosen = Uint32Array.from(windows, (k) => starts[k]!);
      return evaluateOutputs(this.#setup, part, chosen, own, aim);
    });
  }

  /** The backend in use, remade when it is too small or learns something else. */
  #backend(batch: number, difference: DifferenceSpec | undefined): TrainingBackend {
    const fits = this.#capacity >= batch && isDeepStrictEqual(this.#difference, difference);
    if (this.#current === undefined || !fits) {
      this.#current?.[Symbol.dispose]();
      this.#capacity = Math.max(this.#capacity, batch);
      this.#difference = difference;
      this.#current = this.#create({ ...this.#setup.data, ...(difference && { difference }) }, this.#capacity);
    }
    return this.#current;
  }

  #diverged(what: string, starts: Uint32Array): CausewayError {
    const { data, model, names, scales, silo } = this.#setup;
    const coded = new Set(model.categories?.map(({ column }) => column));
    const ranges = names.flatMap((name, column) => (coded.has(column) ? [] : [{ name, column, ...NOTHING_SEEN }]));
    for (const start of starts) {
      const first = firstRow(data, start);
      for (let row = first + missingSteps(data, start); row < first + data.window + data.horizon; row++) {
        for (const range of ranges) {
          const value = data.values[row * data.features + range.column]!;
          const { deviation, mean } = scaleAt(scales, row, range.column);
          range.low = Math.min(range.low, value);
          range.high = Math.max(range.high, value);
          range.lowest = Math.min(range.lowest, value * deviation + mean);
          range.highest = Math.max(range.highest, value * deviation + mean);
        }
      }
    }
    const widest = ranges.reduce((a, b) => (Math.max(-b.low, b.high) > Math.max(-a.low, a.high) ? b : a));
    return new CausewayError(SQLSTATE.trainingFailed, what, {
      silo,
      detail:
        `In this batch column "${widest.name}" ranges from ${widest.lowest.toPrecision(6)} to ${widest.highest.toPrecision(6)}, ` +
        `${widest.low.toPrecision(3)} to ${widest.high.toPrecision(3)} after scaling. The round's starting weights are kept.`,
      hint: 'Lower learning_rate, set clip, or exclude outliers in the training query.',
    });
  }
}
