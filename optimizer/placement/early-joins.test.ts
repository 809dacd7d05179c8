import { expect, it } from 'vitest';
import { duckdb } from '../../connectors/duckdb/connector.ts';
import { postgres } from '../../connectors/postgres/connector.ts';
import { filter, integer, join, literal, of, project, table, test } from '../../test/support/plans.ts';
import { CostModel } from '../cost/model.ts';
import { MEDIATOR, type PhysicalPlan } from '../physical.ts';
import { planStatement } from '../plan-statement.ts';
import { PolicyBook } from '../policy/book.ts';

const context = {
  silos: new Map([
    ['berlin', { capabilities: postgres.capabilities, context: 'berlin' }],
    ['lake', { capabilities: duckdb.capabilities, context: 'lake' }],
  ]),
  pushdown: 'on',
} as const;

const customers = table('berlin.customers', { id: integer, city: integer });
const orders = table('lake.orders', { id: integer, customer: integer, year: integer });
const items = table('lake.items', { order: integer, quantity: integer });

/** Orders of the customers of a city (1 of `cities`) with their items. */
function planned(cities: number, orderRows: number): PhysicalPlan {
  const some = filter(customers, test('=', of(customers, 'city'), literal(5)));
  const plan = join(
    'inner',
    join('inner', some, orders, test('=', of(customers, 'id'), of(orders, 'customer'))),
    items,
    test('=', of(orders, 'id'), of(items, 'order')),
  );
  const rows: Readonly<Record<string, number>> = { customers: 10_000, orders: orderRows, items: 10 * orderRows };
  return planStatement(project(plan, { quantity: of(plan, 'quantity') }), {
    context,
    estimation: {
      statistics: ({ table: name }) => ({
        rows: rows[name]!,
        columns: {
          id: { distinct: rows[name]! },
          city: { distinct: cities },
          customer: { distinct: 10_000 },
          order: { distinct: orderRows },
        },
      }),
    },
    model: new CostModel((site) => (site === MEDIATOR ? MEDIATOR : site === 'lake' ? 'duckdb' : 'postgres')),
    objective: 'time',
    policies: new PolicyBook([]),
  }).physical;
}

const made = ({ fragments, root }: PhysicalPlan) =>
  fragments.filter(({ id, site }) => site === MEDIATOR && id !== root).map(({ plan }) => plan);

it('makes the join first that leaves few rows of a large table', () => {
  const [first, ...more] = made(planned(10, 1_000_000));
  expect(more).toHaveLength(0);
  // What only that join reads is not kept.
  expect(first?.columns.map(({ name }) => name)).not.toContain('city');
  const names = (plan = first!): string[] =>
    plan.kind === 'memory-table' ? [plan.name] : 'left' in plan ? [...names(plan.left), ...names(plan.right)] : [];
  const join = first?.kind === 'project' ? first.input : first!;
  expect(names(join)).toHaveLength(2);
});

it.each([
  ['most rows stay', planned(1, 1_000_000)],
  ['there is not much to read', planned(10, 10_000)],
])('leaves the order to the engine where %s', (_, plan) => {
  expect(made(plan)).toHaveLength(0);
});
