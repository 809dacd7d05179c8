import { describe, expect, it } from 'vitest';
import type { TableStatistics } from '../../connectors/connector.ts';
import { duckdb } from '../../connectors/duckdb/connector.ts';
import { postgres } from '../../connectors/postgres/connector.ts';
import { CausewayError } from '../../src/plan/errors.ts';
import { node, type RelationalNode } from '../../src/plan/nodes.ts';
import {
  aggregate,
  aggregateCall,
  bigint,
  count,
  filter,
  integer,
  join,
  literal,
  of,
  project,
  table,
  test,
  text,
} from '../../test/support/plans.ts';
import type { OptimizerContext } from '../context.ts';
import { CostModel } from '../cost/model.ts';
import type { Objective } from '../cost/objective.ts';
import { MEDIATOR, type PhysicalPlan } from '../physical.ts';
import { type PlannedStatement, planStatement } from '../plan-statement.ts';
import { type BoundPolicy, PolicyBook } from '../policy/book.ts';
import { tableKey } from '../statistics/signature.ts';

const context: OptimizerContext = {
  silos: new Map([
    ['berlin', { capabilities: postgres.capabilities, context: 'berlin' }],
    ['paris', { capabilities: postgres.capabilities, context: 'paris' }],
    ['rome', { capabilities: duckdb.capabilities, context: 'rome' }],
  ]),
  pushdown: 'on',
};

const statistics: Record<string, TableStatistics> = {
  'berlin.orders': {
    rows: 1_000_000,
    columns: { id: { distinct: 1_000_000 }, customer: { distinct: 100_000 }, note: { width: 200 } },
  },
  'berlin.lines': { rows: 10_000_000, columns: { order: { distinct: 1_000_000 }, item: { distinct: 1000 } } },
  'berlin.customers': { rows: 100_000, columns: { id: { distinct: 100_000 }, city: { distinct: 1000 } } },
  'paris.cities': { rows: 1000, columns: { id: { distinct: 1000 }, country: { distinct: 50 } } },
  'rome.countries': { rows: 50, columns: { id: { distinct: 50 }, name: { distinct: 50 } } },
};

function planned(
  plan: RelationalNode,
  policies: BoundPolicy[] = [],
  objective: Objective = 'time',
  explain = false,
): PlannedStatement {
  return planStatement(
    plan,
    {
      context,
      estimation: { statistics: (scan) => statistics[tableKey(scan)] },
      model: new CostModel((site) => (site === MEDIATOR ? MEDIATOR : site === 'rome' ? 'duckdb' : 'postgres')),
      objective,
      policies: new PolicyBook(policies),
    },
    explain,
  );
}

const requests = ({ fragments }: PhysicalPlan): string[] =>
  fragments.map(
    ({ site, request }) => `${site}: ${request.kind === 'sql' ? request.text : `scan ${request.table.table}`}`,
  );

const orders = table('berlin.orders', { id: integer, customer: integer, note: text });
const customers = table('berlin.customers', { id: integer, city: integer });
const cities = table('paris.cities', { id: integer, country: integer });

/** The columns of these names, as they are: what pruning leaves of a join's columns. */
function kept(input: RelationalNode, ...names: string[]): RelationalNode {
  const columns = names.map((name) => input.columns.find((each) => each.name === name)!);
  const expressions = columns.map(({ id, type }) => ({ kind: 'column', id, type }) as const);
  return node({ kind: 'project', input, expressions, columns });
}

