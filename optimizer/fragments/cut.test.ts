import { describe, expect, it } from 'vitest';
import type { Capabilities } from '../../connectors/capabilities.ts';
import type { Dialect } from '../../connectors/dialect.ts';
import { node, type RelationalNode } from '../../src/plan/nodes.ts';
import { scalar } from '../../src/plan/types.ts';
import {
  aggregate,
  aggregateCall,
  call,
  count,
  distinct,
  filter,
  integer,
  join,
  key,
  limit,
  literal,
  of,
  project,
  sort,
  table,
  test,
  text,
} from '../../test/support/plans.ts';
import type { OptimizerContext } from '../context.ts';
import { optimize } from '../optimize.ts';

const dialect: Dialect = {
  name: 'plain',
  identifierQuotes: ['"', '"'],
  calls: {},
  types: {},
  literals: {},
  nullOrdering: 'standard',
  booleanLiterals: 'keyword',
  limit: 'limit-offset',
};

const sql: Capabilities = {
  language: 'sql',
  dialect,
  operations: {
    filter: 'exact',
    project: 'exact',
    join: 'exact',
    aggregate: 'exact',
    sort: 'exact',
    limit: 'exact',
    subquery: 'exact',
    distinct: 'exact',
    values: 'exact',
  },
  functions: {
    '=': { text: 'superset', other: 'exact' },
    '<': { text: 'none', other: 'exact' },
    '>': { text: 'none', other: 'exact' },
    and: 'exact',
    or: 'exact',
    not: 'exact',
    '+': 'exact',
    in_list: 'exact',
  },
  aggregates: { count: 'exact', max: { text: 'none', other: 'exact' } },
  types: ['integer', 'bigint', 'text', 'boolean'],
};

const files: Capabilities = {
  language: 'scan',
  operations: { filter: 'exact', project: 'exact', limit: 'exact' },
  functions: { '=': 'exact', '<': 'superset', and: 'exact', in_list: 'exact' },
  aggregates: {},
  types: ['integer', 'text'],
};

const context: OptimizerContext = {
  silos: new Map([
    ['a', { capabilities: sql, context: 'a' }],
    ['b', { capabilities: sql, context: 'b' }],
    ['files', { capabilities: files, context: 'files' }],
  ]),
  pushdown: 'on',
};

/** `site: request` of each fragment. */
const requests = (plan: RelationalNode, over: Partial<OptimizerContext> = {}): readonly string[] =>
  optimize(plan, { ...context, ...over }).fragments.map(({ site, request }) =>
    request.kind === 'sql'
      ? `${site}: ${request.text}`
      : `${site}: ${request.sourceColumns.join(',')} of ${request.table.table}` +
        request.filters.map((each) => ` ${each.column} ${each.operator} ${each.values.join('|')}`).join('') +
        (request.limit === undefined ? '' : ` limit ${request.limit}`),
  );

const people = (silo = 'a') => table(`${silo}.people`, { id: integer, name: text, age: integer });

