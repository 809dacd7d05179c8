import { describe, expect, it } from 'vitest';
import { postgresCapabilities } from '../../../connectors/postgres/capabilities.ts';
import type { OptimizerContext } from '../../../optimizer/context.ts';
import { aggregate, filter, integer, of, table, test, text } from '../../../test/support/plans.ts';
import type { RelationalNode } from '../../plan/nodes.ts';
import { splitOf } from './split.ts';

const people = table('north.people', { id: integer, name: text });
const named = filter(people, test('is_not_null', of(people, 'name')));
const context = (over: object = {}): OptimizerContext => ({
  silos: new Map([['north', { capabilities: { ...postgresCapabilities, ...over }, context: 'north' }]]),
  pushdown: 'on',
});
const split = (plan: RelationalNode, rows: number, over: object = {}, cores = 8) =>
  splitOf({ plan, site: 'north', rows }, context(over), cores);

describe('splitOf', () => {
  it('reads many rows of one table in parts', () => {
    const request = split(named, 2_000_000);
    expect(request).toMatchObject({ table: { table: 'people' }, connections: 4 });
    expect(request?.textFor('ctid < X')).toMatch(/FROM "people" AS \w+ WHERE ctid < X\).*WHERE .*IS NOT NULL/s);
  });

  it.each([
    ['few rows', () => split(named, 1000)],
    ['one core', () => split(named, 2_000_000, {}, 1)],
    ['a silo without snapshots', () => split(named, 2_000_000, { splits: undefined })],
    ['a silo of one connection', () => split(named, 2_000_000, { maxConnections: 1 })],
    ['groups', () => split(aggregate(named, {}, {}), 2_000_000)],
  ])('leaves %s in one piece', (_, request) => {
    expect(request()).toBeUndefined();
  });
});
