import { expect, it } from 'vitest';
import type { Expression } from '../../src/plan/expressions.ts';
import type { RelationalNode } from '../../src/plan/nodes.ts';
import { printPlan } from '../../src/plan/print.ts';
import { boolean, filter, integer, join, of, table, test } from '../../test/support/plans.ts';
import { liftJoinSubqueries } from './join-subqueries.ts';

const print = (plan: RelationalNode): string => `\n${printPlan(plan).replaceAll(/#\d+/g, '')}\n`;

const relation = (name: string) => table(`${name}.${name}`, { id: integer, n: integer });

/** EXISTS over rows of `c` that match all of `outer`. */
function exists(...outer: readonly Expression[]): Expression {
  const c = relation('c');
  const tests = outer.map((expression) => test('=', of(c, 'id'), expression));
  const predicate = tests.length === 1 ? tests[0]! : test('and', ...tests);
  return { kind: 'subquery', form: 'exists', operands: [], plan: filter(c, predicate), type: boolean };
}

it('computes a subquery of an outer join on the side it reads', () => {
  const [a, b] = [relation('a'), relation('b')];
  const on = test('and', test('=', of(a, 'id'), of(b, 'id')), exists(of(b, 'n')));
  expect(print(liftJoinSubqueries(join('left', a, b, on)))).toBe(`
Join left on (id = id) and subquery
  Scan a.a (id, n)
  Project id, n, subquery := exists(subquery)
    Scan b.b (id, n)
    Subquery
      Filter id = n
        Scan c.c (id, n)
`);
});

it('leaves inner joins', () => {
  const [a, b] = [relation('a'), relation('b')];
  const inner = join('inner', a, b, exists(of(a, 'n')));
  expect(liftJoinSubqueries(inner)).toEqual(inner);
});

it('asks a subquery that reads both sides for each row of the side that is kept', () => {
  const [a, b] = [relation('a'), relation('b')];
  const both = join('left', a, b, exists(of(a, 'n'), of(b, 'n')));
  expect(liftJoinSubqueries(both)).toEqual({ ...both, lateral: true });
});
