import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareCosts } from '../cost/objective.ts';
import type { SiloTraining, TrainingPrice, TrainingShape } from '../cost/training.ts';
import { type PlacedTraining, placedTraining, type TrainingShare } from './placed-training.ts';
import { expectedRounds, type MeasuredRound, replanTraining } from './replan-training.ts';
import { everyPlacement, placeTraining, roundSeconds, type SiloOptions, trainingCost } from './training.ts';
import { cheapestTerms } from './training-variants.ts';

const SHAPE: TrainingShape = { weights: 20_000, flopsPerWindow: 5e6, rounds: 20, epochs: 1, compression: 'none' };
const TERMS = { cores: 4, objective: 'time' } as const;

const silo = (name: string, over: Partial<SiloTraining> = {}): SiloTraining => ({
  silo: name,
  home: 'agent',
  windows: 50_000,
  rows: 60_000,
  rowBytes: 32,
  homeFlops: 2e10,
  hereFlops: 2e10,
  secondsPerByte: 1e-7,
  roundTrip: 0.01,
  readSeconds: 0.5,
  moneyPerByte: 1e-9,
  ...over,
});

const lawful = (training: SiloTraining): TrainingShare => ({ training, legality: {} });
const guarded = (training: SiloTraining): TrainingShare => ({ training, legality: { mediator: 'its rows stay in' } });
const sites = ({ shares }: PlacedTraining): string => shares.map(({ chosen }) => chosen.site).join(' ');

