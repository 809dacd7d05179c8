/** One silo's trainer at the site that was chosen for it. Between rounds it can move: the next one trains elsewhere. */
import type { Evaluation } from '../../../operators/lstm/evaluation.ts';
import type { TrainerSummary } from '../../../operators/lstm/local-trainer.ts';
import type { FeatureStatistics } from '../../../operators/lstm/statistics.ts';
import type { TrainedFeatures } from '../../../operators/lstm/trained-features.ts';
import type {
  Aim,
  AloneRequest,
  PersonalRequest,
  TrainRequest,
  TrainResult,
} from '../../../operators/lstm/training-session.ts';
import type { Part } from '../../../operators/lstm/windows.ts';
import type { TrainingSite } from '../../../optimizer/cost/training.ts';
import type { ModelSpec } from '../../plan/training.ts';
import type { OwnerTerms, PersonalResult, SiloTrainer } from './silo-trainer.ts';

/** Opens the silo's trainer, on the same rows wherever it is. */
export type OpenAt = (site: TrainingSite, signal: AbortSignal) => Promise<OpenedAt>;

/** A trainer and where it really is: a silo may refuse what the coordinator thought lawful. */
export interface OpenedAt {
  readonly site: TrainingSite;
  readonly trainer: SiloTrainer;
}

/** What a silo took for its last round. */
export interface RoundTime {
  readonly round: number;
  /** With the way there and back. */
  readonly seconds: number;
  /** Of training alone. */
  readonly compute: number;
  /** Not the first at its site, which starts threads and compiles. */
  readonly warm: boolean;
}

export class PlacedTrainer implements SiloTrainer {
  readonly silo: string;
  readonly #open: OpenAt;
  #opened: OpenedAt;
  #merged: FeatureStatistics | undefined;
  #aim: Aim | undefined;
  /** Calls under way: a trainer at work does not move. */
  #working = 0;
  #last: RoundTime | undefined;
  #started = false;
  #seconds = 0;

  private constructor(silo: string, open: OpenAt, opened: OpenedAt) {
    this.silo = silo;
    this.#open = open;
    this.#opened = opened;
  }

  static async open(silo: string, site: TrainingSite, open: OpenAt, signal: AbortSignal): Promise<PlacedTrainer> {
    return new PlacedTrainer(silo, open, await open(site, signal));
  }

  get site(): TrainingSite {
    return this.#opened.site;
  }

  get lastRound(): RoundTime | undefined {
    return this.#last;
  }

  /** Of all rounds together. */
  get seconds(): number {
    return this.#seconds;
  }

  get summary(): TrainerSummary {
    return this.#opened.trainer.summary;
  }

  get model(): ModelSpec {
    return this.#opened.trainer.model;
  }

  statistics(): FeatureStatistics {
    return this.#opened.trainer.statistics();
  }

  standardise(merged: FeatureStatistics): TrainedFeatures {
    this.#merged = merged;
    return this.#opened.trainer.standardise(merged);
  }

  async trainRound(request: TrainRequest, signal: AbortSignal): Promise<TrainResult> {
    const began = performance.now();
    const result = await this.#work((trainer) => trainer.trainRound(request, signal));
    const seconds = (performance.now() - began) / 1000;
    this.#last = { round: request.round, seconds, compute: result.seconds, warm: this.#started };
    this.#started = true;
    this.#seconds += seconds;
    return result;
  }

  evaluate(weights: Float32Array, part: Part, signal: AbortSignal): Promise<Evaluation> {
    return this.#work((trainer) => trainer.evaluate(weights, part, signal));
  }

  aimAt(aim: Aim | undefined): void {
    this.#aim = aim;
    this.#opened.trainer.aimAt(aim);
  }

  trainAlone(request: AloneRequest, signal: AbortSignal): Promise<Evaluation> {
    return this.#work((trainer) => trainer.trainAlone(request, signal));
  }

  personalise(request: PersonalRequest, signal: AbortSignal): Promise<PersonalResult> {
    return this.#work((trainer) => trainer.personalise(request, signal));
  }

  async tell(event: string): Promise<void> {
    await this.#opened.trainer.tell?.(event);
  }

  async terms(signal: AbortSignal): Promise<OwnerTerms | undefined> {
    return this.#opened.trainer.terms?.(signal);
  }

  /**
   * Goes on at another site. False when it could not: it is at work, or its rows are no longer those that it trains on;
   * then everything stays as it was.
   */
  async moveTo(site: TrainingSite, signal: AbortSignal): Promise<boolean> {
    if (this.#working > 0 || this.#merged === undefined) return false;
    const next = await this.#open(site, signal);
    const [known, found] = [this.summary, next.trainer.summary];
    const same = found.rows === known.rows && found.windows.train === known.windows.train;
    if (this.#working > 0 || next.site !== site || !same) {
      await next.trainer[Symbol.asyncDispose]();
      return false;
    }
    next.trainer.standardise(this.#merged);
    next.trainer.aimAt(this.#aim);
    const before = this.#opened.trainer;
    this.#opened = next;
    this.#started = false;
    await before[Symbol.asyncDispose]();
    return true;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#opened.trainer[Symbol.asyncDispose]() as Promise<void>;
  }

  async #work<T>(call: (trainer: SiloTrainer) => Promise<T>): Promise<T> {
    this.#working++;
    try {
      return await call(this.#opened.trainer);
    } finally {
      this.#working--;
    }
  }
}
