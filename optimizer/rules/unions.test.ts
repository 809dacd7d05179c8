/** Rules over federated tables, before and after, in print. */
import { describe, expect, it } from 'vitest';
import { node, type RelationalNode } from '../../src/plan/nodes.ts';
import { printPlan } from '../../src/plan/print.ts';
import {
  aggregate,
  aggregateCall,
  count,
  federated,
  integer,
  join,
  key,
  limit,
  numeric,
  of,
  project,
  sort,
  table,
  test,
} from '../../test/support/plans.ts';
import { inlineCtes } from './inline-ctes.ts';
import { aggregatePartially } from './partial-aggregation.ts';
import { partitionJoins } from './partition-joins.ts';
import { pushIntoUnions } from './push-into-unions.ts';
import { pushLimits } from './push-limits.ts';
import { expandWithTies } from './with-ties.ts';

const print = (plan: RelationalNode): string => `\n${printPlan(plan).replaceAll(/#\d+/g, '')}\n`;

const readings = (silos = ['berlin', 'oslo']) => federated('readings', silos, { meter: integer, mw: integer });

describe('aggregatePartially', () => {
  it('sends groups, not rows: counts are summed, an average is sums over counts', () => {
    const all = readings();
    const plan = aggregate(
      all,
      { meter: of(all, 'meter') },
      { n: count(), mean: aggregateCall('avg', numeric(), of(all, 'mw')) },
    );
    const rewritten = aggregatePartially(plan);
    expect(rewritten.columns).toEqual(plan.columns);
    expect(print(rewritten)).toBe(`
Project meter := meter, n := count::bigint, mean := sum / nullif(count, 0)
  Aggregate by meter: count := sum(count), sum := sum(sum), count := sum(count)
    Union all of silos berlin, oslo
      Aggregate by meter: count := count(*), sum := sum(mw), count := count(mw)
        Project meter := meter, mw := mw, silo := 'berlin'
          Scan berlin.readings (meter, mw)
      Aggregate by meter: count := count(*), sum := sum(mw), count := count(mw)
        Project meter := meter, mw := mw, silo := 'oslo'
          Scan oslo.readings (meter, mw)
`);
  });

  it('counts 0 over no rows, and leaves DISTINCT alone', () => {
    const all = readings();
    expect(print(aggregatePartially(aggregate(all, {}, { n: count() })))).toContain('coalesce(count::bigint, 0)');
    const distinct = aggregate(all, {}, { n: { ...count(of(all, 'meter')), distinct: true } });
    expect(aggregatePartially(distinct)).toBe(distinct);
  });
});

describe('pushIntoUnions', () => {
  it('groups whole in each silo when silo is among the keys', () => {
    const all = readings();
    const median = { ...aggregateCall('array_agg', integer, of(all, 'mw')), distinct: true };
    const plan = aggregate(all, { silo: of(all, 'silo'), meter: of(all, 'meter') }, { list: median });
    expect(print(pushIntoUnions(plan))).toBe(`
Union all of silos berlin, oslo
  Aggregate by silo, meter: list := array_agg(distinct mw)
    Project meter := meter, mw := mw, silo := 'berlin'
      Scan berlin.readings (meter, mw)
  Aggregate by silo, meter: list := array_agg(distinct mw)
    Project meter := meter, mw := mw, silo := 'oslo'
      Scan oslo.readings (meter, mw)
`);
  });
});

describe('partitionJoins', () => {
  it('joins two federated tables silo by silo; a silo without a partner stays with NULLs', () => {
    const all = readings();
    const meters = federated('meters', ['oslo', 'rome'], { id: integer });
    const on = test(
      'and',
      test('=', of(all, 'silo'), of(meters, 'silo')),
      test('=', of(all, 'meter'), of(meters, 'id')),
    );
    const plan = project(join('left', all, meters, on), { mw: of(all, 'mw'), id: of(meters, 'id') });
    expect(print(partitionJoins(plan))).toBe(`
Project mw := mw, id := id
  Union all of silos berlin, oslo
    Project meter := meter, mw := mw, silo := silo, id := id, silo := silo
      Join left on (silo = silo) and (meter = id)
        Project meter := meter, mw := mw, silo := 'berlin'
          Scan berlin.readings (meter, mw)
        Values 0 rows (id, silo)
    Project meter := meter, mw := mw, silo := silo, id := id, silo := silo
      Join left on (silo = silo) and (meter = id)
        Project meter := meter, mw := mw, silo := 'oslo'
          Scan oslo.readings (meter, mw)
        Project id := id, silo := 'oslo'
          Scan oslo.meters (id)
`);
    const apart = join('inner', all, meters, test('=', of(all, 'meter'), of(meters, 'id')));
    expect(partitionJoins(apart)).toBe(apart);
  });
});

describe('pushLimits', () => {
  it('asks each silo for the first rows only', () => {
    const all = readings();
    const plan = limit(sort(all, key(of(all, 'mw'), true)), 10, 5);
    expect(print(pushLimits(plan))).toBe(`
Limit 10 offset 5
  Sort mw desc
    Union all of silos berlin, oslo
      Limit 15
        Sort mw desc
          Project meter := meter, mw := mw, silo := 'berlin'
            Scan berlin.readings (meter, mw)
      Limit 15
        Sort mw desc
          Project meter := meter, mw := mw, silo := 'oslo'
            Scan oslo.readings (meter, mw)
`);
  });

  it('goes to the kept side of a left join, never below an inner one', () => {
    const [a, b] = [table('a.x', { id: integer }), table('b.y', { ref: integer })];
    const on = test('=', of(a, 'id'), of(b, 'ref'));
    expect(print(pushLimits(limit(sort(join('left', a, b, on), key(of(a, 'id'))), 3)))).toBe(`
Limit 3
  Sort id
    Join left on id = ref
      Limit 3
        Sort id
          Scan a.x (id)
      Scan b.y (ref)
`);
    const inner = limit(join('inner', a, b, on), 3);
    expect(pushLimits(inner)).toBe(inner);
    const byRight = limit(sort(join('left', a, b, on), key(of(b, 'ref'))), 3);
    expect(pushLimits(byRight)).toBe(byRight);
  });
});

describe('the rest', () => {
  it('writes WITH TIES by rank', () => {
    const t = table('a.x', { id: integer });
    const plan = node({
      ...(limit(sort(t, key(of(t, 'id'))), 3, 2) as Extract<RelationalNode, { kind: 'limit' }>),
      withTies: true,
    });
    expect(print(expandWithTies(plan))).toBe(`
Sort id
  Filter (rank <= (3 + 2)) and (position > 2)
    Window rank := rank() over (order id), position := row_number() over (order id)
      Scan a.x (id)
`);
  });

  it('inlines a CTE that is read once, and keeps one that is read twice or was asked to be kept', () => {
    const t = table('a.x', { id: integer });
    const reference = (id: number) =>
      node({ kind: 'cte-reference', name: 'c', columns: [{ id, name: 'id', type: integer }] });
    const over = (body: RelationalNode, materialized?: boolean) =>
      node({
        kind: 'with',
        name: 'c',
        recursive: false,
        definition: t,
        body,
        columns: body.columns,
        ...(materialized === undefined ? {} : { materialized }),
      });
    expect(print(inlineCtes(over(reference(90_001))))).toBe(`
Project id := id
  Scan a.x (id)
`);
    const twice = over(join('cross', reference(90_002), reference(90_003)));
    expect(inlineCtes(twice)).toBe(twice);
    const kept = over(reference(90_004), true);
    expect(inlineCtes(kept)).toBe(kept);
  });
});
