import { describe, expect, it } from 'vitest';
import { fitLossCurve, iterationsUntil, lossAt } from './iterations.ts';
import { type SiloTraining, type TrainingShape, trainingPrices, updateBytes } from './training.ts';

const weights = 17_729;
const shape: TrainingShape = { weights, flopsPerWindow: 5e6, rounds: 20, epochs: 1, compression: 'none' };
const silo: SiloTraining = {
  silo: 'berlin',
  home: 'agent',
  windows: 100_000,
  rows: 100_048,
  rowBytes: 32,
  homeFlops: 4e9,
  hereFlops: 8e9,
  secondsPerByte: 1e-7,
  roundTrip: 0.02,
  readSeconds: 1,
  moneyPerByte: 1e-10,
};

describe('trainingPrices', () => {
  it('sends four bytes per weight, or one and the scales when compressed', () => {
    expect(updateBytes(weights)).toBe(4 * weights);
    expect(updateBytes(weights, 'int8')).toBe(Math.ceil(weights * (1 + 4 / 256)));
  });

  it('lets only updates leave when training at home, only rows when bringing them', () => {
    const { home, mediator } = trainingPrices(silo, shape);
    expect(home).toMatchObject({ site: 'agent', bytesKind: 'updates', bytes: 20 * 4 * weights });
    expect(mediator).toMatchObject({ site: 'mediator', bytesKind: 'rows', bytes: 100_048 * 32, exchange: 0 });
  });

  it('has the link carry weights and updates every round, or the rows once', () => {
    const { home, mediator } = trainingPrices(silo, shape);
    expect(home.exchange).toBeCloseTo(2 * 4 * weights * silo.secondsPerByte + 2 * silo.roundTrip);
    expect(mediator.prepare - home.prepare).toBeCloseTo(100_048 * 32 * silo.secondsPerByte);
  });

  it('knows that a worker in this process has its rows brought, and trains as fast as the mediator', () => {
    const { home, mediator } = trainingPrices({ ...silo, home: 'worker' }, shape);
    expect(home).toMatchObject({ site: 'worker', prepare: mediator.prepare, compute: mediator.compute, exchange: 0 });
  });

  it('has seconds of training cost money where they do', () => {
    const { home } = trainingPrices({ ...silo, homeMoneyPerSecond: 2 }, shape);
    expect(home.money).toBeCloseTo(home.bytes * silo.moneyPerByte + 2 * (silo.readSeconds + 20 * home.compute));
  });

  it('pays for a worker what its rows cost to read and to move, and this process where it trains', () => {
    const priced = { ...silo, home: 'worker', homeMoneyPerSecond: 2, hereMoneyPerSecond: 0.5 } as const;
    const { home } = trainingPrices(priced, shape);
    const moved = silo.rows * silo.rowBytes * silo.moneyPerByte;
    expect(home.money).toBeCloseTo(moved + 2 * silo.readSeconds + 0.5 * 20 * home.compute);
  });

  it('has an engine start and read once to describe the rows, and twice a round', () => {
    const engine = { startup: 5, flops: 2e10 };
    const priced = trainingPrices({ ...silo, home: 'worker', homeMoneyPerSecond: 2, engine }, shape).engine!;
    expect(priced).toMatchObject({ site: 'engine', bytesKind: 'updates', bytes: 20 * 4 * weights });
    expect(priced.prepare).toBeCloseTo(5 + silo.readSeconds + silo.roundTrip);
    expect(priced.exchange).toBeCloseTo(
      2 * (5 + silo.readSeconds + silo.roundTrip) + 8 * weights * silo.secondsPerByte,
    );
    const seconds = 41 * (5 + silo.readSeconds) + 20 * priced.compute;
    expect(priced.money).toBeCloseTo(priced.bytes * silo.moneyPerByte + 2 * seconds);
    expect(trainingPrices(silo, shape).engine).toBeUndefined();
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