describe('placeTraining', () => {
  it('mixes sites: two silos train at home, a small one far away sends its rows because its policy lets them', () => {
    const far = { windows: 2000, rows: 2400, roundTrip: 0.8, secondsPerByte: 1e-6 };
    const placed = placedTraining(
      [guarded(silo('berlin')), lawful(silo('oslo', far)), guarded(silo('paris'))],
      { ...SHAPE, flopsPerWindow: 1e5 },
      TERMS,
    );
    expect(sites(placed)).toBe('agent mediator agent');
    expect(placed.shares[1]!.rejected[0]!.reason).toMatch(/times the time of the run/);
    expect(placed.shares[0]!.rejected[0]!.reason).toBe('its rows stay in');
  });

  it('leaves rows at home when the run waits for another silo anyway', () => {
    const placed = placedTraining(
      [guarded(silo('berlin', { windows: 500_000 })), lawful(silo('oslo', { roundTrip: 0.1, windows: 2000 }))],
      SHAPE,
      TERMS,
    );
    expect(sites(placed)).toBe('agent agent');
    expect(placed.shares[1]!.rejected[0]!.reason).toMatch(/waits for other silos/);
  });

  it('does not bring more silos than the cores here can train', () => {
    const slow = Array.from({ length: 8 }, (_, i) => lawful(silo(`s${i}`, { homeFlops: 1.2e10 })));
    const moved = (cores: number): number =>
      placedTraining(slow, SHAPE, { ...TERMS, cores }).shares.filter(({ chosen }) => chosen.site === 'mediator').length;
    expect(moved(16)).toBe(8);
    expect(moved(1)).toBe(0);
  });

  it('keeps bytes or money small when asked', () => {
    const heavy = lawful(silo('berlin', { rows: 500, windows: 400 }));
    expect(sites(placedTraining([heavy], SHAPE, { ...TERMS, objective: 'egress' }))).toBe('mediator');
    const priced = lawful(silo('berlin', { homeMoneyPerSecond: 1, rows: 100, windows: 90 }));
    expect(sites(placedTraining([priced], SHAPE, { ...TERMS, objective: 'money' }))).toBe('mediator');
  });

  it('trains inside an engine where that is cheapest and lawful', () => {
    const engine = { startup: 1, flops: 1e12 };
    const inside = silo('sales', { home: 'worker', hereFlops: 1e9, engine });
    expect(sites(placedTraining([lawful(inside)], SHAPE, TERMS))).toBe('engine');
    const refused = placedTraining(
      [lawful({ ...inside, engine: { ...engine, refused: 'not the loss' } })],
      SHAPE,
      TERMS,
    );
    expect(sites(refused)).toBe('worker');
    expect(refused.shares[0]!.rejected.map(({ price, reason }) => [price.site, reason])).toEqual([
      ['engine', 'not the loss'],
      ['mediator', 'the same machine as its worker, and rows would leave'],
    ]);
    const updatesStay = { training: inside, legality: { home: new Error('no updates') as never } };
    expect(sites(placedTraining([updatesStay], SHAPE, TERMS))).toBe('mediator');
  });

  it('does not count an engine among those that share the cores here', () => {
    const price: TrainingPrice = {
      ...{ site: 'engine', prepare: 0, compute: 8, exchange: 1, bytes: 0, bytesKind: 'updates', money: 0 },
    };
    expect(roundSeconds([price, price, price], 1)).toBe(9);
  });

  it('refuses a silo that may do its share nowhere', () => {
    const home = new Error('no updates either');
    const nowhere = { training: silo('berlin'), legality: { home: home as never, mediator: 'no rows' } };
    expect(() => placedTraining([nowhere], SHAPE, TERMS)).toThrow('no updates either');
  });

  const price = (site: TrainingPrice['site']): fc.Arbitrary<TrainingPrice> =>
    fc.record({
      site: fc.constant(site),
      prepare: fc.double({ min: 0, max: 50, noNaN: true }),
      compute: fc.double({ min: 0, max: 5, noNaN: true }),
      exchange: fc.double({ min: 0, max: 5, noNaN: true }),
      bytes: fc.nat(1e9),
      bytesKind: fc.constant(site === 'mediator' ? ('rows' as const) : ('updates' as const)),
      money: fc.double({ min: 0, max: 5, noNaN: true }),
    });
  const options: fc.Arbitrary<SiloOptions> = fc
    .tuple(price('agent'), price('mediator'), fc.boolean())
    .map(([home, mediator, both]) => ({ silo: 's', prices: both ? [home, mediator] : [home] }));

  it('finds the cheapest of all placements, give or take what rows do not travel for', () => {
    fc.assert(
      fc.property(
        fc.array(options, { minLength: 1, maxLength: 8 }),
        fc.constantFrom('time', 'egress', 'money'),
        (silos, objective) => {
          const terms = { rounds: 10, cores: 2, objective } as const;
          const part = { time: 'seconds', egress: 'bytes', money: 'money' }[objective] as 'seconds';
          const cost = (placement: readonly TrainingPrice[]) => trainingCost(placement, terms)[part];
          const best = Math.min(...everyPlacement(silos).map(cost));
          expect(cost(placeTraining(silos, terms))).toBeLessThanOrEqual(best / 0.95 + 1e-9);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('is near the best for more silos than can be enumerated', () => {
    const silos = fc.sample(options, { numRuns: 40, seed: 5 });
    const terms = { rounds: 10, ...TERMS };
    const home = silos.map(({ prices }) => prices[0]!);
    const found = trainingCost(placeTraining(silos, terms), terms);
    expect(compareCosts(found, trainingCost(home, terms), 'time')).toBeLessThanOrEqual(0);
    const floor = Math.max(...silos.map(({ prices }) => Math.min(...prices.map((p) => 10 * (p.compute + p.exchange)))));
    expect(found.seconds).toBeGreaterThanOrEqual(floor);
  });
});

describe('roundSeconds', () => {
  it('is the slowest silo, or the work of the cores', () => {
    const at = (site: TrainingPrice['site'], compute: number) => ({ site, compute, exchange: 1 }) as TrainingPrice;
    expect(roundSeconds([at('agent', 4), at('worker', 2)], 2)).toBe(5);
    expect(roundSeconds([at('worker', 4), at('mediator', 4), at('worker', 4)], 2)).toBe(6);
  });
});

describe('replanTraining', () => {
  const placed = placedTraining([guarded(silo('berlin')), lawful(silo('oslo'))], SHAPE, TERMS);
  const expected = expectedRounds(placed);
  const round = (name: string, factor: number): MeasuredRound => {
    const seconds = expected.get(name)! * factor;
    return { silo: name, site: 'agent', seconds, compute: 0.9 * seconds };
  };

  it('does nothing while rounds take about as long as expected', () => {
    expect(replanTraining(placed, expected, [round('berlin', 1.4), round('oslo', 0.5)], 19)).toBeUndefined();
  });

  it('moves a silo that is far slower than planned, when its policy lets its rows leave', () => {
    const slow = [round('berlin', 1), round('oslo', 8)];
    expect(replanTraining(placed, expected, slow, 15)?.moves).toEqual([{ silo: 'oslo', to: 'mediator' }]);
    expect(replanTraining(placed, expected, [round('berlin', 8), round('oslo', 1)], 15)?.moves).toEqual([]);
  });

  it('does not move for what is left of the run', () => {
    const quick = (name: string) => silo(name, { windows: 500, rows: 100_000 });
    const small = placedTraining([guarded(quick('berlin')), lawful(quick('oslo'))], SHAPE, TERMS);
    const late = [{ silo: 'oslo', site: 'agent' as const, seconds: 1, compute: 0.9 }];
    expect(replanTraining(small, expectedRounds(small), late, 1)).toBeUndefined();
    expect(replanTraining(small, expectedRounds(small), late, 19)?.moves).toHaveLength(1);
  });

  it('expects from then on what it saw', () => {
    const slow = [round('berlin', 8), round('oslo', 1)];
    const { expected: next } = replanTraining(placed, expected, slow, 15)!;
    expect(replanTraining(placed, next, slow, 14)).toBeUndefined();
  });
});

describe('cheapestTerms', () => {
  const placed = (over: Partial<SiloTraining>, objective: 'time' | 'egress' = 'time') =>
    placedTraining([guarded(silo('berlin', over)), guarded(silo('oslo', over))], SHAPE, { ...TERMS, objective });
  const all = { epochs: true, compression: true };

  it('trades rounds for local epochs where messages are dear, and compresses where bytes are', () => {
    const far = placed({ windows: 100, roundTrip: 2 });
    expect(cheapestTerms(far, { ...all, compression: false })).toMatchObject({ epochs: 5, rounds: 4 });
    expect(cheapestTerms(placed({}, 'egress'), all)).toMatchObject({ epochs: 5, rounds: 4, compression: 'int8' });
    expect(cheapestTerms(placed({}, 'egress'), { ...all, epochs: false })).toMatchObject({
      ...{ epochs: 1, rounds: 20, compression: 'int8' },
    });
  });

  it('keeps what was asked for where nothing saves a tenth', () => {
    expect(cheapestTerms(placed({}), all)).toBeUndefined();
    expect(cheapestTerms(placed({ roundTrip: 2 }, 'egress'), { epochs: false, compression: false })).toBeUndefined();
  });
});
