/** Training inside one silo: rows in, updates and sums out. Nothing here sends anything anywhere. */
import type { RecordBatch } from 'apache-arrow';
import { CausewayError, SQLSTATE, throwIfAborted } from '../../src/plan/errors.ts';
import type {
  FeatureSpec,
  LocalPrivacy,
  LocalTrainingSpec,
  ModelSpec,
  SequenceSpec,
  SplitSpec,
} from '../../src/plan/training.ts';
import { decodeUpdate, encodeUpdate } from '../aggregate/compression/codec.ts';
import type { Residuals } from '../aggregate/compression/residuals.ts';
import type { Mechanism } from '../aggregate/privacy/rdp.ts';
import { firstRow, type SequenceData } from './backend.ts';
import { leastShare } from './change-share.ts';
import type { BackendChoice } from './choose-backend.ts';
import { differenceMoments } from './differences.ts';
import type { Evaluation } from './evaluation.ts';
import type { ExplainRequest, Explanation } from './explain.ts';
import type { DropoutSamples, EntityForecast, ForecastRequest } from './forecast.ts';
import { headOf, withHead } from './head-tuning.ts';
import { isRegression, probabilities } from './losses.ts';
import { initialWeights, targetOfOutput } from './model.ts';
import { noiseSeed, runMechanism } from './private-training.ts';
import { headBetween, provenPart } from './proven-head.ts';
import { RowStore } from './row-store.ts';
import { localScales, type Scales, scaleAt } from './scales.ts';
import { categoryCodes, scaleRows, toldStatistics } from './standardise.ts';
import type { FeatureStatistics } from './statistics.ts';
import { networkOf, type TrainedFeatures, trainedFeatures } from './trained-features.ts';
import type { Aim, AloneRequest, Personal, PersonalRequest, TrainRequest, TrainResult } from './training-session.ts';
import { TrainingThread } from './training-thread.ts';
import { type Part, type Segment, segments, splitTimes, windowStarts } from './windows.ts';

export interface LocalTrainerSpec {
  readonly silo: string;
  /** Names of the stream's columns, for messages: time, entity if there is one, then the features. */
  readonly time: string;
  readonly entity?: string;
  readonly features: readonly FeatureSpec[];
  /** Indexes into `features`. */
  readonly targets: readonly number[];
  readonly sequence: SequenceSpec;
  readonly split: SplitSpec;
  /** What enters it is counted before anything is known of the rows; {@link LocalTrainer.model} is the network that is trained. */
  readonly model: ModelSpec;
  /** Training rows that a category or an entity must have here to be named outside the silo. Default 1. */
  readonly minRows?: number;
  /** Rows per season, for the seasonal naive rule in evaluations. */
  readonly season?: number;
  /** Lags of which the changes of the targets are described too, after the features, in {@link LocalTrainer.statistics}. */
  readonly lags?: readonly number[];
  /** What compression has not sent yet, for rounds that compress. */
  readonly residuals?: Residuals;
  /** 32 secret bytes of the silo, for private training: its noise is drawn from them. */
  readonly noiseKey?: Uint8Array;
  /** Default `auto`. */
  readonly backend?: BackendChoice;
  /** Training threads; default: two where the model is large enough. Results depend on it in their last bits. */
  readonly threads?: number;
}

export interface TrainerSummary {
  /** Rows kept, and rows left out because of a NULL. */
  readonly rows: number;
  readonly incompleteRows: number;
  readonly entities: number;
  /** Runs of rows without an entity, gap, NULL or split border inside. */
  readonly segments: number;
  readonly rowsPerPart: Readonly<Record<Part, number>>;
  readonly windows: Readonly<Record<Part, number>>;
  /** Bytes of the row buffer. */
  readonly bytes: number;
}

/** Predictions in original units, one per window. */
export interface Predictions {
  /** The entity of each window ('' without an entity column), and the time of the predicted row. */
  readonly entities: readonly string[];
  readonly times: Float64Array;
  /** Windows × outputs, and windows × targets. */
  readonly predicted: Float64Array;
  readonly actual: Float64Array;
}

