import { expect, it } from 'vitest';
import { node, type RelationalNode } from '../../src/plan/nodes.ts';
import { printPlan } from '../../src/plan/print.ts';
import {
  column,
  filter,
  integer,
  literal,
  of,
  project,
  table,
  test,
  text,
  unionAll,
} from '../../test/support/plans.ts';
import { shareCtePredicates } from './share-cte-predicates.ts';

const print = (plan: RelationalNode): string => `\n${printPlan(plan).replaceAll(/#\d+/g, '')}\n`;

const definition = () => {
  const orders = table('a.orders', { id: integer, day: integer, note: text });
  return project(orders, { id: of(orders, 'id'), day: of(orders, 'day') });
};
const reader = (...conditions: readonly (readonly [string, string, number])[]) => {
  const columns = [column('id', integer), column('day', integer)];
  const plan = node({ kind: 'cte-reference', name: 'recent', columns });
  return conditions.reduce<RelationalNode>(
    (input, [operator, name, value]) =>
      input.kind === 'filter'
        ? filter(input.input, test('and', input.predicate, test(operator, of(plan, name), literal(value))))
        : filter(input, test(operator, of(plan, name), literal(value))),
    plan,
  );
};
const read = (materialized: boolean | undefined, ...readers: readonly RelationalNode[]) => {
  const body = unionAll(...readers);
  const hint = materialized === undefined ? {} : { materialized };
  return node({
    kind: 'with',
    name: 'recent',
    recursive: false,
    ...hint,
    definition: definition(),
    body,
    columns: body.columns,
  });
};

it('narrows the definition to what any reader wants', () => {
  const plan = read(undefined, reader(['>', 'day', 5], ['=', 'id', 1]), reader(['>', 'day', 5], ['=', 'id', 2]));
  expect(print(shareCtePredicates(plan))).toMatchInlineSnapshot(`
    "
    With recent
      Filter (day > 5) and ((id = 1) or (id = 2))
        Project id := id, day := day
          Scan a.orders (id, day, note)
      Union all
        Filter (day > 5) and (id = 1)
          Reference recent
        Filter (day > 5) and (id = 2)
          Reference recent
    "
  `);
});

it('asks for no more than the common part where that is all a reader wants', () => {
  const plan = read(undefined, reader(['>', 'day', 5]), reader(['>', 'day', 5], ['=', 'id', 2]));
  expect(print(shareCtePredicates(plan))).toMatchInlineSnapshot(`
    "
    With recent
      Filter day > 5
        Project id := id, day := day
          Scan a.orders (id, day, note)
      Union all
        Filter day > 5
          Reference recent
        Filter (day > 5) and (id = 2)
          Reference recent
    "
  `);
});

it('leaves what one reader wants whole, and what is MATERIALIZED', () => {
  const whole = read(undefined, reader(), reader(['=', 'id', 2]));
  expect(shareCtePredicates(whole)).toEqual(whole);
  const fence = read(true, reader(['=', 'id', 1]), reader(['=', 'id', 2]));
  expect(shareCtePredicates(fence)).toEqual(fence);
});
