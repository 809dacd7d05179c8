import { describe, expect, it } from 'vitest';
import { fitLossCurve, iterationsUntil, lossAt } from './iterations.ts';
import { type SiloTraining, type TrainingShape, trainingPrices, updateBytes } from './training.ts';

const weights = 17_729;
const shape: TrainingShape = { weights, flopsPerWindow: 5e6, rounds: 20, epochs: 1, compression: 'none' };
const silo: SiloTraining = {
  silo: 'berlin',
  windows: 100_000,
  rows: 100_048,
  rowBytes: 32,
  flops: { agent: 4e9, mediator: 8e9 },
  secondsPerByte: 1e-7,
  roundTrip: 0.02,
  readSeconds: 1,
  moneyPerByte: 1e-10,
};

describe('trainingPrices', () => {
  it('sends four bytes per weight, or one when compressed', () => {
    expect([updateBytes(weights), updateBytes(weights, 'int8')]).toEqual([4 * weights, weights]);
  });

  it('lets only updates leave when training in place, only rows when shipping', () => {
    const [agent, mediator] = trainingPrices(silo, shape);
    expect(agent).toMatchObject({ site: 'agent', bytesKind: 'updates', bytes: 20 * 4 * weights });
    expect(mediator).toMatchObject({ site: 'mediator', bytesKind: 'rows', bytes: 100_048 * 32 });
  });

  it('has shipping win for a small silo and training in place for a large one behind a slow link', () => {
    const cheapest = (each: SiloTraining) =>
      trainingPrices(each, shape).toSorted((a, b) => a.seconds - b.seconds)[0]!.site;
    expect(cheapest({ ...silo, windows: 500, rows: 548 })).toBe('mediator');
    expect(cheapest({ ...silo, secondsPerByte: 1e-3, rowBytes: 320 })).toBe('agent');
  });

  it('offers no site that cannot train', () => {
    expect(trainingPrices({ ...silo, flops: {} }, shape)).toEqual([]);
  });
});

describe('fitLossCurve', () => {
  const losses = (floor: number, gain: number, power: number, count: number): number[] =>
    Array.from({ length: count }, (_, i) => floor + gain / (i + 1) ** power);

  it('recovers a curve from its beginning and says how long it will take', () => {
    const curve = fitLossCurve(losses(0.2, 1, 0.8, 8))!;
    expect(curve.floor).toBeCloseTo(0.2, 2);
    expect(lossAt(curve, 100)).toBeCloseTo(0.2 + 100 ** -0.8, 3);
    const exact = Math.ceil((1 / (0.2 * 0.1)) ** (1 / 0.8));
    expect(Math.abs(iterationsUntil(curve, 0.1, 10_000) - exact) / exact).toBeLessThan(0.17);
    expect(iterationsUntil(curve, 0.1, 50)).toBe(50);
  });

  it('knows when there is nothing to extrapolate', () => {
    expect(fitLossCurve([1, 0.5])).toBeUndefined();
    expect(fitLossCurve([1, Number.NaN, 0.3, 0.2])).toBeUndefined();
    expect(fitLossCurve([1, 2, 3, 4])).toBeUndefined();
  });
});