describe('one silo', () => {
  it('is asked the whole statement', () => {
    const p = people();
    const grouped = aggregate(p, { age: of(p, 'age') }, { n: count() });
    expect(requests(limit(sort(grouped, key(of(grouped, 'n'))), 3))).toEqual([
      'a: SELECT t1."age", count(*) AS "n" FROM "people" AS t1 GROUP BY t1."age" ORDER BY count(*) NULLS LAST LIMIT 3',
    ]);
  });

  it('does not sort what DISTINCT ON or a computed LIMIT reads in order at the mediator', () => {
    const poor: Capabilities = { ...sql, dialect: { ...dialect, lacks: ['distinct-on', 'computed-limits'] } };
    const over = { silos: new Map([['a', { capabilities: poor, context: 'a' }]]) };
    const p = people();
    const sorted = sort(p, key(of(p, 'age')), key(of(p, 'id')));
    const first = node({ kind: 'distinct', input: sorted, on: [of(p, 'age')], columns: sorted.columns });
    const raw = 'a: SELECT t1."id", t1."name", t1."age" FROM "people" AS t1';
    expect(requests(first, over)).toEqual([raw, expect.stringMatching(/^mediator: SELECT DISTINCT ON .* ORDER BY /)]);
    const some = node({
      kind: 'limit',
      input: sorted,
      count: call('+', integer, literal(1), literal(1)),
      columns: sorted.columns,
    });
    expect(requests(some, over)).toEqual([raw, expect.stringMatching(/^mediator: .* ORDER BY .* LIMIT /)]);
  });

  it('is not asked for comparisons with subqueries that it answers otherwise', () => {
    const p = people();
    const q = people();
    const among = (column: 'id' | 'name') => {
      const plan = project(q, { x: of(q, column) });
      const operands = [of(p, column)];
      return filter(
        p,
        test('not', { kind: 'subquery', form: 'in', operands, operator: '=', plan, type: scalar('boolean') }),
      );
    };
    expect(requests(among('id'))).toEqual([expect.stringMatching(/^a: .* NOT /)]);
    expect(requests(among('name')).at(-1)).toMatch(/^mediator: .* NOT /);
  });

  it('prefilters where it answers too much, and limits only above the check', () => {
    const p = people();
    const kept = filter(p, test('and', test('=', of(p, 'name'), literal('ann')), test('>', of(p, 'age'), literal(3))));
    expect(requests(limit(project(kept, { id: of(p, 'id'), name: of(p, 'name') }), 5))).toEqual([
      `a: SELECT t1."id", t1."name", t1."age" FROM "people" AS t1 WHERE t1."name" = 'ann' AND t1."age" > 3`,
      `mediator: SELECT t1."c1" AS "id", t1."c2" AS "name" FROM "exchange_1" AS t1("c1", "c2", "c3") WHERE t1."c2" = 'ann' LIMIT 5`,
    ]);
  });

  it('keeps text order, text groups and unknown functions at the mediator', () => {
    const p = people();
    const [sorted] = requests(sort(p, key(of(p, 'name'))));
    expect(sorted).toBe('a: SELECT t1."id", t1."name", t1."age" FROM "people" AS t1');
    expect(requests(distinct(p))[1]).toMatch(/^mediator: SELECT DISTINCT/);
    expect(requests(aggregate(p, { name: of(p, 'name') }, {}))[1]).toMatch(/^mediator: .*GROUP BY/);
    expect(requests(aggregate(p, {}, { last: aggregateCall('max', text, of(p, 'name')) }))[1]).toMatch(
      /^mediator: .*max/,
    );
    expect(requests(project(p, { up: call('upper', text, of(p, 'name')) }))[1]).toMatch(/^mediator: SELECT upper/);
  });

  it('is asked for whole tables with pushdown off', () => {
    const p = people();
    expect(requests(filter(p, test('=', of(p, 'id'), literal(1))), { pushdown: 'off' })).toEqual([
      'a: SELECT t1."id", t1."name", t1."age" FROM "people" AS t1',
      'mediator: SELECT t1."c1" AS "id", t1."c2" AS "name", t1."c3" AS "age" FROM "exchange_1" AS t1("c1", "c2", "c3") WHERE t1."c1" = 1',
    ]);
  });
});

describe('a silo without SQL', () => {
  it('is asked for columns, filters and a limit', () => {
    const p = people('files');
    const kept = filter(
      p,
      test('and', test('=', of(p, 'id'), literal(7)), test('in_list', of(p, 'age'), literal(1), literal(2))),
    );
    expect(requests(limit(project(kept, { name: of(p, 'name') }), 9))).toEqual([
      'files: name of people id = 7 age in 1|2 limit 9',
    ]);
    const near = filter(p, test('<', of(p, 'age'), literal(5)));
    expect(requests(near)).toEqual([
      'files: id,name,age of people age < 5',
      'mediator: SELECT t1."c1" AS "id", t1."c2" AS "name", t1."c3" AS "age" FROM "exchange_1" AS t1("c1", "c2", "c3") WHERE t1."c3" < 5',
    ]);
  });
});

