import { describe, expect, it } from 'vitest';
import type { Expression } from '../../src/plan/expressions.ts';
import type { RelationalNode } from '../../src/plan/nodes.ts';
import { printPlan } from '../../src/plan/print.ts';
import {
  aggregate,
  aggregateCall,
  boolean,
  call,
  count,
  filter,
  integer,
  limit,
  literal,
  of,
  project,
  table,
  test,
} from '../../test/support/plans.ts';
import { decorrelate } from './decorrelate.ts';

const print = (plan: RelationalNode): string => `\n${printPlan(plan).replaceAll(/#\d+/g, '')}\n`;

const parts = () => table('a.parts', { part: integer, size: integer });
const stock = () => table('b.stock', { item: integer, quantity: integer });

const subquery = (
  form: 'exists' | 'in' | 'scalar',
  plan: RelationalNode,
  ...operands: readonly Expression[]
): Expression => ({
  kind: 'subquery',
  form,
  operands,
  plan,
  type: form === 'scalar' ? plan.columns[0]!.type : boolean,
});

describe('decorrelate', () => {
  it('makes semi and anti joins of EXISTS and IN', () => {
    const [p, s, t] = [parts(), stock(), stock()];
    const some = filter(
      s,
      test('and', test('=', of(s, 'item'), of(p, 'part')), test('>', of(s, 'quantity'), literal(0))),
    );
    const list = project(t, { item: of(t, 'item') });
    const plan = filter(
      p,
      test(
        'and',
        test('not', subquery('exists', limit(some, 1))),
        subquery('in', list, of(p, 'size')),
        test('>', of(p, 'size'), literal(1)),
      ),
    );
    expect(print(decorrelate(plan))).toBe(`
Filter size > 1
  Join semi on size = item
    Join anti on item = part
      Scan a.parts (part, size)
      Filter quantity > 0
        Scan b.stock (item, quantity)
    Project item := item
      Scan b.stock (item, quantity)
`);
  });

  it('groups a correlated aggregate by what it is correlated by; an empty group counts 0', () => {
    const [p, s] = [parts(), stock()];
    const own = filter(s, test('=', of(s, 'item'), of(p, 'part')));
    const total = aggregate(own, {}, { total: aggregateCall('sum', integer, of(s, 'quantity')), n: count() });
    const half = project(total, { v: call('+', integer, of(total, 'total'), of(total, 'n')) });
    const plan = filter(p, test('>', of(p, 'size'), subquery('scalar', half)));
    expect(print(decorrelate(plan))).toBe(`
Filter size > (total + coalesce(n, 0))
  Join left on part = key
    Scan a.parts (part, size)
    Aggregate by item: total := sum(quantity), n := count(*)
      Scan b.stock (item, quantity)
`);
    expect(decorrelate(plan).columns).toEqual(plan.columns);
  });

  it('leaves what is no join: NOT IN, inequalities below an aggregate, rows of an outer query further out', () => {
    const [p, s] = [parts(), stock()];
    const list = project(s, { item: of(s, 'item') });
    const notIn = filter(p, test('not', subquery('in', list, of(p, 'size'))));
    expect(decorrelate(notIn)).toEqual(notIn);
    const less = filter(s, test('<', of(s, 'item'), of(p, 'part')));
    const total = aggregate(less, {}, { total: aggregateCall('max', integer, of(s, 'item')) });
    const ranged = filter(p, test('=', of(p, 'size'), subquery('scalar', total)));
    expect(decorrelate(ranged)).toEqual(ranged);
  });

  it('makes an anti join of a NOT IN where the statement itself rules NULLs out on both sides', () => {
    const [p, s] = [parts(), stock()];
    const some = filter(s, test('is_not_null', of(s, 'item')));
    const notIn = test('not', subquery('in', project(some, { item: of(some, 'item') }), of(p, 'size')));
    const plan = filter(p, test('and', notIn, test('>', of(p, 'size'), literal(1))));
    expect(print(decorrelate(plan))).toBe(`
Filter size > 1
  Join anti on size = item
    Scan a.parts (part, size)
    Project item := item
      Filter is_not_null(item)
        Scan b.stock (item, quantity)
`);
    const either = filter(p, test('and', notIn, test('>', of(p, 'part'), literal(1))));
    expect(decorrelate(either)).toEqual(either);
  });
});
