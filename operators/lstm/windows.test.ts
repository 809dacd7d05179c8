import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PARTS, segments, splitTimes, windowStarts } from './windows.ts';

const hours = (n: number) => Float64Array.from({ length: n }, (_, i) => i);
const sequence = { window: 3, horizon: 1, stride: 1 };
const whole = (n: number) => ({ times: hours(n), entityStarts: [0], breaks: new Set<number>() });

describe('splitTimes', () => {
  it.each([7305, 3652, 5479, 4355, 10, 1])('gives ⌊0.8 n⌋ rows to training and ⌊0.1 n⌋ to validation, n = %i', (n) => {
    const [validate, test] = splitTimes(hours(n), { kind: 'fractions', validate: 0.1, test: 0.1 });
    const train = Math.floor((8 * n) / 10);
    expect(validate).toBe(train < n ? train : Number.POSITIVE_INFINITY);
    expect(test).toBe(train + Math.floor(n / 10));
  });

  it('finds what sorting would find', () => {
    const time = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.double({ noNaN: true, noDefaultInfinity: true }));
    fc.assert(
      fc.property(
        fc.array(time, { minLength: 1, maxLength: 50 }),
        fc.double({ min: 0, max: 0.5, noNaN: true }),
        (all, part) => {
          const times = Float64Array.from(all, (value) => value + 0);
          const sorted = times.slice().sort();
          const train = Math.floor((1 - part) * times.length + 5e-7);
          const [validate] = splitTimes(times, { kind: 'fractions', validate: part, test: 0 });
          expect(validate).toBe(sorted[train] ?? Number.POSITIVE_INFINITY);
        },
      ),
    );
  });

  it('cuts all entities at one moment', () => {
    const times = Float64Array.of(0, 1, 2, 3, 0, 1, 2, 3);
    const [validate, test] = splitTimes(times, { kind: 'fractions', validate: 0.25, test: 0.25 });
    expect([validate, test]).toEqual([2, 3]);
  });

  it('takes a calendar cut as it is', () => {
    expect(splitTimes(hours(3), { kind: 'calendar', validateFrom: 5n, testFrom: 9n })).toEqual([5, 9]);
  });
});

describe('windowStarts', () => {
  const none = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY] as const;

  it('gives n − L − H + 1 windows per run of n rows', () => {
    const found = windowStarts(segments(whole(10), none), 'train', sequence);
    expect([...found]).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  it('takes every stride-th window', () => {
    const found = windowStarts(segments(whole(10), none), 'train', { ...sequence, stride: 3 });
    expect([...found]).toEqual([0, 3, 6]);
  });

  it('breaks at gaps longer than the limit', () => {
    const order = { ...whole(0), times: Float64Array.of(0, 1, 2, 3, 10, 11, 12, 13) };
    expect(segments(order, none, 2).map(({ start, end }) => [start, end])).toEqual([
      [0, 4],
      [4, 8],
    ]);
  });

  it('never crosses an entity, a gap, a missing row or a split border', () => {
    const row = fc.record({ gap: fc.integer({ min: 1, max: 3 }), entity: fc.boolean(), broken: fc.boolean() });
    fc.assert(
      fc.property(
        fc.array(row, { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 0, max: 80 }),
        fc.integer({ min: 0, max: 40 }),
        (rows, window, horizon, validate, more) => {
          const times: number[] = [];
          const entityOf: number[] = [];
          const entityStarts: number[] = [];
          const breaks = new Set<number>();
          rows.forEach(({ gap, entity, broken }, i) => {
            const first = i === 0 || entity;
            if (first) entityStarts.push(i);
            if (broken) breaks.add(i);
            times.push(first ? 0 : times.at(-1)! + gap);
            entityOf.push(entityStarts.length);
          });
          const borders = [validate, validate + more] as const;
          const partOf = (i: number) => (times[i]! < borders[0] ? 0 : times[i]! < borders[1] ? 1 : 2);
          const all = segments({ times: Float64Array.from(times), entityStarts, breaks }, borders, 2);
          const legal = (start: number) =>
            Array.from({ length: window + horizon - 1 }, (_, k) => start + 1 + k).every(
              (i) =>
                i < rows.length &&
                entityOf[i] === entityOf[i - 1] &&
                !breaks.has(i) &&
                times[i]! - times[i - 1]! <= 2 &&
                partOf(i) === partOf(i - 1),
            );
          PARTS.forEach((part, p) => {
            const expected = rows.map((_, i) => i).filter((i) => partOf(i) === p && legal(i));
            expect([...windowStarts(all, part, { window, horizon, stride: 1 })]).toEqual(expected);
          });
        },
      ),
    );
  });
});
