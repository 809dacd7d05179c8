import { describe, expect, it } from 'vitest';
import { printPlan } from '../../src/plan/print.ts';
import {
  aggregate,
  count,
  federated,
  filter,
  integer,
  join,
  key,
  limit,
  literal,
  of,
  project,
  sort,
  table,
  test,
} from '../../test/support/plans.ts';
import { siloPlans } from './silo-plans.ts';

const readings = () => federated('readings', ['berlin', 'oslo'], { ts: integer, meter: integer, mw: integer });

describe('siloPlans', () => {
  it('restricts a feature query to each silo, under the same columns', () => {
    const all = readings();
    const kept = filter(all, test('>', of(all, 'mw'), literal(0)));
    const plan = sort(project(kept, { ts: of(kept, 'ts'), mw: of(kept, 'mw') }), key(of(kept, 'ts')));
    const plans = siloPlans(plan);
    expect([...plans.keys()]).toEqual(['berlin', 'oslo']);
    const oslo = plans.get('oslo')!;
    expect(oslo.columns).toEqual(plan.columns);
    expect(printPlan(oslo).replaceAll(/#\d+/g, '')).toBe(
      [
        'Sort ts',
        '  Project ts := ts, mw := mw',
        '    Filter mw > 0',
        '      Project ts := ts, meter := meter, mw := mw, silo := silo',
        "        Project ts := ts, meter := meter, mw := mw, silo := 'oslo'",
        '          Scan oslo.readings (ts, meter, mw)',
      ].join('\n'),
    );
  });

  it('joins what every silo reads alike, and federated tables on silo', () => {
    const all = readings();
    const meters = federated('meters', ['berlin', 'oslo'], { id: integer });
    const holidays = table('berlin.holidays', { day: integer });
    const both = join(
      'inner',
      all,
      meters,
      test('and', test('=', of(all, 'meter'), of(meters, 'id')), test('=', of(all, 'silo'), of(meters, 'silo'))),
    );
    expect(siloPlans(join('left', both, holidays, test('=', of(all, 'ts'), of(holidays, 'day')))).size).toBe(2);
    const mixed = join('inner', all, meters, test('=', of(all, 'meter'), of(meters, 'id')));
    expect(() => siloPlans(mixed)).toThrow(/join of two federated tables mixes rows/);
    expect(() => siloPlans(join('right', all, holidays, test('=', of(all, 'ts'), of(holidays, 'day'))))).toThrow(
      /right join/,
    );
  });

  it('refuses what needs the rows of all silos at once', () => {
    const all = readings();
    expect(() => siloPlans(limit(all, 10))).toThrow(/LIMIT mixes rows/);
    expect(() => siloPlans(aggregate(all, { meter: of(all, 'meter') }, { n: count() }))).toThrow(/GROUP BY mixes rows/);
    expect(siloPlans(aggregate(all, { silo: of(all, 'silo') }, { n: count() })).size).toBe(2);
  });

  it('leaves a query without federated tables whole', () => {
    const one = table('berlin.a', { x: integer });
    expect([...siloPlans(one).keys()]).toEqual(['berlin']);
    const two = join('cross', one, table('oslo.b', { y: integer }));
    expect([...siloPlans(two).keys()]).toEqual(['mediator']);
  });
});
