import { expect, it } from 'vitest';
import type { JoinType } from '../../src/plan/nodes.ts';
import { printPlan } from '../../src/plan/print.ts';
import { integer, join, of, table, test } from '../../test/support/plans.ts';
import { estimator } from '../statistics/cardinality.ts';
import { lowerSemiJoins, type SemiJoinSurroundings } from './lower-semi-joins.ts';

const customer = table('a.customer', { id: integer, name: integer });
const orders = table('a.orders', { id: integer, customer: integer });
const items = table('a.items', { order: integer, quantity: integer });
const big = table('a.big', { order: integer, quantity: integer });

const rows: Readonly<Record<string, number>> = { customer: 100, orders: 1000, items: 5000, big: 400 };

const around = (over: Partial<SemiJoinSurroundings> = {}): SemiJoinSurroundings => ({
  estimate: estimator({
    statistics: ({ table: name }) => ({
      rows: rows[name]!,
      columns: { id: { distinct: rows[name]! }, order: { distinct: 900 }, customer: { distinct: 100 } },
    }),
  }),
  together: () => true,
  ...over,
});

const joined = join(
  'inner',
  join('inner', customer, orders, test('=', of(customer, 'id'), of(orders, 'customer'))),
  items,
  test('=', of(orders, 'id'), of(items, 'order')),
);
const print = (plan: Parameters<typeof printPlan>[0]): string => `\n${printPlan(plan).replaceAll(/#\d+/g, '')}\n`;
const tested = (type: JoinType, column = of(items, 'order')) =>
  join(type, joined, big, test('=', of(big, 'order'), column));

it.each(['semi', 'anti'] as const)('tests orders before they are joined (%s)', (type) => {
  // Written on the item's order, which is the order's id.
  expect(print(lowerSemiJoins(tested(type), around()))).toBe(`
Join inner on id = order
  Join inner on id = customer
    Scan a.customer (id, name)
    Join ${type} on order = id
      Scan a.orders (id, customer)
      Scan a.big (order, quantity)
  Scan a.items (order, quantity)
`);
});

it('stays where its rows would have to cross a border', () => {
  expect(lowerSemiJoins(tested('semi'), around({ together: () => false }))).toEqual(tested('semi'));
});

it('stays above a join that leaves fewer rows than any of its tables has', () => {
  const few = { ...around(), estimate: estimator({ statistics: () => ({ rows: 1000, columns: {} }) }) };
  const crossed = join(
    'inner',
    items,
    join('inner', customer, orders, test('=', of(customer, 'name'), of(orders, 'id'))),
    test('and', test('=', of(items, 'order'), of(orders, 'id')), test('=', of(items, 'quantity'), of(customer, 'id'))),
  );
  const both = join(
    'semi',
    crossed,
    big,
    test(
      'and',
      test('=', of(big, 'order'), of(items, 'quantity')),
      test('<>', of(big, 'quantity'), of(orders, 'customer')),
    ),
  );
  // It reads a column of either side of the upper join.
  expect(lowerSemiJoins(both, few)).toEqual(both);
});
