import { describe, expect, it } from 'vitest';
import type { TableStatistics } from '../../connectors/connector.ts';
import { StatisticsCache, type StoredStatistics } from './cache.ts';

const never = new AbortController().signal;
const rows = (count: number): TableStatistics => ({ rows: count, columns: {} });
const a = { silo: 'berlin', table: 'a' };
const b = { silo: 'paris', table: 'b' };

describe('StatisticsCache', () => {
  it('asks each silo once and at the same time, then answers from memory', async () => {
    const asked: string[] = [];
    let inFlight = 0;
    let most = 0;
    const cache = new StatisticsCache(async (silo, table) => {
      asked.push(`${silo}.${table.table}`);
      most = Math.max(most, ++inFlight);
      await new Promise((resolve) => setImmediate(resolve));
      inFlight--;
      return rows(silo === 'berlin' ? 10 : 20);
    });
    const first = await cache.load([a, b, a], never);
    expect([first.of(a)?.rows, first.of(b)?.rows]).toEqual([10, 20]);
    await cache.load([a, b], never);
    expect(asked).toEqual(['berlin.a', 'paris.b']);
    expect(most).toBe(2);
  });

  it('plans with defaults and a notice when a silo stays silent, and uses its late answer next time', async () => {
    const { promise, resolve } = Promise.withResolvers<TableStatistics>();
    const cache = new StatisticsCache((silo) => (silo === 'paris' ? promise : Promise.resolve(rows(5))), {
      deadlineMs: 1,
    });
    const loaded = await cache.load([a, b], never);
    expect(loaded.of(a)?.rows).toBe(5);
    expect(loaded.of(b)).toBeUndefined();
    expect(loaded.notices).toEqual(['paris.b: no statistics within 1 ms; defaults are used']);
    resolve(rows(7));
    await promise;
    await new Promise((done) => setImmediate(done));
    expect(loaded.of(b), 'a plan in the making does not change').toBeUndefined();
    expect((await cache.load([b], never)).of(b)?.rows).toBe(7);
  });

  it('keeps what ANALYZE measured of columns that the catalog tells nothing of, and says when that is old', async () => {
    let now = 0;
    let count = 10;
    const cache = new StatisticsCache(async () => rows(count), { now: () => now });
    await cache.refresh(a, never, async (known) => ({ rows: known!.rows, columns: { id: { distinct: 7 } } }));
    count = 90;
    now = 7 * 86_400_000 + 1;
    await cache.load([a], never);
    await new Promise((done) => setImmediate(done));
    const later = await cache.load([a], never);
    expect(later.of(a)).toEqual({ rows: 90, columns: { id: { distinct: 7 } } });
    expect(later.notices).toEqual(['berlin.a: columns were measured 7 days ago; run ANALYZE berlin.a']);
    expect((await cache.refresh(a, never)).of(a)).toEqual(rows(90));
  });

  it('does not ask a failing silo again for a while', async () => {
    let now = 0;
    let asked = 0;
    const cache = new StatisticsCache(
      async () => {
        asked++;
        throw new Error('permission denied for pg_stats');
      },
      { now: () => now },
    );
    const loaded = await cache.load([a], never);
    expect(loaded.notices).toEqual(['berlin.a: permission denied for pg_stats; default statistics are used']);
    await cache.load([a], never);
    expect(asked).toBe(1);
    now = 31_000;
    await cache.load([a], never);
    expect(asked).toBe(2);
  });

  it('uses stale statistics, says so, and fetches new ones behind the scenes', async () => {
    const day = 86_400_000;
    const saved = new Map<string, StoredStatistics>([['berlin.a', { statistics: rows(1), at: 0 }]]);
    const cache = new StatisticsCache(async () => rows(2), {
      now: () => 10 * day,
      store: { load: () => saved, save: (key, stored) => saved.set(key, stored), forget: () => {} },
    });
    const loaded = await cache.load([a], never);
    expect(loaded.of(a)?.rows).toBe(1);
    expect(loaded.notices).toEqual(['berlin.a: statistics are 10 days old; run ANALYZE berlin.a']);
    await new Promise((done) => setImmediate(done));
    expect((await cache.load([a], never)).of(a)?.rows).toBe(2);
    expect(saved.get('berlin.a')).toEqual({ statistics: rows(2), at: 10 * day });
  });

  it('ANALYZE asks at once and fails loudly', async () => {
    let answer: () => Promise<TableStatistics> = async () => rows(3);
    const cache = new StatisticsCache(() => answer());
    await cache.refresh(a, never);
    expect(cache.ageOf(a)).toBeLessThan(1000);
    answer = async () => rows(4);
    expect((await cache.refresh(a, never)).of(a)?.rows).toBe(4);
    answer = () => Promise.reject(new Error('gone'));
    await expect(cache.refresh(a, never)).rejects.toThrow('gone');
  });

  it('drops absurd values with a notice', async () => {
    const cache = new StatisticsCache(async (silo) =>
      silo === 'berlin'
        ? { rows: 10, columns: { x: { distinct: -5, nullFraction: 7, min: 9, max: 1, width: Number.NaN } } }
        : rows(Number.NaN),
    );
    const loaded = await cache.load([a, b], never);
    expect(loaded.of(a)).toEqual({ rows: 10, columns: { x: {} } });
    expect(loaded.of(b)).toBeUndefined();
    expect(loaded.notices.toSorted()).toEqual([
      'berlin.a.x: absurd bounds, distinct, nullFraction, width ignored',
      'paris.b: the silo reports NaN rows; defaults are used',
    ]);
  });

  it('stops waiting when the statement is cancelled', async () => {
    const controller = new AbortController();
    const cache = new StatisticsCache(() => new Promise(() => {}), { deadlineMs: 60_000 });
    const loading = cache.load([a], controller.signal);
    controller.abort(new Error('cancelled'));
    await expect(loading).rejects.toThrow('cancelled');
  });
});
