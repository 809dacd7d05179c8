import { describe, expect, it } from 'vitest';
import { duckdbCapabilities } from '../../connectors/duckdb-engine/dialect.ts';
import { postgresCapabilities } from '../../connectors/postgres/capabilities.ts';
import { scalar } from '../../src/plan/types.ts';
import { aggregate, count, integer, join, of, table, test } from '../../test/support/plans.ts';
import { CostModel } from '../cost/model.ts';
import type { Objective } from '../cost/objective.ts';
import { MEDIATOR } from '../physical.ts';
import { estimator } from '../statistics/cardinality.ts';
import { acceptsKeys, keyFilters } from './key-filters.ts';

it('sends no keys to where the mediator reads by itself, but to the same engine behind an agent', () => {
  const column = { id: 1, name: 'id', type: scalar('bigint') };
  expect(acceptsKeys(column, duckdbCapabilities)).toBe(false);
  expect(acceptsKeys(column, { ...duckdbCapabilities, inPlace: false })).toBe(true);
});

describe('keyFilters, where bytes count', () => {
  const few = table('a.few', { id: integer });
  const many = table('b.many', { id: integer, n: integer });
  const rows = table('c.rows', { key: integer, n: integer });
  const sums = aggregate(rows, { id: of(rows, 'key') }, { n: count() });
  const sizes: Readonly<Record<string, number>> = { few: 10, many: 50_000, rows: 100_000 };
  // `many` itself is no choice: its keys are all there are.
  const reduced = join('semi', many, few, test('=', of(many, 'id'), of(few, 'id')));
  const plan = join('inner', reduced, sums, test('=', of(many, 'id'), of(sums, 'id')));

  const filters = (objective: Objective) =>
    keyFilters(plan, [], {
      estimate: estimator({
        statistics: ({ table: name }) => ({
          rows: sizes[name]!,
          columns: { id: { distinct: sizes[name]! }, key: { distinct: 50_000 } },
        }),
      }),
      model: new CostModel(() => 'postgres'),
      siteOf: (each) => (each.kind === 'scan' ? each.silo : MEDIATOR),
      capabilitiesOf: () => postgresCapabilities,
      maySendKeys: () => true,
      objective,
    });

  it('asks for the rows below an aggregate by keys that come by way of equal columns', () => {
    expect(filters('egress').get(rows)).toMatchObject({ by: few, column: rows.columns[0]!.id });
    expect(filters('egress').get(many)).toMatchObject({ by: few });
  });

  it('sends no keys to what gives them', () => {
    expect(filters('egress').has(few)).toBe(false);
  });
});