describe('two silos', () => {
  it('meet at the mediator, each with what it can do itself', () => {
    const [p, q] = [people('a'), people('b')];
    const older = filter(q, test('>', of(q, 'age'), literal(60)));
    const plan = join('inner', p, older, test('=', of(p, 'id'), of(q, 'id')));
    const result = optimize(project(plan, { name: of(p, 'name') }), context);
    expect(result.fragments.map(({ site }) => site)).toEqual(['a', 'b', 'mediator']);
    expect(result.fragments[2]!.inputs).toEqual([
      { kind: 'rows', from: 1 },
      { kind: 'rows', from: 2 },
    ]);
    expect(result.root).toBe(3);
  });

  it('read a common subtree once', () => {
    const [p, q] = [people('a'), people('b')];
    const twice = join('inner', join('inner', p, q, test('=', of(p, 'id'), of(q, 'id'))), people('a'));
    expect(optimize(twice, context).fragments.map(({ site }) => site)).toEqual(['a', 'b', 'mediator']);
  });

  it('send a correlated subquery that is no join to the mediator with its outer rows', () => {
    const [p, q] = [people('a'), people('b')];
    const inner = project(filter(q, test('=', of(q, 'id'), of(p, 'id'))), { age: of(q, 'age') });
    const age = { kind: 'subquery', form: 'scalar', operands: [], plan: inner, type: integer } as const;
    expect(requests(project(filter(p, test('=', of(p, 'age'), age)), { id: of(p, 'id') })).slice(2)).toEqual([
      'mediator: SELECT t1."c1" AS "id" FROM "exchange_1" AS t1("c1", "c2") WHERE t1."c2" = (SELECT t2."c2" AS "age" FROM "exchange_2" AS t2("c1", "c2") WHERE t2."c1" = t1."c1")',
    ]);
    const own = people('a');
    const local = project(filter(own, test('=', of(own, 'id'), of(p, 'id'))), { age: of(own, 'age') });
    expect(requests(filter(p, test('=', of(p, 'age'), { ...age, plan: local })))).toHaveLength(1);
  });
});

describe('constants', () => {
  it('run at the mediator alone, and at the silo they are joined to', () => {
    const values = node({
      kind: 'values',
      rows: [[literal(1)], [literal(2)]],
      columns: [{ id: 9001, name: 'v', type: integer }],
    });
    expect(requests(values)[0]).toMatch(/^mediator: SELECT/);
    const p = people();
    expect(requests(join('inner', p, values, test('=', of(p, 'id'), of(values, 'v'))))).toEqual([
      'a: SELECT t1."id", t1."name", t1."age", t2."c1" AS "v" FROM "people" AS t1 INNER JOIN (VALUES (1), (2)) AS t2("c1") ON t1."id" = t2."c1"',
    ]);
  });

  it('a CTE stays in the silo when its readers do, and is fetched once when they do not', () => {
    const p = people();
    const reference = (name = 'c') =>
      node({ kind: 'cte-reference', name, columns: p.columns.map((each) => ({ ...each, id: each.id + 5000 })) });
    const body = filter(reference(), test('>', of(reference(), 'age'), literal(1)));
    const plan = node({ kind: 'with', name: 'c', recursive: false, definition: p, body, columns: body.columns });
    expect(requests(plan)).toHaveLength(1);
    const mixed = join('cross', body, people('b'));
    const both = node({
      kind: 'with',
      name: 'c',
      recursive: false,
      definition: p,
      body: mixed,
      columns: mixed.columns,
    });
    expect(optimize(both, context).fragments.map(({ site }) => site)).toEqual(['a', 'b', 'mediator']);
  });
});
