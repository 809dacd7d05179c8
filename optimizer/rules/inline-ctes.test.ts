import { expect, it } from 'vitest';
import { node, type RelationalNode } from '../../src/plan/nodes.ts';
import { printPlan } from '../../src/plan/print.ts';
import { nodesOf } from '../../src/plan/traverse.ts';
import { call, column, double, integer, join, of, project, table, test } from '../../test/support/plans.ts';
import { inlineCtes } from './inline-ctes.ts';

const print = (plan: RelationalNode): string => `\n${printPlan(plan).replaceAll(/#\d+/g, '')}\n`;

const reference = () => node({ kind: 'cte-reference', name: 'w', columns: [column('id', integer)] });

function twice(definition: RelationalNode, materialized?: boolean): RelationalNode {
  const [a, b] = [reference(), reference()];
  const body = join('inner', a, b, test('=', of(a, 'id'), of(b, 'id')));
  const hint = materialized === undefined ? {} : { materialized };
  return node({ kind: 'with', name: 'w', recursive: false, ...hint, definition, body, columns: body.columns });
}

const orders = () => table('a.orders', { id: integer });

it('keeps what is read twice, unless NOT MATERIALIZED asks for copies, each with columns of its own', () => {
  expect(inlineCtes(twice(orders())).kind).toBe('with');
  expect(inlineCtes(twice(orders(), true)).kind).toBe('with');
  const copies = inlineCtes(twice(orders(), false));
  expect(print(copies)).toBe(`
Join inner on id = id
  Project id := id
    Scan a.orders (id)
  Project id := id
    Scan a.orders (id)
`);
  const scanned = [...nodesOf(copies)].filter(({ kind }) => kind === 'scan').map(({ columns }) => columns[0]!.id);
  expect(new Set(scanned).size).toBe(2);
});

it('keeps what would be another thing each time, whatever is asked', () => {
  const o = orders();
  const drawn = project(o, { id: call('random', double) });
  expect(inlineCtes(twice(drawn, false)).kind).toBe('with');
});
