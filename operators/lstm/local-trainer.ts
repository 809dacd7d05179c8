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
import type { BackendChoice } from './choose-backend.ts';
import { checkClasses } from './classes.ts';
import { differenceMoments } from './differences.ts';
import type { Evaluation } from './evaluation.ts';
import type { ExplainRequest, Explanation } from './explain.ts';
import type { DropoutSamples, EntityForecast, ForecastRequest } from './forecast.ts';
import { isRegression } from './losses.ts';
import { type OwnTraining, personalise, trainAlone } from './own-model.ts';
import { type Predictions, predictionsOf } from './predictions.ts';
import { noiseSeed, runMechanism } from './private-training.ts';
import { RowStore } from './row-store.ts';
import { localScales, type Scales } from './scales.ts';
import { categoryCodes, scaleRows, toldStatistics } from './standardise.ts';
import type { FeatureStatistics } from './statistics.ts';
import { networkOf, type TrainedFeatures, trainedFeatures } from './trained-features.ts';
import type { Aim, AloneRequest, Personal, PersonalRequest, TrainRequest, TrainResult } from './training-session.ts';
import { TrainingThread } from './training-thread.ts';
import { type Part, type Segment, segments, splitTimes, tooFewRows, windowStarts } from './windows.ts';

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
    if (!isRegression(model))
      checkClasses(
        silo,
        data,
        kept.map(({ feature }) => all[feature]!.name),
        model,
      );
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
  trainAlone(request: AloneRequest, signal: AbortSignal): Promise<Evaluation> {
    return trainAlone(this.#own(), request, signal);
  }

  /**
   * Fine-tunes the head on this silo's rows, beginning with the federation's, to the one that is best on the silo's validation part; of a
   * regression it is kept as far as that part proves it. Without such a part the head is trained for one round.
   */
  personalise(request: PersonalRequest, signal: AbortSignal): Promise<Personal> {
    return personalise(this.#own(), request, signal);
  }

  #own(): OwnTraining {
    const { data, model, thread } = this.#use();
    const { season = 0 } = this.#spec;
    return { data, model, thread, season, validation: this.#windows.validation, trainer: this };
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
        ? this.#store.entitiesOf(rows)
        : rows.map((row) => vocabulary[data.values[row * data.features + column]! - 1]);
    const groups = [...new Set(names)];
    const numbers = new Map(groups.map((name, number) => [name, number]));
    const numbered = Uint32Array.from(names, (name) => numbers.get(name)!);
    const request = { weights, part, groups: numbered, count: groups.length };
    const evaluations = await thread.evaluateGroups(request, signal);
    return groups.map((name, i) => [name, evaluations[i]!]);
  }

  /** Predictions for every window of a part. A classifier's are probabilities: of the positive class, or of every class. */
  async predict(weights: Float32Array, part: Part, signal: AbortSignal): Promise<Predictions> {
    const ready = this.#use();
    const starts = this.#windows[part];
    return predictionsOf(ready, this.#store, starts, await ready.thread.predict(weights, starts, signal));
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
    const { maxGap, window, minWindow = window } = this.#spec.sequence;
    const last = this.#store.lastRuns(maxGap);
    const request: ForecastRequest = {
      ...{ weights, steps, minWindow, entities: last },
      ...(future ? { future } : {}),
      ...(samples ? { samples } : {}),
    };
    return this.#use().thread.forecast(request, signal);
  }

  /** Times of the last row of every entity, and the usual distance of its rows: what forecast steps are dated with. */
  lastRows(): ReturnType<RowStore['lastRows']> {
    return this.#store.lastRows();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ready?.thread[Symbol.asyncDispose]();
  }

  #use(): Ready {
    if (this.#ready) return this.#ready;
    throw new CausewayError(SQLSTATE.objectNotInPrerequisiteState, 'the rows are not scaled yet', {
      hint: 'Call standardise with the merged statistics first.',
    });
  }
}
