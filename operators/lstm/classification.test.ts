import { describe, expect, it } from 'vitest';
import { ClassificationCounter, classificationMetrics, countsOf, mergeClassifications } from './classification.ts';

function counted(pairs: readonly (readonly [actual: number, positive: number])[]) {
  const counter = new ClassificationCounter('fault', 2);
  for (const [actual, positive] of pairs) counter.add(actual, [1 - positive, positive]);
  return counter.sums;
}

describe('classificationMetrics', () => {
  it('computes accuracy, F1, log-loss and area under the curve', () => {
    const metrics = classificationMetrics(
      counted([
        [1, 0.9],
        [1, 0.4],
        [0, 0.6],
        [0, 0.1],
      ]),
    );
    expect(metrics.accuracy).toBe(0.5);
    expect(metrics.f1).toBe(0.5);
    expect(metrics.auc).toBe(0.75);
    expect(metrics.logLoss).toBeCloseTo(-(2 * Math.log(0.9) + 2 * Math.log(0.4)) / 4, 12);
  });

  it('counts ties half, and has no area for one class alone', () => {
    expect(
      classificationMetrics(
        counted([
          [1, 0.5],
          [0, 0.5],
        ]),
      ).auc,
    ).toBe(0.5);
    expect(classificationMetrics(counted([[1, 0.5]])).auc).toBeUndefined();
  });

  it('pools silos exactly', () => {
    const pairs = Array.from({ length: 40 }, (_, i) => [i % 2, ((i * 7) % 10) / 10] as const);
    const whole = classificationMetrics(counted(pairs));
    const merged = classificationMetrics(mergeClassifications(counted(pairs.slice(0, 13)), counted(pairs.slice(13))));
    expect(merged.logLoss).toBeCloseTo(whole.logLoss, 12);
    expect({ ...merged, logLoss: 0 }).toEqual({ ...whole, logLoss: 0 });
  });

  it('averages F1 over the classes that occur', () => {
    const counter = new ClassificationCounter('state', 4);
    counter.add(0, [0.7, 0.1, 0.1, 0.1]);
    counter.add(1, [0.1, 0.7, 0.1, 0.1]);
    counter.add(2, [0.1, 0.7, 0.1, 0.1]);
    const metrics = classificationMetrics(counter.sums);
    expect(metrics.accuracy).toBeCloseTo(2 / 3, 12);
    expect(metrics.f1).toBeCloseTo((1 + 2 / 3 + 0) / 3, 12);
    expect(metrics.auc).toBeUndefined();
  });
});

it.each([2, 3])('counts the counts of %i classes', (classes) => {
  const { confusion, scores } = new ClassificationCounter('fault', classes).sums;
  const { negative = [], positive = [] } = scores ?? {};
  expect(countsOf(classes)).toBe(confusion.length + negative.length + positive.length);
});
