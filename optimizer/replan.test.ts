import { describe, expect, it } from 'vitest';
import type { TableStatistics } from '../connectors/connector.ts';
import { postgres } from '../connectors/postgres/connector.ts';
import type { RelationalNode } from '../src/plan/nodes.ts';
import { filter, integer, join, literal, of, project, table, test, text } from '../test/support/plans.ts';
import { CostModel } from './cost/model.ts';
import { type FragmentProgress, MEDIATOR, type PhysicalPlan } from './physical.ts';
import { type PlannedStatement, type PlanningInput, planStatement } from './plan-statement.ts';
import { type BoundPolicy, PolicyBook } from './policy/book.ts';
import { isSurprising, replan } from './replan.ts';
import { tableKey } from './statistics/signature.ts';

/** As they are; what is believed of them is given by each test. */
const TRUE: Record<string, TableStatistics> = {
  'berlin.orders': {
    rows: 1_000_000,
    columns: { id: { distinct: 1_000_000 }, customer: { distinct: 50_000 }, note: { width: 100 } },
  },
  'berlin.lines': { rows: 100_000, columns: { customer: { distinct: 50_000 }, item: { distinct: 1000 } } },
  'paris.customers': { rows: 50_000, columns: { id: { distinct: 50_000 }, city: { distinct: 1000 } } },
};

const orders = table('berlin.orders', { id: integer, customer: integer, note: text });
const lines = table('berlin.lines', { customer: integer, item: integer });
const customers = table('paris.customers', { id: integer, city: integer });

const inputWith = (believed: Record<string, number>, policies: readonly BoundPolicy[] = []): PlanningInput => ({
  context: {
    silos: new Map(
      ['berlin', 'paris', 'rome'].map((name) => [name, { capabilities: postgres.capabilities, context: name }]),
    ),
    pushdown: 'on',
  },
  estimation: {
    statistics(scan) {
      const known = TRUE[tableKey(scan)]!;
      return { ...known, rows: believed[scan.table] ?? known.rows! };
    },
  },
  model: new CostModel((site) => (site === MEDIATOR ? site : 'postgres')),
  objective: 'time',
  policies: new PolicyBook(policies),
});

const ordersOfCustomers = (): RelationalNode => {
  const local = filter(customers, test('=', of(customers, 'city'), literal(7)));
  const joined = join('inner', orders, local, test('=', of(orders, 'customer'), of(customers, 'id')));
  return project(joined, { note: of(orders, 'note'), city: of(customers, 'city') });
};

const at = ({ fragments }: PhysicalPlan, site: string) => fragments.filter((each) => each.site === site);
const progressOf = ({ physical }: PlannedStatement, shown: Record<string, FragmentProgress>) =>
  new Map(Object.entries(shown).map(([site, progress]) => [at(physical, site)[0]!.id, progress]));

describe('isSurprising', () => {
  it('is what is over and four times off, or running and four times more', () => {
    expect(isSurprising(100, { rows: 399, done: true })).toBe(false);
    expect(isSurprising(100, { rows: 401, done: true })).toBe(true);
    expect(isSurprising(100, { rows: 24, done: true })).toBe(true);
    expect(isSurprising(100, { rows: 24, done: false })).toBe(false);
    expect(isSurprising(100, { rows: 401, done: false })).toBe(true);
    expect(isSurprising(undefined, { rows: 401, done: true })).toBe(false);
    expect(isSurprising(40, { rows: 1, done: true }), 'a few rows').toBe(false);
  });
});

describe('replan', () => {
  it('asks a silo anew with keys when it has far more rows than was believed', () => {
    const input = inputWith({ orders: 20 });
    const planned = planStatement(ordersOfCustomers(), input);
    expect(planned.physical.fragments.flatMap(({ inputs }) => inputs.map(({ kind }) => kind))).not.toContain('keys');
    const shown = { paris: { rows: 50, done: true }, berlin: { rows: 40_000, done: false } };
    const replanned = replan(planned, input, progressOf(planned, shown))!;
    const [again] = at(replanned.physical, 'berlin');
    expect(again!.id).toBeGreaterThan(planned.physical.root);
    expect(again!.inputs).toMatchObject([{ kind: 'keys', from: at(planned.physical, 'paris')[0]!.id }]);
    // What is done is taken as it is.
    expect(at(replanned.physical, 'paris')).toEqual(at(planned.physical, 'paris'));
    expect(replanned.reason).toMatch(/^berlin \(\d\) had 40,000 rows so far, 20 were expected$/);
  });

  it('goes on where as much is still to come as asking anew would cost', () => {
    const input = inputWith({ orders: 20 });
    const planned = planStatement(ordersOfCustomers(), input);
    const done = { paris: { rows: 50_000, done: true }, berlin: { rows: 40_000, done: false } };
    expect(replan(planned, input, progressOf(planned, done))).toBeUndefined();
    const early = { paris: { rows: 50, done: true }, berlin: { rows: 90, done: false } };
    expect(replan(planned, input, progressOf(planned, early))).toBeUndefined();
  });

  it('moves a join to the mediator when the silo that runs it multiplies rows', () => {
    const wide = (): RelationalNode => {
      const few = filter(orders, test('=', of(orders, 'id'), literal(5)));
      const matched = join('inner', few, lines, test('=', of(orders, 'customer'), of(lines, 'customer')));
      const both = join('inner', matched, customers, test('=', of(lines, 'customer'), of(customers, 'id')));
      return project(both, { item: of(lines, 'item'), note: of(orders, 'note'), city: of(customers, 'city') });
    };
    const input = inputWith({});
    const planned = planStatement(wide(), input);
    const [inside] = at(planned.physical, 'berlin');
    expect(inside!.request).toMatchObject({ text: expect.stringContaining('JOIN') });
    const shown = { paris: { rows: 50_000, done: true }, berlin: { rows: 2_000_000, done: false } };
    const replanned = replan(planned, input, progressOf(planned, shown))!;
    for (const { request } of at(replanned.physical, 'berlin')) {
      expect(request.kind === 'sql' ? request.text : '').not.toContain('JOIN');
    }
  });

  it('sends no keys that a policy keeps in, however few they are', () => {
    const open = (silo: string, name: string, columns: string[]): BoundPolicy => ({
      ...{ name: `${silo}_${name}`, silo, table: name, allow: { kind: 'rows', columns } },
      to: { kind: 'mediator' },
    });
    const input = inputWith({ orders: 20 }, [open('paris', 'customers', ['id', 'city'])]);
    const planned = planStatement(ordersOfCustomers(), input);
    const shown = { paris: { rows: 50, done: true }, berlin: { rows: 40_000, done: false } };
    expect(replan(planned, input, progressOf(planned, shown))).toBeUndefined();
  });
});
