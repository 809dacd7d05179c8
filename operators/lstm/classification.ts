/** A classifier's results as sums that pool exactly over silos: confusion counts, log-loss, and a histogram of scores. */

import { addLists } from './pooling.ts';

/** Bins of a binary classifier's score, for the area under the curve. */
const BINS = 1000;

export interface ClassificationSums {
  readonly target: string;
  readonly classes: number;
  /** Classes × classes, row by row: actual, then predicted. */
  readonly confusion: readonly number[];
  /** Σ −ln p(actual class). */
  readonly logLossSum: number;
  /** Binary only: windows per bin of the predicted probability, of negatives and of positives. */
  readonly scores?: { readonly negative: readonly number[]; readonly positive: readonly number[] };
}

/** How many counts the sums of one target hold: the confusion matrix, and two histograms where there are two classes. */
export const countsOf = (classes: number): number => classes ** 2 + (classes === 2 ? 2 * BINS : 0);

export interface ClassificationMetrics {
  readonly accuracy: number;
  readonly logLoss: number;
  /** Of the positive class when there are two, else the mean over the classes that occur. */
  readonly f1: number;
  /** Binary only, exact up to the width of a bin; undefined when one class is missing. */
  readonly auc: number | undefined;
}

/** Smallest probability that is counted: a float32 softmax may put out 0. */
const LEAST = 1e-12;

/** Adds predictions up. `probabilities` has one entry per class. */
export class ClassificationCounter {
  readonly #target: string;
  readonly #confusion: number[];
  readonly #negative: number[] = Array(BINS).fill(0);
  readonly #positive: number[] = Array(BINS).fill(0);
  readonly #classes: number;
  #logLoss = 0;

  constructor(target: string, classes: number) {
    this.#target = target;
    this.#classes = classes;
    this.#confusion = Array(classes * classes).fill(0);
  }

  add(actual: number, probabilities: readonly number[]): void {
    const predicted = probabilities.indexOf(Math.max(...probabilities));
    this.#confusion[actual * this.#classes + predicted]!++;
    this.#logLoss -= Math.log(Math.max(LEAST, probabilities[actual]!));
    if (this.#classes !== 2) return;
    const bin = Math.min(BINS - 1, Math.floor(probabilities[1]! * BINS));
    (actual === 1 ? this.#positive : this.#negative)[bin]!++;
  }

  get sums(): ClassificationSums {
    return {
      target: this.#target,
      classes: this.#classes,
      confusion: this.#confusion,
      logLossSum: this.#logLoss,
      ...(this.#classes === 2 ? { scores: { negative: this.#negative, positive: this.#positive } } : {}),
    };
  }
}

/** Sums of two silos together. */
export const mergeClassifications = (a: ClassificationSums, b: ClassificationSums): ClassificationSums => ({
  target: a.target,
  classes: a.classes,
  confusion: addLists(a.confusion, b.confusion),
  logLossSum: a.logLossSum + b.logLossSum,
  ...(a.scores && b.scores
    ? {
        scores: {
          negative: addLists(a.scores.negative, b.scores.negative),
          positive: addLists(a.scores.positive, b.scores.positive),
        },
      }
    : {}),
});

export function classificationMetrics({
  classes,
  confusion,
  logLossSum,
  scores,
}: ClassificationSums): ClassificationMetrics {
  const count = confusion.reduce((sum, n) => sum + n, 0);
  const all = Array.from({ length: classes }, (_, c) => c);
  const at = (actual: number, predicted: number) => confusion[actual * classes + predicted]!;
  const f1 = (c: number) => {
    const hits = 2 * at(c, c);
    const misses = all.reduce((sum, other) => sum + (other === c ? 0 : at(c, other) + at(other, c)), 0);
    return hits + misses === 0 ? 0 : hits / (hits + misses);
  };
  const occurring = all.filter((c) => all.some((other) => at(c, other) > 0));
  return {
    accuracy: all.reduce((sum, c) => sum + at(c, c), 0) / count,
    logLoss: logLossSum / count,
    f1: classes === 2 ? f1(1) : occurring.reduce((sum, c) => sum + f1(c), 0) / occurring.length,
    auc: scores && areaUnderCurve(scores.negative, scores.positive),
  };
}

/** Chance that a positive scores above a negative, ties counting half (Mann–Whitney). */
function areaUnderCurve(negative: readonly number[], positive: readonly number[]): number | undefined {
  const total = (bins: readonly number[]) => bins.reduce((sum, n) => sum + n, 0);
  const pairs = total(negative) * total(positive);
  if (pairs === 0) return undefined;
  let below = 0;
  let wins = 0;
  positive.forEach((count, bin) => {
    wins += count * (below + negative[bin]! / 2);
    below += negative[bin]!;
  });
  return wins / pairs;
}
