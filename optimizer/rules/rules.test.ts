/** Each rule as plans before and after, in print. */
import { describe, expect, it } from 'vitest';
import type { RelationalNode } from '../../src/plan/nodes.ts';
import { printPlan } from '../../src/plan/print.ts';
import {
  aggregate,
  call,
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
  text,
} from '../../test/support/plans.ts';
import { foldConstants } from './fold-constants.ts';
import { pruneColumns } from './prune-columns.ts';
import { pruneEmpty } from './prune-empty.ts';
import { pushPredicates } from './push-predicates.ts';

/** The plan in print, without the ids that tell columns of one name apart. */
const print = (plan: RelationalNode): string => `\n${printPlan(plan).replaceAll(/#\d+/g, '')}\n`;

const orders = () => table('a.orders', { id: integer, customer: integer, day: integer, note: text });
const customers = () => table('b.customers', { key: integer, city: text });

describe('pushPredicates', () => {
  it('takes each conjunct to its table, and copies it through the equality of the join', () => {
    const [o, c] = [orders(), customers()];
    const both = join('cross', o, c);
    const plan = filter(
      both,
      test(
        'and',
        test('=', of(o, 'customer'), of(c, 'key')),
        test('>', of(o, 'customer'), literal(7)),
        test('=', of(c, 'city'), literal('Ulm')),
      ),
    );
    expect(print(pushPredicates(plan))).toBe(`
Join inner on customer = key
  Filter customer > 7
    Scan a.orders (id, customer, day, note)
  Filter (city = 'Ulm') and (key > 7)
    Scan b.customers (key, city)
`);
  });

  it('keeps what an outer join needs above it, and makes it inner when NULLs cannot pass', () => {
    const [o, c] = [orders(), customers()];
    const on = test(
      'and',
      test('=', of(o, 'customer'), of(c, 'key')),
      test('>', of(o, 'day'), literal(1)),
      test('>', of(c, 'key'), literal(2)),
    );
    const plan = filter(join('left', o, c, on), test('is_null', of(c, 'city')));
    expect(print(pushPredicates(plan))).toBe(`
Filter is_null(city)
  Join left on (customer = key) and (day > 1)
    Scan a.orders (id, customer, day, note)
    Filter key > 2
      Scan b.customers (key, city)
`);
    const [p, d] = [orders(), customers()];
    const strict = filter(
      join('full', p, d, test('=', of(p, 'customer'), of(d, 'key'))),
      test('=', of(d, 'city'), literal('Ulm')),
    );
    expect(print(pushPredicates(strict))).toBe(`
Join right on customer = key
  Scan a.orders (id, customer, day, note)
  Filter city = 'Ulm'
    Scan b.customers (key, city)
`);
  });

  it('goes below groups by their keys, never below a limit', () => {
    const o = orders();
    const grouped = aggregate(o, { day: of(o, 'day') }, { n: count() });
    const plan = filter(
      grouped,
      test('and', test('=', of(grouped, 'day'), literal(3)), test('>', of(grouped, 'n'), literal(1))),
    );
    expect(print(pushPredicates(plan))).toBe(`
Filter n > 1
  Aggregate by day: n := count(*)
    Filter day = 3
      Scan a.orders (id, customer, day, note)
`);
    const cut = limit(orders(), 5);
    expect(print(pushPredicates(filter(cut, test('=', of(cut, 'day'), literal(3)))))).toBe(`
Filter day = 3
  Limit 5
    Scan a.orders (id, customer, day, note)
`);
  });

  it('does not move what is volatile', () => {
    const o = orders();
    const plan = filter(project(o, { r: call('random', integer) }), test('>', of(o, 'id'), literal(0)));
    const volatile = filter(plan, test('>', of(plan, 'r'), literal(0)));
    expect(print(pushPredicates(volatile))).toBe(`
Filter r > 0
  Project r := random()
    Filter id > 0
      Scan a.orders (id, customer, day, note)
`);
  });
});

describe('a federated table', () => {
  it('loses the silos that WHERE silo leaves out', () => {
    const all = federated('readings', ['berlin', 'oslo', 'rome'], { ts: integer });
    const plan = filter(
      all,
      test(
        'and',
        test('in_list', of(all, 'silo'), literal('oslo'), literal('rome')),
        test('>', of(all, 'ts'), literal(9)),
      ),
    );
    expect(print(pruneEmpty(foldConstants(pushPredicates(plan))))).toBe(`
Union all of silos oslo, rome
  Project ts := ts, silo := 'oslo'
    Filter ts > 9
      Scan oslo.readings (ts)
  Project ts := ts, silo := 'rome'
    Filter ts > 9
      Scan rome.readings (ts)
`);
  });

  it('with one silo left is that silo', () => {
    const all = federated('readings', ['berlin', 'oslo'], { ts: integer });
    const plan = filter(all, test('=', of(all, 'silo'), literal('oslo')));
    expect(print(pruneEmpty(foldConstants(pushPredicates(plan))))).toBe(`
Project ts := ts, silo := silo
  Project ts := ts, silo := 'oslo'
    Scan oslo.readings (ts)
`);
  });
});

describe('foldConstants', () => {
  it('knows logic with NULL, comparisons of constants, and branches that cannot be taken', () => {
    const o = orders();
    const unknown = literal(null, test('x').type);
    const plan = project(o, {
      a: test('and', test('=', literal(1), literal(1)), test('>', of(o, 'id'), literal(2))),
      b: test('or', unknown, test('<', literal('a'), literal('B'))),
      c: test('not', unknown),
      d: {
        kind: 'case',
        branches: [
          { when: test('<', literal(2), literal(1)), then: literal('never') },
          { when: literal(true), then: literal('always') },
        ],
        otherwise: literal('else'),
        type: text,
      },
      e: test('=', of(o, 'note'), literal('x')),
    });
    expect(print(foldConstants(plan))).toBe(`
Project a := id > 2, b := null, c := null, d := 'always', e := note = 'x'
  Scan a.orders (id, customer, day, note)
`);
  });
});

describe('pruneColumns', () => {
  it('reads only what is used above, at every node', () => {
    const [o, c] = [orders(), customers()];
    const joined = join(
      'inner',
      filter(o, test('>', of(o, 'day'), literal(1))),
      c,
      test('=', of(o, 'customer'), of(c, 'key')),
    );
    const plan = project(sort(joined, key(of(c, 'city'))), { id: of(o, 'id') });
    expect(print(pruneColumns(plan))).toBe(`
Project id := id
  Sort city
    Join inner on customer = key
      Filter day > 1
        Scan a.orders (id, customer, day)
      Scan b.customers (key, city)
`);
    const [, sorted] = [plan, pruneColumns(plan)];
    const inner = sorted.kind === 'project' && sorted.input.kind === 'sort' ? sorted.input.input : sorted;
    expect(inner.columns.map(({ name }) => name)).toEqual(['id', 'city']);
  });

  it('keeps one column where rows are only counted', () => {
    const o = orders();
    expect(print(pruneColumns(aggregate(o, {}, { n: count() })))).toBe(`
Aggregate: n := count(*)
  Scan a.orders (id)
`);
  });
});
