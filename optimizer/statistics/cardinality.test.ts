import { describe, expect, it } from 'vitest';
import type { TableStatistics } from '../../connectors/connector.ts';
import type { Column, Expression } from '../../src/plan/expressions.ts';
import { type Join, node, type RelationalNode, type Scan } from '../../src/plan/nodes.ts';
import { type SqlType, scalar } from '../../src/plan/types.ts';
import { estimator } from './cardinality.ts';
import { Feedback, qError } from './feedback.ts';
import { signature } from './signature.ts';

const integer = scalar('integer');
const boolean = scalar('boolean');
let nextId = 0;

function scan(table: string, columns: Readonly<Record<string, SqlType>>): Scan {
  const list = Object.entries(columns).map(([name, type]): Column => ({ id: nextId++, name, type }));
  return node({ kind: 'scan', silo: 's', table, sourceColumns: list.map((column) => column.name), columns: list });
}
const column = (input: RelationalNode, name: string): Expression => {
  const found = input.columns.find((each) => each.name === name)!;
  return { kind: 'column', id: found.id, type: found.type };
};
const literal = (value: string | number, type: SqlType = integer): Expression => ({ kind: 'literal', value, type });
const call = (name: string, ...args: Expression[]): Expression => ({ kind: 'call', name, args, type: boolean });
const filter = (input: RelationalNode, predicate: Expression): RelationalNode =>
  node({ kind: 'filter', input, predicate, columns: input.columns });
const join = (type: Join['type'], left: RelationalNode, right: RelationalNode, on: Expression): RelationalNode =>
  node({ kind: 'join', type, left, right, on, columns: [...left.columns, ...right.columns] });

const rowsWith = (statistics: Readonly<Record<string, TableStatistics>>, feedback?: Feedback) => {
  const estimate = estimator({
    statistics: (table) => statistics[table.table],
    ...(feedback === undefined ? {} : { feedback }),
  });
  return (plan: RelationalNode): number => estimate(plan).rows;
};

const orders = scan('orders', { id: integer, customer: integer, day: scalar('date'), status: scalar('text') });
const customers = scan('customers', { id: integer, city: integer });
const statistics: Record<string, TableStatistics> = {
  orders: {
    rows: 10_000,
    columns: {
      id: { distinct: 10_000, min: 1, max: 10_000 },
      customer: { distinct: 500, nullFraction: 0.1 },
      day: { distinct: 365, histogram: ['2025-01-01', '2025-07-02', '2025-12-31'] },
      status: {
        distinct: 12,
        mostCommon: [
          { value: 'open', frequency: 0.6 },
          { value: 'done', frequency: 0.3 },
        ],
      },
    },
  },
  customers: { rows: 1000, columns: { id: { distinct: 1000 }, city: { distinct: 20 } } },
};
const rows = rowsWith(statistics);
const text = scalar('text');
const date = scalar('date');

describe('filters', () => {
  it('take a common value at its frequency, a rare one at its share of the rest', () => {
    expect(rows(filter(orders, call('=', column(orders, 'status'), literal('open', text))))).toBeCloseTo(6000);
    expect(rows(filter(orders, call('=', literal('odd', text), column(orders, 'status'))))).toBeCloseTo(100);
    expect(
      rows(filter(orders, call('in_list', column(orders, 'status'), literal('open', text), literal('done', text)))),
    ).toBeCloseTo(9000);
    expect(rows(filter(orders, call('like', column(orders, 'status'), literal('op%', text))))).toBeGreaterThan(6000);
  });

  it('interpolate in a histogram; two bounds of one column are one range', () => {
    const day = column(orders, 'day');
    expect(rows(filter(orders, call('<', day, literal('2025-04-02', date))))).toBeCloseTo(2500, -1);
    const quarter = call(
      'and',
      call('>=', day, literal('2025-04-02', date)),
      call('<', day, literal('2025-07-02', date)),
    );
    expect(rows(filter(orders, quarter))).toBeCloseTo(2500, -2);
    expect(rows(filter(orders, call('>', day, literal('2031-01-01', date))))).toBeLessThan(1);
  });

  it('use min and max where there is no histogram', () => {
    expect(rows(filter(orders, call('<=', column(orders, 'id'), literal(2500))))).toBeCloseTo(2500, -1);
  });

  it('count NULLs', () => {
    expect(rows(filter(orders, call('is_null', column(orders, 'customer'))))).toBeCloseTo(1000);
    expect(rows(filter(orders, call('not', call('is_null', column(orders, 'customer')))))).toBeCloseTo(9000);
  });

  it('never leave the range of what is possible', () => {
    const id = column(orders, 'id');
    const either = call('or', call('>', id, literal(1)), call('<', id, literal(9999)));
    expect(rows(filter(orders, either))).toBeLessThanOrEqual(10_000);
    expect(rows(filter(orders, call('not', either)))).toBeGreaterThanOrEqual(0);
  });
});