/** State after {@link LocalTrainer.standardise}. */
interface Ready {
  readonly features: TrainedFeatures;
  readonly model: ModelSpec;
  readonly scales: Scales;
  readonly data: SequenceData;
  readonly thread: TrainingThread;
}

/**
 * One silo's side of a training run: `open` reads the rows, `statistics` leaves the silo, the merged statistics come
 * back to `standardise`, then rounds of `trainRound` and `evaluate`.
 */
export class LocalTrainer implements AsyncDisposable {
  readonly summary: TrainerSummary;
  readonly #spec: LocalTrainerSpec;
  readonly #store: RowStore;
  readonly #segments: readonly Segment[];
  readonly #windows: Readonly<Record<Part, Uint32Array>>;
  readonly #control = new Int32Array(new SharedArrayBuffer(8));
  #told: FeatureStatistics | undefined;
  #ready: Ready | undefined;

  private constructor(spec: LocalTrainerSpec, store: RowStore) {
    this.#spec = spec;
    this.#store = store;
    const { sequence, silo, split } = spec;
    const times = store.times;
    const order = { times, entityStarts: store.entities.map(({ start }) => start), breaks: store.breaks };
    this.#segments = segments(order, splitTimes(times, split), sequence.maxGap);
    const perPart = <T>(of: (part: Part) => T) => ({
      train: of('train'),
      validation: of('validation'),
      test: of('test'),
    });
    this.#windows = perPart((part) => windowStarts(this.#segments, part, sequence));
    if (this.#windows.train.length === 0) throw tooFewRows(silo, store.rows, sequence, this.#segments);
    this.summary = Object.freeze({
      rows: store.rows,
      incompleteRows: store.incompleteRows,
      entities: store.entities.length,
      segments: this.#segments.length,
      rowsPerPart: perPart((part) =>
        this.#segments.reduce((sum, s) => sum + (s.part === part ? s.end - s.start : 0), 0),
      ),
      windows: perPart((part) => this.#windows[part].length),
      bytes: store.values.byteLength,
    });
  }

  /**
   * Streams the rows into one buffer. The batches' columns are, by position: time, [entity], features; rows are sorted by entity, then
   * time. Throws {@link CausewayError} when there is not one training window, a value is NaN or infinite, a column is
   * NULL throughout or not a number, or rows are not sorted.
   */
  static async open(
    spec: LocalTrainerSpec,
    batches: AsyncIterable<RecordBatch>,
    signal: AbortSignal,
  ): Promise<LocalTrainer> {
    const store = new RowStore({
      time: spec.time,
      ...(spec.entity === undefined ? {} : { entity: spec.entity }),
      features: spec.features.map(({ name }) => name),
      categories: spec.features.map(({ category }) => category !== undefined),
    });
    try {
      for await (const batch of batches) {
        throwIfAborted(signal);
        store.append(batch);
      }
      throwIfAborted(signal);
      store.finish();
      return new LocalTrainer(spec, store);
    } catch (thrown) {
      if (!(thrown instanceof CausewayError) || thrown.silo !== undefined) throw thrown;
      const { detail, hint } = thrown;
      throw new CausewayError(thrown.sqlstate, thrown.message, {
        silo: spec.silo,
        ...(detail === undefined ? {} : { detail }),
        ...(hint === undefined ? {} : { hint }),
      });
    }
  }

  /** What leaves the silo before the first round: per feature (n, mean, M2) over the training rows, and its categories. */
  statistics(): FeatureStatistics {
    if (this.#told) return this.#told;
    if (this.#ready) throw new CausewayError(SQLSTATE.objectNotInPrerequisiteState, 'the rows are scaled already');
    const { features, lags = [], minRows = 1, targets } = this.#spec;
    const { values } = this.#store;
    this.#told = [
      ...toldStatistics(features, this.#store, this.#segments, minRows),
      ...differenceMoments(values, features.length, targets, lags, this.#segments),
    ];
    return this.#told;
  }

  /**
   * Scales the rows with the federation's statistics, gives categories their common numbers and drops constant features. Called
   * once, before any round.
   * @param own what this silo told when the model was trained; absent: what it tells now
   */
  standardise(merged: FeatureStatistics, own = this.#ownStatistics()): TrainedFeatures {
    if (this.#ready) throw new CausewayError(SQLSTATE.objectNotInPrerequisiteState, 'the rows are scaled already');
    const { model: asked, season, sequence, silo, targets } = this.#spec;
    // A class is a number that no scale may change.
    const all = isRegression(asked)
      ? this.#spec.features
      : this.#spec.features.map((feature, i) =>
          targets.includes(i) ? { ...feature, scale: 'none' as const } : feature,
        );
    const features = trainedFeatures(all, targets, merged);
    const { dictionaries, entities, origin } = this.#store;
    const scales = localScales(all, features, own, entities);
    const kept = features.kept.map((feature, k) => {
      const names = dictionaries[feature]?.names;
      return names === undefined ? { feature } : { feature, codes: categoryCodes(names, features.vocabularies[k]!) };
    });
    const model = networkOf(asked, all, features);
    const data: SequenceData = {
      values: scaleRows(this.#store.values, origin, kept, scales),
      features: kept.length,
      targets: features.targets,
      window: sequence.window,
      horizon: sequence.horizon,
      ...(sequence.minWindow === undefined
        ? {}
        : { sequences: Uint32Array.from(this.#segments, ({ start }) => start) }),
    };
    if (!isRegression(model)) this.#checkClasses(data, features, model);
    const thread = new TrainingThread({
      backend: this.#spec.backend ?? 'auto',
      ...(this.#spec.threads === undefined ? {} : { threads: this.#spec.threads }),
      session: {
        silo,
        model,
        data,
        names: features.kept.map((i) => all[i]!.name),
        scales,
        windows: this.#windows,
        segments: this.#segments,
        entityStarts: this.#store.entities.map(({ start }) => start),
        ...(season === undefined ? {} : { season }),
        control: this.#control,
      },
    });
    this.#ready = { features, model, scales, data, thread };
    return features;
  }

  /** Only features that are scaled by silo or entity need it. */
  #ownStatistics(): FeatureStatistics | undefined {
    const local = this.#spec.features.some(({ scale }) => scale === 'silo' || scale === 'entity');
    return local ? this.statistics() : undefined;
  }

  /** Says what the network is for in everything that is asked from now on; undefined: values, as without this call. */
  aimAt(aim: Aim | undefined): void {
    this.#use().thread.aim = aim;
  }

  /** The network as it is trained: without dropped features, and with the categories that there are. */
  get model(): ModelSpec {
    return this.#use().model;
  }

  /** Steps done in the current round. */
  get steps(): number {
    return Atomics.load(this.#control, 1);
  }

  /** One round of local training. The request's weights are not touched; on failure they are the last good ones. */
  async trainRound(request: TrainRequest, signal: AbortSignal): Promise<TrainResult> {
    const { privacy } = request;
    const asked = privacy === undefined ? request : this.#noised({ ...request, privacy });
    return this.#compressed(request, await this.#use().thread.train(asked, signal));
  }

  /** @throws CausewayError 55000 for top-k in a silo that remembers nothing */
  #compressed({ compression, round, run = '', weights }: TrainRequest, result: TrainResult): TrainResult {
    if (compression === undefined) return result;
    const { residuals, silo } = this.#spec;
    if (residuals === undefined) {
      throw new CausewayError(SQLSTATE.objectNotInPrerequisiteState, 'this silo cannot remember what it has not sent');
    }
    const delta = result.weights.map((weight, k) => weight - weights[k]!);
    const update = encodeUpdate(delta, compression, { run, silo, round }, residuals);
    return { ...result, update, delta: decodeUpdate(update, compression, delta.length) };
  }

  /** @throws CausewayError 55000 in a silo without a key of its own */
  #noised(request: TrainRequest & { readonly privacy: LocalPrivacy }): TrainRequest {
    const { noiseKey } = this.#spec;
    if (noiseKey === undefined) {
      throw new CausewayError(SQLSTATE.objectNotInPrerequisiteState, 'this silo has no key to draw noise from');
    }
    const { weights, ...what } = request;
    const mechanism = this.mechanism(request.privacy, request, request.rounds ?? request.round);
    return { ...request, noise: { mechanism, seed: noiseSeed(noiseKey, what, weights) } };
  }

  /** What a run of so many rounds with noise costs this silo's rows. */
  mechanism(privacy: LocalPrivacy, local: Pick<LocalTrainingSpec, 'batch' | 'epochs'>, rounds: number): Mechanism {
    const { batch, epochs } = local;
    return runMechanism(privacy, { batch, epochs, rounds, windows: this.#windows.train.length });
  }

  /**
   * What this silo would have without the others: the same training on its own rows, from the first weights of the seed.
   * The weights that are best on its validation part (without one: the last) are tested, and dropped.
   */
  async trainAlone({ patience, rounds, ...local }: AloneRequest, signal: AbortSignal): Promise<Evaluation> {
    let weights = initialWeights(this.model, local.seed);
    let best = { loss: Number.POSITIVE_INFINITY, round: 0, weights };
    for (let round = 1; round <= rounds && round - best.round <= patience; round++) {
      weights = (await this.trainRound({ ...local, weights, round, rounds }, signal)).weights;
      const { lossSum, lossWeight } = await this.evaluate(weights, 'validation', signal);
      const loss = lossWeight === 0 ? 0 : lossSum / lossWeight;
      if (loss < best.loss || lossWeight === 0) best = { loss, round, weights };
    }
    return (await this.#tested(best.weights, signal)).evaluation;
  }

  /**
   * Fine-tunes the head on this silo's rows, beginning with the federation's, to the one that is best on the silo's validation part; of a
   * regression it is kept as far as that part proves it. Without such a part the head is trained for one round.
   */
  async personalise({ patience, rounds, weights, ...local }: PersonalRequest, signal: AbortSignal): Promise<Personal> {
    const { model, thread } = this.#use();
    const lossOf = async (head: Float32Array): Promise<number> => {
      const { lossSum, lossWeight } = await this.evaluate(head, 'validation', signal);
      return lossSum / lossWeight;
    };
    const validated = this.#windows.validation.length > 0;
    let tuned = weights;
    let best = { loss: validated ? await lossOf(weights) : Number.POSITIVE_INFINITY, round: 0, weights };
    const most = validated ? rounds : 1;
    for (let round = 1; round <= most && round - best.round <= patience; round++) {
      tuned = (await thread.trainHead({ ...local, weights: tuned, round, rounds: most }, signal)).weights;
      const loss = validated ? await lossOf(tuned) : 0;
      if (loss < best.loss) best = { loss, round, weights: tuned };
    }
    const { offset, length } = headOf(model);
    const headIn = (of: Float32Array): Float32Array => of.slice(offset, offset + length);
    const part = best.round === 0 || !validated ? 1 : await this.#provenPart(weights, best.weights, signal);
    const head = headBetween(headIn(weights), headIn(best.weights), part);
    return { head, ...(await this.#tested(withHead(model, weights, head), signal)) };
  }

  /** How far the validation part proves the tuned head; a classifier's is taken as it is. */
  async #provenPart(federated: Float32Array, tuned: Float32Array, signal: AbortSignal): Promise<number> {
    const { data, model, thread } = this.#use();
    if (!isRegression(model)) return 1;
    const starts = this.#windows.validation;
    const outputs = {
      starts,
      federated: await thread.predict(federated, starts, signal),
      tuned: await thread.predict(tuned, starts, signal),
    };
    const { difference, season = this.#spec.season ?? 0 } = thread.aim ?? {};
    return provenPart(model, data, outputs, Math.max(data.horizon, season, difference?.lag ?? 0));
  }

  /** Errors on the test part; of a network of changes with as much of it as the validation part proves. */
  async #tested(weights: Float32Array, signal: AbortSignal): Promise<Omit<Personal, 'head'>> {
    const { thread } = this.#use();
    const { aim } = thread;
    if (aim?.difference === undefined) return { evaluation: await this.evaluate(weights, 'test', signal) };
    try {
      thread.aim = { ...aim, difference: { ...aim.difference, share: 1 } };
      const share = leastShare((await this.evaluate(weights, 'validation', signal)).targets);
      thread.aim = { ...aim, difference: { ...aim.difference, share } };
      return { share, evaluation: await this.evaluate(weights, 'test', signal) };
    } finally {
      thread.aim = aim;
    }
  }

  /** Sums of loss and errors on one part, for exact pooling over silos (`mergeEvaluations`). */
  evaluate(weights: Float32Array, part: Part, signal: AbortSignal): Promise<Evaluation> {
    return this.#use().thread.evaluate(weights, part, signal);
  }

  /**
   * The same for every group of windows: by entity, or by the category that a feature has in the predicted row
   * (undefined stands for "unknown"). Groups without a window are left out.
   */
  async evaluateBy(
    weights: Float32Array,
    part: Part,
    by: string | undefined,
    signal: AbortSignal,
  ): Promise<readonly (readonly [group: string | undefined, evaluation: Evaluation])[]> {
    const { data, features, thread } = this.#use();
    const rows = Array.from(this.#windows[part], (start) => firstRow(data, start) + data.window - 1 + data.horizon);
    const column = features.kept.findIndex((i) => this.#spec.features[i]!.name === by);
    const vocabulary = features.vocabularies[column] ?? [];
    const names: readonly (string | undefined)[] =
      by === undefined
        ? this.#entitiesOf(rows)
        : rows.map((row) => vocabulary[data.values[row * data.features + column]! - 1]);
    const groups = [...new Set(names)];
    const numbers = new Map(groups.map((name, number) => [name, number]));
    const request = {
      weights,
      part,
      groups: Uint32Array.from(names, (name) => numbers.get(name)!),
      count: groups.length,
    };
    const evaluations = await thread.evaluateGroups(request, signal);
    return groups.map((name, i) => [name, evaluations[i]!]);
  }

  /** Predictions for every window of a part. A classifier's are probabilities: of the positive class, or of every class. */
  async predict(weights: Float32Array, part: Part, signal: AbortSignal): Promise<Predictions> {
    const { data, model, scales, thread } = this.#use();
    const { horizon, targets, values, window } = data;
    const starts = this.#windows[part];
    const outputs = await thread.predict(weights, starts, signal);
    const size = outputs.length / starts.length;
    const regression = isRegression(model);
    const predicted = new Float64Array(starts.length * model.outputs);
    const actual = new Float64Array(starts.length * targets.length);
    const rows = Array.from(starts, (start) => firstRow(data, start) + window - 1 + horizon);
    rows.forEach((row, k) => {
      const last = outputs.subarray((k + 1) * size - model.outputs, (k + 1) * size);
      (regression ? last : probabilities(model, last)).forEach((value, o) => {
        const { mean, deviation } = scaleAt(scales, row, targets[targetOfOutput(model, targets.length, o)]!);
        predicted[k * model.outputs + o] = regression ? value * deviation + mean : value;
      });
      targets.forEach((column, i) => {
        const { mean, deviation } = scaleAt(scales, row, column);
        actual[k * targets.length + i] = values[row * data.features + column]! * deviation + mean;
      });
    });
    return {
      entities: this.#entitiesOf(rows),
      times: Float64Array.from(rows, (row) => this.#store.times[row]!),
      predicted,
      actual,
    };
  }

  /** What the model looks at, as sums for exact pooling over silos (`mergeExplanations`, then `importances`). */
  explain(request: ExplainRequest, signal: AbortSignal): Promise<Explanation> {
    return this.#use().thread.explain(request, signal);
  }

  /**
   * Predictions `steps` rows beyond the last row of every entity. A model of horizon H needs nothing but known rows up to
   * H steps ahead; further steps read the model's own predictions and, for all other features, `future`: per entity
   * steps × features in original units and in the order of the kept features. NaN, or an entity that is missing there,
   * holds the last known value. Entities with fewer than window + horizon − 1 unbroken rows are left out (with `minWindow`: fewer
   * than minWindow + horizon − 1). With `samples` every value has an interval, for models with dropout.
   */
  forecast(
    weights: Float32Array,
    steps: number,
    signal: AbortSignal,
    future?: ReadonlyMap<string, Float64Array>,
    samples?: DropoutSamples,
  ): Promise<readonly EntityForecast[]> {
    const { model } = this.#use();
    if (!isRegression(model)) {
      throw new CausewayError(SQLSTATE.featureNotSupported, 'a classifier does not forecast', {
        hint: 'Its prediction for every window is what ml.predict gives.',
      });
    }
    const { entities } = this.#store;
    const ends = entities.map((_, e) => entities[e + 1]?.start ?? this.#store.rows);
    const last = entities.map(({ name, start }, e) => ({
      name,
      end: ends[e]!,
      known: ends[e]! - Math.max(start, this.#unbrokenFrom(ends[e]!)),
    }));
    const { minWindow = this.#spec.sequence.window } = this.#spec.sequence;
    const request: ForecastRequest = {
      ...{ weights, steps, minWindow, entities: last },
      ...(future ? { future } : {}),
      ...(samples ? { samples } : {}),
    };
    return this.#use().thread.forecast(request, signal);
  }

  /** Times of the last row of every entity, and the usual distance of its rows: what forecast steps are dated with. */
  lastRows(): readonly { readonly entity: string; readonly time: number; readonly interval: number }[] {
    const { entities, rows, times } = this.#store;
    return entities.map(({ name, start }, e) => {
      const end = entities[e + 1]?.start ?? rows;
      const distances: number[] = [];
      for (let row = Math.max(start + 1, end - 32); row < end; row++) distances.push(times[row]! - times[row - 1]!);
      distances.sort((a, b) => a - b);
      return { entity: name, time: times[end - 1]!, interval: distances[distances.length >> 1] ?? 0 };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ready?.thread[Symbol.asyncDispose]();
  }

  /** Targets of a classifier are the numbers of classes. */
  #checkClasses({ targets, values }: SequenceData, { kept }: TrainedFeatures, { loss, outputs }: ModelSpec): void {
    const classes = loss === 'binary-cross-entropy' ? 2 : outputs;
    for (const target of targets) {
      for (let at = target; at < values.length; at += kept.length) {
        const value = values[at]!;
        if (Number.isInteger(value) && value >= 0 && value < classes) continue;
        const name = this.#spec.features[kept[target]!]!.name;
        throw new CausewayError(SQLSTATE.trainingFailed, `column "${name}" has the value ${value}, which is no class`, {
          silo: this.#spec.silo,
          hint: `Classes are 0 to ${classes - 1}; turn other values into them with CASE.`,
        });
      }
    }
  }

  #use(): Ready {
    if (this.#ready) return this.#ready;
    throw new CausewayError(SQLSTATE.objectNotInPrerequisiteState, 'the rows are not scaled yet', {
      hint: 'Call standardise with the merged statistics first.',
    });
  }

  /** First row before `end` from which nothing is missing; split borders do not count. */
  #unbrokenFrom(end: number): number {
    const { breaks, times } = this.#store;
    const maxGap = this.#spec.sequence.maxGap ?? Number.POSITIVE_INFINITY;
    let row = end - 1;
    while (row > 0 && !breaks.has(row) && times[row]! - times[row - 1]! <= maxGap) row--;
    return row;
  }

  /** Of rows in ascending order. */
  #entitiesOf(rows: readonly number[]): string[] {
    const { entities } = this.#store;
    let e = 0;
    return rows.map((row) => {
      while (e + 1 < entities.length && entities[e + 1]!.start <= row) e++;
      return entities[e]!.name;
    });
  }
}

function tooFewRows(silo: string, rows: number, sequence: SequenceSpec, all: readonly Segment[]): CausewayError {
  const { horizon, minWindow = sequence.window } = sequence;
  const longest = all.reduce((most, s) => Math.max(most, s.part === 'train' ? s.end - s.start : 0), 0);
  return new CausewayError(SQLSTATE.trainingFailed, `silo ${silo} has not one training window`, {
    silo,
    detail: `A window needs ${minWindow + horizon} consecutive rows (window ${minWindow}, horizon ${horizon}); the longest run among its ${rows} rows has ${longest} in the training part.`,
    hint: 'Select more rows, or make WINDOW or HORIZON smaller.',
  });
}
