import { expect, it } from 'vitest';
import type { TableStatistics } from '../../connectors/connector.ts';
import { postgres } from '../../connectors/postgres/connector.ts';
import { filter, integer, join, literal, of, project, table, test, text } from '../../test/support/plans.ts';
import { CostModel } from '../cost/model.ts';
import { MEDIATOR } from '../physical.ts';
import { planStatement } from '../plan-statement.ts';
import { type BoundPolicy, PolicyBook } from '../policy/book.ts';
import { tableKey } from '../statistics/signature.ts';

const statistics: Record<string, TableStatistics> = {
  'berlin.orders': { rows: 2_000_000, columns: { customer: { distinct: 100_000 }, note: { width: 200 } } },
  'paris.customers': {
    rows: 10_000_000,
    columns: { id: { distinct: 10_000_000 }, city: { distinct: 5000 }, kind: { distinct: 100_000 } },
  },
  'rome.cities': { rows: 5000, columns: { id: { distinct: 5000 }, country: { distinct: 1000 } } },
};

const orders = table('berlin.orders', { customer: integer, note: text });
const customers = table('paris.customers', { id: integer, city: integer, kind: integer });
const cities = table('rome.cities', { id: integer, country: integer });

/** Of the silos that wait for keys, whose they are. */
function chain(policies: readonly BoundPolicy[]): Record<string, string> {
  const local = filter(cities, test('=', of(cities, 'country'), literal(7)));
  const some = filter(customers, test('=', of(customers, 'kind'), literal(3)));
  const inner = join('inner', some, local, test('=', of(customers, 'city'), of(cities, 'id')));
  const all = join('inner', orders, inner, test('=', of(orders, 'customer'), of(customers, 'id')));
  const { physical } = planStatement(project(all, { note: of(orders, 'note'), id: of(customers, 'id') }), {
    context: {
      silos: new Map(
        ['berlin', 'paris', 'rome'].map((name) => [name, { capabilities: postgres.capabilities, context: name }]),
      ),
      pushdown: 'on',
    },
    estimation: { statistics: (scan) => statistics[tableKey(scan)] },
    model: new CostModel((site) => (site === MEDIATOR ? site : 'postgres')),
    objective: 'time',
    policies: new PolicyBook(policies),
  });
  const siteOf = (id: number) => physical.fragments.find((each) => each.id === id)!.site;
  return Object.fromEntries(
    physical.fragments.flatMap(({ site, inputs }) =>
      inputs.filter(({ kind }) => kind === 'keys').map(({ from }) => [site, siteOf(from)]),
    ),
  );
}

const to = (recipient: BoundPolicy['to']): BoundPolicy => ({
  ...{ name: `rome_${recipient.kind}`, silo: 'rome', table: 'cities', to: recipient },
  allow: { kind: 'rows', columns: ['id', 'country'] },
});

it('keys that were reduced by keys go no further than those may', () => {
  expect(chain([])).toEqual({ paris: 'rome', berlin: 'paris' });
  expect(chain([to({ kind: 'any' })])).toEqual({ paris: 'rome', berlin: 'paris' });
  // Paris may know which cities are asked for; berlin would learn it from the customers that it is asked for.
  const onlyParis = chain([to({ kind: 'mediator' }), to({ kind: 'silo', silo: 'paris' })]);
  expect(onlyParis).not.toEqual({ paris: 'rome', berlin: 'paris' });
  expect(Object.keys(onlyParis)).toHaveLength(1);
});