describe('joins', () => {
  const on = call('=', column(orders, 'customer'), column(customers, 'id'));

  it('of a foreign key keep the child rows that are not NULL', () => {
    expect(rows(join('inner', orders, customers, on))).toBeCloseTo(9000);
    expect(rows(join('left', orders, customers, on))).toBeCloseTo(10_000);
    expect(rows(join('semi', customers, orders, on))).toBeCloseTo(500);
    expect(rows(join('anti', customers, orders, on))).toBeCloseTo(500);
  });

  it('of a composite key divide by the key, not by the product of its parts', () => {
    const lines = scan('lines', { p: integer, s: integer });
    const supply = scan('supply', { p: integer, s: integer });
    const composite = rowsWith({
      lines: { rows: 60_000, columns: { p: { distinct: 2000 }, s: { distinct: 100 } } },
      supply: { rows: 8000, columns: { p: { distinct: 2000 }, s: { distinct: 100 } } },
    });
    const both = call(
      'and',
      call('=', column(lines, 'p'), column(supply, 'p')),
      call('=', column(lines, 's'), column(supply, 's')),
    );
    const estimated = composite(join('inner', lines, supply, both));
    expect(estimated).toBeGreaterThanOrEqual(8000);
    expect(qError(estimated, 60_000)).toBeLessThan(8);
  });

  it('match common values one by one when both sides know them', () => {
    const left = scan('left', { k: integer });
    const right = scan('right', { k: integer });
    const skewed: TableStatistics = {
      rows: 1000,
      columns: { k: { distinct: 501, mostCommon: [{ value: 1, frequency: 0.5 }] } },
    };
    const both = rowsWith({ left: skewed, right: skewed });
    // 500 × 500 pairs of the common value, and one pair of each of 500 rare ones.
    const estimated = both(join('inner', left, right, call('=', column(left, 'k'), column(right, 'k'))));
    expect(estimated).toBeCloseTo(250_500);
  });
});

describe('aggregates', () => {
  const groupBy = (...names: string[]): RelationalNode =>
    node({
      kind: 'aggregate',
      input: orders,
      groups: names.map((name) => column(orders, name)),
      aggregates: [],
      columns: names.map((name) => ({ id: nextId++, name, type: integer })),
    });

  it('put out one row per combination of keys, never more than there are rows', () => {
    expect(rows(groupBy())).toBe(1);
    expect(rows(groupBy('status'))).toBe(12);
    expect(rows(groupBy('customer'))).toBe(501);
    expect(rows(groupBy('customer', 'day', 'status'))).toBe(10_000);
  });
});

describe('without statistics', () => {
  it('a whole number has at most as many values as lie between its bounds', () => {
    const file = scan('file', { id: integer, day: date });
    const known = rowsWith({
      file: { rows: 1000, columns: { id: { min: 1, max: 50 }, day: { min: '2025-01-01', max: '2025-01-10' } } },
    });
    expect(known(filter(file, call('=', column(file, 'id'), literal(7))))).toBeCloseTo(20);
    expect(known(filter(file, call('=', column(file, 'day'), literal('2025-01-03', date))))).toBeCloseTo(100);
  });

  it('a plan is still estimated', () => {
    expect(rowsWith({})(filter(orders, call('=', column(orders, 'id'), literal(3))))).toBeCloseTo(5);
  });
});

describe('feedback', () => {
  it('replaces an estimate by the truth, in any join order', () => {
    const feedback = new Feedback();
    const on = call('=', column(orders, 'customer'), column(customers, 'id'));
    feedback.observe(signature(join('inner', customers, orders, on)), 42);
    expect(rowsWith(statistics, feedback)(join('inner', orders, customers, on))).toBe(42);
    expect(rowsWith(statistics, feedback)(orders)).toBe(10_000);
  });

  it('is forgotten after a day and bounded in size', () => {
    let now = 0;
    const feedback = new Feedback(2, () => now);
    for (const name of ['a', 'b', 'c']) feedback.observe(name, 1);
    feedback.observe('c', Number.NaN);
    expect([feedback.rowsOf('a'), feedback.rowsOf('b'), feedback.rowsOf('c')]).toEqual([undefined, 1, 1]);
    now = 25 * 3600 * 1000;
    expect(feedback.rowsOf('c')).toBeUndefined();
  });
});
