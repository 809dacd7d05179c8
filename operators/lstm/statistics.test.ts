import { describe, expect, it } from 'vitest';
import { deviation, type FeatureStatistics, mergeStatistics } from './statistics.ts';
import { trainedFeatures } from './trained-features.ts';

const moments = (...values: number[]) => {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return { n: values.length, mean, m2: values.reduce((sum, x) => sum + (x - mean) ** 2, 0) };
};

describe('mergeStatistics', () => {
  it('is exact for silos of different sizes', () => {
    const [merged] = mergeStatistics([[moments(1, 2, 3)], [moments(10, 12)]]);
    expect(merged!.n).toBe(5);
    expect(merged!.mean).toBeCloseTo(5.6, 12);
    expect(deviation(merged!) ** 2).toBeCloseTo(20.24, 12);
  });

  it('takes a silo without training rows', () => {
    const silo: FeatureStatistics = [moments(1, 2, 3)];
    expect(mergeStatistics([[{ n: 0, mean: 0, m2: 0 }], silo])).toEqual(silo);
  });

  it('keeps the deviation of a column whose values are large', () => {
    const base = 1e9;
    const [merged] = mergeStatistics([[moments(base, base + 1)], [moments(base + 2, base + 3)]]);
    expect(deviation(merged!)).toBeCloseTo(Math.sqrt(1.25), 6);
  });
});

describe('trainedFeatures', () => {
  const features = [
    { name: 'load', scale: 'standard' },
    { name: 'constant', scale: 'standard' },
    { name: 'sine', scale: 'none' },
  ] as const;
  const merged = [moments(1, 3), moments(0.1, 0.1, 0.1), moments(-1, 1)];

  it('drops what is constant in all silos and moves the targets', () => {
    const found = trainedFeatures(features, [2], merged);
    expect(found.kept).toEqual([0, 2]);
    expect(found.dropped).toEqual(['constant']);
    expect(found.targets).toEqual([1]);
    expect(found.scales).toEqual([
      { mean: 2, deviation: 1 },
      { mean: 0, deviation: 1 },
    ]);
  });

  it('refuses a constant target by name', () => {
    expect(() => trainedFeatures(features, [1], merged)).toThrow('column "constant" has one value only');
  });
});