describe('chooseSites', () => {
  it('brings tables of one silo together, whatever order was written', () => {
    const written = join(
      'inner',
      join('inner', orders, cities, test('=', of(orders, 'id'), of(cities, 'id'))),
      filter(customers, test('=', of(customers, 'city'), literal(5))),
      test('=', of(orders, 'customer'), of(customers, 'id')),
    );
    const { physical } = planned(kept(written, 'country', 'city'));
    const berlin = requests(physical).filter((each) => each.startsWith('berlin'));
    expect(berlin).toHaveLength(1);
    expect(berlin[0]).toMatch(/"orders".*JOIN.*"customers"|"customers".*JOIN.*"orders"/);
  });

  it('sends no column further than it is read', () => {
    const { physical } = planned(
      kept(join('inner', orders, cities, test('=', of(orders, 'id'), of(cities, 'id'))), 'country'),
    );
    expect(requests(physical).find((each) => each.startsWith('berlin'))).not.toContain('note');
  });

  it('reduces a large table by the keys of a small one', () => {
    const french = filter(cities, test('=', of(cities, 'country'), literal(33)));
    const plan = project(join('inner', orders, french, test('=', of(orders, 'customer'), of(french, 'id'))), {
      note: of(orders, 'note'),
      country: of(cities, 'country'),
    });
    const { physical, cost } = planned(plan);
    const reader = physical.fragments.find(({ site }) => site === 'berlin')!;
    const by = physical.fragments.find(({ site }) => site === 'paris')!;
    expect(reader.inputs).toMatchObject([{ kind: 'keys', from: by.id, fromColumn: 0, column: orders.columns[1]!.id }]);
    expect(physical.fragments.indexOf(by)).toBeLessThan(physical.fragments.indexOf(reader));
    expect(cost.fragments.find(({ fragment }) => fragment === reader.id)!.rows).toBeLessThan(1000);
  });

  it('reduces what an anti join tests by the keys of what it keeps', () => {
    const french = filter(cities, test('=', of(cities, 'country'), literal(33)));
    const without = join('anti', french, orders, test('=', of(orders, 'customer'), of(french, 'id')));
    for (const objective of ['time', 'egress'] as const) {
      const { physical } = planned(project(without, { id: of(cities, 'id') }), [], objective);
      const by = physical.fragments.find(({ site }) => site === 'paris')!;
      expect(physical.fragments.find(({ site }) => site === 'berlin')!.inputs).toMatchObject([
        { kind: 'keys', from: by.id, column: orders.columns[1]!.id },
      ]);
    }
  });

  it('asks one silo for the parts of a join that repeats wide rows, where bytes count', () => {
    const lines = table('berlin.lines', { order: integer, item: integer });
    const few = filter(orders, test('=', of(orders, 'customer'), literal(5)));
    const both = join('inner', few, lines, test('=', of(orders, 'id'), of(lines, 'order')));
    const plan = project(both, { note: of(orders, 'note'), item: of(lines, 'item') });
    const { physical } = planned(plan, [], 'egress');
    const [first, second, ...more] = physical.fragments.filter(({ site }) => site === 'berlin');
    expect(more).toHaveLength(0);
    expect(second!.inputs).toMatchObject([{ kind: 'keys', from: first!.id, column: lines.columns[0]!.id }]);
    expect(planned(plan, [], 'time').physical.fragments).toHaveLength(1);
  });

  it('does not run a join in the silo that multiplies what has to be sent', () => {
    const pairs = join('inner', customers, table('berlin.customers', { id: integer, city: integer }), undefined);
    const right = (pairs as Extract<RelationalNode, { kind: 'join' }>).right;
    const same = filter(pairs, test('=', of(customers, 'city'), of(right, 'city')));
    const { physical } = planned(same);
    expect(physical.fragments.filter(({ site }) => site === 'berlin').every(({ plan }) => plan.kind !== 'join')).toBe(
      true,
    );
    const counted = aggregate(same, {}, { n: count() });
    expect(planned(counted, [], 'egress').physical.fragments, 'an aggregate above makes it worth while').toHaveLength(
      1,
    );
  });

  it('follows the objective', () => {
    const plan = project(join('inner', orders, cities, test('=', of(orders, 'id'), of(cities, 'id'))), {
      note: of(orders, 'note'),
      country: of(cities, 'country'),
    });
    const time = planned(plan, [], 'time').cost;
    const egress = planned(plan, [], 'egress').cost;
    expect(egress.bytes).toBeLessThanOrEqual(time.bytes);
    expect(time.seconds).toBeLessThanOrEqual(egress.seconds);
  });

  it('says what was rejected, and why', () => {
    const french = filter(cities, test('=', of(cities, 'country'), literal(33)));
    const plan = project(join('inner', orders, french, test('=', of(orders, 'customer'), of(french, 'id'))), {
      note: of(orders, 'note'),
    });
    const { rejected, cost } = planned(plan, [], 'time', true);
    expect(rejected.map(({ name }) => name)).toEqual(['no semi-join keys', 'whole tables to the mediator']);
    for (const each of rejected) {
      expect(each.cost!.seconds).toBeGreaterThan(cost.seconds);
      expect(each.reason).toMatch(/times the time/);
    }
  });

  describe('with policies', () => {
    const allow = (
      silo: string,
      name: string,
      policy: BoundPolicy['allow'],
      to: BoundPolicy['to'] = { kind: 'mediator' },
    ): BoundPolicy => ({
      name: `${silo}_${name}`,
      silo,
      table: name,
      allow: policy,
      to,
    });

    it('takes keys only where they may go', () => {
      const french = filter(cities, test('=', of(cities, 'country'), literal(33)));
      const plan = project(join('inner', orders, french, test('=', of(orders, 'customer'), of(french, 'id'))), {
        note: of(orders, 'note'),
      });
      const columns = { kind: 'rows', columns: ['id', 'country'] } as const;
      const keys = (policy: BoundPolicy) =>
        planned(plan, [policy]).physical.fragments.some(({ inputs }) => inputs.some(({ kind }) => kind === 'keys'));
      expect(keys(allow('paris', 'cities', columns))).toBe(false);
      expect(keys(allow('paris', 'cities', columns, { kind: 'any' }))).toBe(true);
    });

    it('computes in the silo what may only leave as an aggregate', () => {
      const total = aggregate(
        orders,
        { customer: of(orders, 'customer') },
        { s: aggregateCall('sum', bigint, of(orders, 'id')) },
      );
      const named = join('inner', total, cities, test('=', of(total, 'customer'), of(cities, 'id')));
      const { physical, notices } = planned(named, [allow('berlin', 'orders', { kind: 'aggregates', minGroup: 3 })]);
      const berlin = physical.fragments.find(({ site }) => site === 'berlin')!;
      expect(berlin.request.kind === 'sql' && berlin.request.text).toMatch(/GROUP BY .* >= /s);
      expect(notices).toHaveLength(1);
    });

    it('shows a policy as the reason of a rejection', () => {
      const total = aggregate(
        orders,
        { customer: of(orders, 'customer') },
        { s: aggregateCall('sum', bigint, of(orders, 'id')) },
      );
      const { rejected } = planned(
        total,
        [allow('berlin', 'orders', { kind: 'aggregates', minGroup: 3 })],
        'time',
        true,
      );
      expect(rejected.find(({ name }) => name === 'whole tables to the mediator')?.reason).toMatch(
        /policies of berlin/,
      );
    });

    it('refuses when nothing is left', () => {
      try {
        planned(orders, [allow('berlin', 'orders', { kind: 'rows', columns: ['id'] })]);
        expect.unreachable();
      } catch (error) {
        expect(error).toBeInstanceOf(CausewayError);
        expect((error as CausewayError).sqlstate).toBe('CW001');
        expect((error as CausewayError).message).toContain('berlin.orders.customer and berlin.orders.note');
      }
    });
  });
});

describe('four islands of ten relations', () => {
  it('are planned with every relation joined once', () => {
    const dims = Array.from({ length: 9 }, (_, i) =>
      table(`${['berlin', 'paris', 'rome'][i % 3]}.dim${i}`, { [`k${i}`]: integer }),
    );
    const fact = table('berlin.fact', Object.fromEntries(dims.map((_, i) => [`f${i}`, integer])));
    const plan = dims.reduce<RelationalNode>(
      (left, dim, i) => join('inner', left, dim, test('=', of(fact, `f${i}`), of(dim, `k${i}`))),
      fact,
    );
    const { physical, considered } = planned(aggregate(plan, {}, { n: count() }));
    const text = requests(physical).join('\n');
    for (let i = 0; i < 9; i++) expect(text.match(new RegExp(`"dim${i}"`, 'g'))).toHaveLength(1);
    expect(considered).toBe(9 * 2 ** 8);
  });
});
