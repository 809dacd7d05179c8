import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { emptyEquations, observe, solveNonNegative } from './least-squares.ts';
import { CostModel, MODEL_VERSION, type StoredSite } from './model.ts';
import { type Cost, compareCosts } from './objective.ts';
import { defaultProfile } from './site.ts';
import { aggregateWork, joinWork, secondsFor, shipWork, sortWork, UNITS, work } from './work.ts';

const random = (seed: number) => (): number => {
  seed = (seed * 1103515245 + 12345) % 2147483648;
  return seed / 2147483648;
};

describe('non-negative least squares', () => {
  it('finds the coefficients that made the data, and none below zero', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 10, noNaN: true }), { minLength: 2, maxLength: 6 }), (truth) => {
        const next = random(7);
        const equations = emptyEquations(truth.length);
        for (let n = 0; n < 200; n++) {
          const x = truth.map(next);
          observe(
            equations,
            x,
            x.reduce((sum, value, i) => sum + value * truth[i]!, 0),
            1,
          );
        }
        const far = truth.map(() => 1e4);
        const solved = solveNonNegative(
          equations,
          truth.map(() => 1),
          far,
        );
        solved.forEach((value, i) => {
          expect(value).toBeGreaterThanOrEqual(0);
          expect(value).toBeCloseTo(truth[i]!, 2);
        });
      }),
      { numRuns: 50 },
    );
  });

  it('stays at the prior where nothing was seen', () => {
    expect(solveNonNegative(emptyEquations(3), [1, 2, 3], [1, 1, 1])).toEqual([1, 2, 3]);
  });
});

describe('CostModel', () => {
  const truth = Object.fromEntries(
    UNITS.map((unit, i) => [unit, defaultProfile('postgres').seconds[unit] * [0.5, 4, 2, 0.3, 1.5, 3, 0.7, 5][i]!]),
  ) as Record<(typeof UNITS)[number], number>;
  const fragments = (count: number) => {
    const next = random(11);
    return Array.from({ length: count }, () => {
      const rows = 10 ** (2 + 5 * next());
      const out = rows * next();
      const parts = [
        work({ scanned: rows }),
        joinWork(rows, rows * next(), out),
        aggregateWork(rows, out),
        sortWork(rows),
        shipWork(out, 8 + 200 * next()),
      ];
      return work(
        Object.fromEntries(
          UNITS.map((unit) => [unit, parts.reduce((sum, part) => sum + (next() < 0.6 ? part[unit] : 0), 0)]),
        ),
      );
    }).map((amounts) => ({ ...amounts, startup: 1 }));
  };

  it('comes to know a site from its executed fragments, noise and one accident aside', () => {
    const model = new CostModel(() => 'postgres');
    const noise = random(3);
    for (const [i, amounts] of fragments(400).entries()) {
      const seconds = secondsFor(amounts, truth) * (0.9 + 0.2 * noise());
      model.observe('berlin', amounts, i === 200 ? seconds * 1000 : seconds);
    }
    const unseen = fragments(450).slice(400);
    const errors = unseen.map((amounts) => {
      const expected = secondsFor(amounts, truth);
      return Math.abs(secondsFor(amounts, model.profile('berlin').seconds) / expected - 1);
    });
    expect(errors.toSorted((a, b) => a - b)[25]).toBeLessThan(0.2);
  });

  it('ignores what cannot be a time', () => {
    const model = new CostModel(() => 'postgres');
    for (const seconds of [Number.NaN, -1, 0, Number.POSITIVE_INFINITY])
      model.observe('s', work({ startup: 1 }), seconds);
    model.observe('s', work({ startup: 1, scanned: Number.NaN }), 1);
    expect(model.observations('s')).toBe(0);
    expect(model.profile('s')).toBe(defaultProfile('postgres'));
  });

  it('is stored and restored; another version is left aside with a notice', () => {
    const stored = new Map<string, StoredSite>();
    const store = {
      load: () => stored,
      save: (site: string, known: StoredSite) => stored.set(site, known),
      forget: () => {},
    };
    const model = new CostModel(() => 'postgres', store);
    model.configure('berlin', { moneyPerByte: 9e-11 });
    for (const amounts of fragments(20)) model.observe('berlin', amounts, secondsFor(amounts, truth));
    expect(stored.get('berlin')?.observations).toBe(0);
    model.save();
    const again = new CostModel(() => 'postgres', store);
    expect(again.profile('berlin')).toEqual(model.profile('berlin'));
    expect(again.observations('berlin')).toBe(20);
    stored.set('berlin', { ...stored.get('berlin')!, version: MODEL_VERSION + 1 });
    const other = new CostModel(() => 'postgres', store);
    expect([...other.notices]).toEqual([
      ['berlin', 'the cost model of berlin is of another version and was left aside; run CALIBRATE SILO berlin'],
    ]);
    expect(other.profile('berlin')).toBe(defaultProfile('postgres'));
  });
});

describe('compareCosts', () => {
  const fast: Cost = { seconds: 1, bytes: 900, money: 3 };
  const narrow: Cost = { seconds: 9, bytes: 10, money: 2 };
  const cheap: Cost = { seconds: 5, bytes: 500, money: 1 };
  it('follows the objective', () => {
    const order = (objective: 'time' | 'egress' | 'money') =>
      [fast, narrow, cheap].toSorted((a, b) => compareCosts(a, b, objective))[0];
    expect([order('time'), order('egress'), order('money')]).toEqual([fast, narrow, cheap]);
  });
  it('lets the next part decide a tie', () => {
    expect(compareCosts({ ...fast, bytes: 1 }, { ...fast, seconds: 1 + 1e-9 }, 'time')).toBeLessThan(0);
  });
});
