import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import type { Expression } from '../../src/plan/expressions.ts';
import { node, type RelationalNode } from '../../src/plan/nodes.ts';
import { printPlan } from '../../src/plan/print.ts';
import { nodesOf } from '../../src/plan/traverse.ts';
import { plainDuckDB, smallDatabase } from '../../test/support/duckdb-rows.ts';
import {
  aggregate,
  aggregateCall,
  bigint,
  count,
  filter,
  integer,
  join,
  of,
  table,
  test,
  text,
} from '../../test/support/plans.ts';
import { randomPlans } from '../../test/support/random-plans.ts';
import { rewrite } from '../optimize.ts';
import { MEDIATOR } from '../physical.ts';
import { unparse } from '../unparse/unparse.ts';
import { eagerAggregations } from './eager-aggregation.ts';

const siloOf = (plan: RelationalNode): string => {
  const silos = new Set([...nodesOf(plan)].flatMap((each) => (each.kind === 'scan' ? [each.silo] : [])));
  return silos.size === 1 ? [...silos][0]! : MEDIATOR;
};
const divided = (plan: RelationalNode): readonly RelationalNode[] => [...eagerAggregations(plan, siloOf, () => true)];
const print = (plan: RelationalNode): string => `\n${printPlan(plan).replaceAll(/#\d+/g, '')}\n`;

const orders = table('berlin.orders', { customer: integer, cents: integer, kind: integer });
const customers = table('paris.customers', { id: integer, city: integer });
const joined = join('inner', orders, customers, test('=', of(orders, 'customer'), of(customers, 'id')));

describe('a partial aggregate', () => {
  it('groups by what the join and the groups read, and is merged above', () => {
    const plan = aggregate(
      joined,
      { city: of(customers, 'city') },
      { n: count(), total: aggregateCall('sum', bigint, of(orders, 'cents')) },
    );
    const [only, ...more] = divided(plan);
    expect(more).toEqual([]);
    expect(only!.columns).toEqual(plan.columns);
    expect(print(only!)).toBe(`
Project city := city, n := count::bigint, total := sum::bigint
  Aggregate by city: count := sum(count), sum := sum(sum)
    Project count, sum, city
      Join inner on customer = id
        Aggregate by customer: count := count(*), sum := sum(cents)
          Project customer, cents
            Scan berlin.orders (customer, cents)
        Scan paris.customers (id, city)
`);
  });

  it('is not made of what cannot be put together again, nor inside one silo', () => {
    const distinct = aggregate(joined, {}, { n: { ...count(of(orders, 'kind')), distinct: true } });
    expect(divided(distinct)).toEqual([]);
    const both = aggregate(
      joined,
      {},
      {
        a: aggregateCall('max', integer, of(orders, 'cents')),
        b: aggregateCall('max', integer, of(customers, 'city')),
      },
    );
    expect(divided(both)).toEqual([]);
    const other = table('berlin.customers', { id: integer, city: integer });
    const inside = join('inner', orders, other, test('=', of(orders, 'customer'), of(other, 'id')));
    expect(divided(aggregate(inside, { city: of(other, 'city') }, { n: count() }))).toEqual([]);
    const outer = node({ ...joined, kind: 'join', type: 'left' } as typeof joined);
    expect(divided(aggregate(outer, {}, { n: count() }))).toEqual([]);
  });
});

const database = await smallDatabase();
afterAll(() => database[Symbol.dispose]());

/** An aggregate over a join of two or three random plans, of one's columns, by columns of any. */
const aggregatedJoins = fc
  .tuple(randomPlans, randomPlans, randomPlans, fc.array(fc.nat(1000), { minLength: 12, maxLength: 12 }))
  .map(([a, b, c, choices]): RelationalNode => {
    let at = 0;
    const draw = (below: number): number => choices[at++ % choices.length]! % below;
    const number = (from: RelationalNode): Expression => {
      const numbers = from.columns.filter(({ type }) => type.kind === 'integer');
      const { id, type } = (numbers.length > 0 ? numbers : from.columns)[draw(Math.max(1, numbers.length))]!;
      return { kind: 'column', id, type };
    };
    const on = (left: RelationalNode, right: RelationalNode) =>
      test(
        draw(4) === 0 ? '<' : '=',
        { kind: 'cast', operand: number(left), type: text },
        { kind: 'cast', operand: number(right), type: text },
      );
    const two = join('inner', a, b, on(a, b));
    const input = draw(2) === 0 ? two : join('inner', two, c, on(draw(2) === 0 ? a : b, c));
    const of = [a, b][draw(2)]!;
    const local = draw(2) === 0 ? filter(input, test('is_not_null', number(of))) : input;
    const groups: Record<string, Expression> = draw(3) === 0 ? {} : { g: number(draw(2) === 0 ? a : b) };
    const operand = number(of);
    const condition = draw(3) === 0 ? { filter: test('is_not_null', number(of)) } : {};
    return aggregate(local, groups, {
      n: count(),
      k: { ...count(operand), ...condition },
      m: aggregateCall('max', operand.type, operand),
    });
  });

it('answers the same divided as whole, in every way to divide, over random plans', async () => {
  let ways = 0;
  await fc.assert(
    fc.asyncProperty(aggregatedJoins, async (plan) => {
      const rewritten = rewrite(plan);
      const whole = await database.rows(unparse(rewritten, plainDuckDB));
      // Relations are dealt to three silos.
      const dealt = (each: RelationalNode): string => String((each.columns[0]?.id ?? 0) % 3);
      for (const other of eagerAggregations(rewritten, dealt, () => true)) {
        ways++;
        const text = unparse(other, plainDuckDB);
        expect(await database.rows(text), text).toEqual(whole);
      }
    }),
    { numRuns: 300, seed: 7 },
  );
  expect(ways).toBeGreaterThan(100);
}, 60_000);
