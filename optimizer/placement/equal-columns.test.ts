import { expect, it } from 'vitest';
import type { Expression } from '../../src/plan/expressions.ts';
import type { RelationalNode } from '../../src/plan/nodes.ts';
import { printPlan } from '../../src/plan/print.ts';
import { bigint, integer, join, of, table, test } from '../../test/support/plans.ts';
import { islandOf, joined } from './island.ts';

const relation = (name: string) => table(`s.${name}`, { id: integer, other: integer, big: bigint });
const [a, b, c] = [relation('a'), relation('b'), relation('c')];
const equal = (x: RelationalNode, y: RelationalNode, name = 'id'): Expression => test('=', of(x, name), of(y, 'id'));
const chain = (first: Expression, second: Expression) =>
  islandOf(join('inner', join('inner', a, b, first), c, second), () => false)!;
const print = (plan: RelationalNode): string => `\n${printPlan(plan)}\n`;
const implied = (island: ReturnType<typeof chain>) => island.conditions.filter((each) => each.implied === true);

it('joins what is equal only by way of a third relation', () => {
  const island = chain(equal(a, b), equal(b, c));
  expect(implied(island)).toHaveLength(1);
  const plan = print(joined(island, { left: { left: 0, right: 2 }, right: 1 })).replaceAll(/\w+#/g, '#');
  // One equality is enough at each join.
  expect(plan).not.toContain('and');
  expect(plan).not.toContain('cross');
  expect(plan.match(/Join inner on \(?#\d+ = #\d+/g)).toHaveLength(2);
});

it('adds nothing where the written order needs nothing', () => {
  const island = chain(equal(a, b), equal(b, c));
  expect(print(joined(island, { left: { left: 0, right: 1 }, right: 2 }))).not.toMatch(/and/);
});

it.each<[string, Expression, Expression]>([
  ['two columns of one relation', equal(a, b), test('and', equal(a, c), test('=', of(b, 'other'), of(a, 'id')))],
  ['other types', equal(a, b), test('=', of(b, 'big'), of(c, 'id'))],
  ['columns that are not linked', equal(a, b), equal(b, c, 'other')],
])('leaves %s', (_, first, second) => {
  expect(implied(chain(first, second))).toHaveLength(0);
});
