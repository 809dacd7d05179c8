/** The strategies that must see each update, against the published vectors. */
import { describe, expect, test } from 'vitest';
import { distancesBetween, krumScores } from '../krum-scores.ts';
import { resolveOptions } from '../options.ts';
import type { IndividualStrategy, Update } from '../strategy.ts';
import { bulyan, selection } from './bulyan.ts';
import { fedbuff } from './fedbuff.ts';
import { krum } from './krum.ts';
import { median } from './median.ts';
import { multiKrum } from './multi-krum.ts';
import { qfedavg } from './qfedavg.ts';
import { trimmedMean } from './trimmed-mean.ts';

const deltas = [
  [1, 2],
  [1.21, 1.92],
  [0.8, 2.13],
  [1.1, 2.2],
  [0.9, 1.8],
  [1.05, 2.05],
  [9, -7],
].map((values) => Float64Array.from(values));

const updates: Update[] = deltas.map((delta, k) => ({ silo: `s${k}`, delta, count: 10 * (k + 1), loss: 1 }));

function combine(
  strategy: IndividualStrategy,
  given: Record<string, number> = {},
  of: readonly Update[] = updates,
): number[] {
  const global = new Float64Array(of[0]!.delta.length);
  return [...strategy.combine(global, of, {}, resolveOptions(strategy, given)).weights];
}

test.each([
  [median, {}, [1.05, 2]],
  [trimmedMean, { trim: 0.2 }, [1.052, 1.98]],
  [krum, { byzantine: 1 }, [1.05, 2.05]],
  [multiKrum, { byzantine: 1, keep: 6 }, [1.01, 2.0166666667]],
  [multiKrum, { byzantine: 1 }, [1.01, 2.0166666667]],
  [bulyan, { byzantine: 1 }, [1.05, 2.06]],
] as const)('$name meets its vector', (strategy, options, expected) => {
  const got = combine(strategy, options);
  got.forEach((value, i) => {
    expect(value).toBeCloseTo(expected[i]!, 9);
  });
});

describe('Krum', () => {
  test('scores', () => {
    const scores = krumScores(distancesBetween(deltas), [...deltas.keys()], 1);
    const published = [0.1555, 0.294, 0.3396, 0.2604, 0.3644, 0.1414, 573.4055];
    scores.forEach((score, k) => {
      expect(score).toBeCloseTo(published[k]!, 4);
    });
  });

  test('of two equal updates the first silo wins, and neither counts itself as a neighbour', () => {
    const tied = [[0], [0], [1], [10], [10.5]].map((values, k) => ({
      silo: `t${k}`,
      delta: Float64Array.from(values),
      count: 1,
      loss: 1,
    }));
    expect(combine(krum, { byzantine: 1 }, tied)).toEqual([0]);
  });

  test('Bulyan selects one after the other', () => {
    expect(selection(deltas, 1)).toEqual([5, 0, 3, 1, 2]);
  });

  test('demands 2f + 3 and 4f + 3 updates', () => {
    expect(krum.leastUpdates({ byzantine: 2 })).toBe(7);
    expect(bulyan.leastUpdates({ byzantine: 2 })).toBe(11);
  });
});

test('q-FedAvg meets its vector', () => {
  const pair: Update[] = [
    { silo: 'a', delta: Float64Array.of(-0.2), count: 1, loss: 0.5 },
    { silo: 'b', delta: Float64Array.of(0.3), count: 1, loss: 2 },
  ];
  expect(combine(qfedavg, { q: 1, local_learning_rate: 0.1 }, pair)[0]).toBeCloseTo(0.1315789474, 10);
  // q = 0 is the unweighted mean; a loss of zero stays finite.
  expect(combine(qfedavg, { q: 0 }, pair)[0]).toBeCloseTo(0.05, 12);
  expect(combine(qfedavg, { q: 0.5 }, [{ ...pair[0]!, loss: 0 }, pair[1]!])[0]).toBeGreaterThan(0);
});

test('FedBuff discounts stale updates and divides by K', () => {
  const buffer: Update[] = [
    { silo: 'a', delta: Float64Array.of(1), count: 1, loss: 1 },
    { silo: 'b', delta: Float64Array.of(1), count: 99, loss: 1, staleness: 3 },
  ];
  // (1 + 1/√4) / 2
  expect(combine(fedbuff, {}, buffer)[0]).toBeCloseTo(0.75, 12);
  expect(fedbuff.closesAfter?.(resolveOptions(fedbuff, { buffer: 4 }))).toBe(4);
});
