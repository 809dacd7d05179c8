import { describe, expect, it } from 'vitest';
import type { Dialect } from '../../connectors/dialect.ts';
import type { Expression } from '../../src/plan/expressions.ts';
import { node } from '../../src/plan/nodes.ts';
import { scalar } from '../../src/plan/types.ts';
import {
  aggregate,
  aggregateCall,
  bigint,
  boolean,
  call,
  column,
  count,
  distinct,
  filter,
  integer,
  join,
  key,
  limit,
  literal,
  numeric,
  of,
  project,
  sort,
  table,
  test,
  text,
  unionAll,
} from '../../test/support/plans.ts';
import { mediatorDialect } from './mediator-dialect.ts';
import { unparse } from './unparse.ts';

const plain: Dialect = {
  name: 'plain',
  identifierQuotes: ['"', '"'],
  calls: {},
  types: {},
  literals: {},
  nullOrdering: 'standard',
  booleanLiterals: 'keyword',
  limit: 'limit-offset',
};

const orders = () => table('berlin.orders', { id: integer, customer: integer, total: numeric(15, 2), note: text });
const customers = () => table('berlin.customers', { id: integer, name: text });

describe('one SELECT', () => {
  it('holds filter, join, aggregate, having, order and limit together', () => {
    const o = orders();
    const c = customers();
    const joined = join(
      'inner',
      o,
      filter(c, test('<>', of(c, 'name'), literal("O'Hara"))),
      test('=', of(o, 'customer'), of(c, 'id')),
    );
    const grouped = aggregate(
      filter(joined, test('>', of(o, 'total'), literal('10.00', numeric(4, 2)))),
      { name: of(joined, 'name') },
      { n: count() },
    );
    const plan = limit(
      sort(filter(grouped, test('>', of(grouped, 'n'), literal(1, bigint))), key(of(grouped, 'n'), true)),
      5,
      2,
    );
    expect(unparse(plan, plain)).toBe(
      `SELECT t2."name", count(*) AS "n" FROM "orders" AS t1 INNER JOIN "customers" AS t2 ON t1."customer" = t2."id" ` +
        `WHERE t2."name" <> 'O''Hara' AND t1."total" > 10.00 GROUP BY t2."name" HAVING count(*) > CAST(1 AS bigint) ` +
        `ORDER BY count(*) DESC NULLS FIRST LIMIT 5 OFFSET 2`,
    );
  });

  it('names two columns of one name apart, and binds them by position', () => {
    const o = orders();
    const c = customers();
    const joined = join('inner', o, c, test('=', of(o, 'customer'), of(c, 'id')));
    const plan = distinct(project(joined, { id: of(o, 'id'), id2: of(c, 'id') }));
    const same = node({ ...plan, columns: plan.columns.map((each) => ({ ...each, name: 'id' })) });
    expect(unparse(limit(distinct(same), 1), plain)).toBe(
      'SELECT DISTINCT t3."id", t3."id_1" FROM (SELECT DISTINCT t1."id", t2."id" AS "id_1" FROM "orders" AS t1 ' +
        'INNER JOIN "customers" AS t2 ON t1."customer" = t2."id") AS t3 LIMIT 1',
    );
  });
});

describe('a derived table', () => {
  it('keeps a filter on the NULL-extended side of an outer join below the join', () => {
    const o = orders();
    const c = customers();
    const plan = join(
      'left',
      c,
      filter(o, test('is_not_null', of(o, 'note'))),
      test('=', of(c, 'id'), of(o, 'customer')),
    );
    expect(unparse(project(plan, { note: of(o, 'note') }), plain)).toBe(
      'SELECT t3."note" FROM "customers" AS t1 LEFT JOIN (SELECT t2."id", t2."customer", t2."total", t2."note" ' +
        'FROM "orders" AS t2 WHERE t2."note" IS NOT NULL) AS t3 ON t1."id" = t3."customer"',
    );
  });

  it('separates a filter above a limit, and a sum of sums', () => {
    const o = orders();
    const inner = aggregate(
      o,
      { customer: of(o, 'customer') },
      { total: aggregateCall('sum', numeric(), of(o, 'total')) },
    );
    const outer = aggregate(inner, {}, { best: aggregateCall('max', numeric(), of(inner, 'total')) });
    expect(unparse(outer, plain)).toBe(
      'SELECT max(t2."total") AS "best" FROM (SELECT t1."customer", sum(t1."total") AS "total" FROM "orders" AS t1 ' +
        'GROUP BY t1."customer") AS t2',
    );
    const cut = limit(orders(), 3);
    expect(unparse(filter(cut, test('=', of(cut, 'id'), literal(1))), plain)).toMatch(
      /FROM \(.* LIMIT 3\) AS t2 WHERE/,
    );
  });

  it('keeps one row for a grand total whose aggregates are not read', () => {
    const total = aggregate(orders(), {}, { n: count() });
    expect(unparse(project(total, { one: literal(1) }), plain)).toBe(
      'SELECT 1 AS "one" FROM (SELECT count(*) AS "n" FROM "orders" AS t1) AS t2',
    );
  });
});

describe('special forms', () => {
  it('writes semi and anti joins as EXISTS', () => {
    const o = orders();
    const c = customers();
    const on = test('=', of(o, 'customer'), of(c, 'id'));
    expect(unparse(project(join('anti', c, o, on), { name: of(c, 'name') }), plain)).toBe(
      'SELECT t1."name" FROM "customers" AS t1 WHERE NOT EXISTS (SELECT 1 AS "one" FROM "orders" AS t2 WHERE t2."customer" = t1."id")',
    );
  });

  it('writes them as joins where the dialect has such joins, what is filtered below them in brackets', () => {
    const dialect: Dialect = { ...plain, semiJoins: true };
    const [o, c, other] = [orders(), customers(), orders()];
    const on = test('=', of(o, 'customer'), of(c, 'id'));
    const few = filter(o, test('<', of(o, 'id'), literal(9)));
    const semi = join('semi', c, few, on);
    const both = join('inner', semi, other, test('=', of(other, 'customer'), of(c, 'id')));
    expect(unparse(project(both, { name: of(c, 'name') }), dialect)).toBe(
      'SELECT t1."name" FROM "customers" AS t1 SEMI JOIN (SELECT t2."id", t2."customer", t2."total", t2."note" FROM "orders" AS t2 WHERE t2."id" < 9) AS t3 ON t3."customer" = t1."id" INNER JOIN "orders" AS t4 ON t4."customer" = t1."id"',
    );
  });

  it('hides comparisons beside an equality from an engine that would hash them', () => {
    const dialect: Dialect = { ...plain, hashesComparisons: true };
    const [o, c] = [orders(), customers()];
    const same = test('=', of(o, 'customer'), of(c, 'id'));
    const more = test('>', of(o, 'id'), of(c, 'id'));
    const on = (type: 'inner' | 'left', condition: Expression) =>
      unparse(project(join(type, c, o, condition), { name: of(c, 'name') }), dialect).replace(/.* ON /, '');
    expect(on('inner', test('and', same, more))).toBe('t2."customer" = t1."id" AND coalesce(t2."id" > t1."id", FALSE)');
    // Without an equality the engine looks for ranges; an outer join tests every pair by itself.
    expect(on('inner', more)).toBe('t2."id" > t1."id"');
    expect(on('left', test('and', same, more))).toBe('t2."customer" = t1."id" AND t2."id" > t1."id"');
  });

  it('keeps EXISTS for conditions that do not compare the two sides: DuckDB would try all pairs of rows', () => {
    const dialect: Dialect = { ...plain, semiJoins: true };
    const [o, c] = [orders(), customers()];
    const same = test('=', of(o, 'customer'), of(c, 'id'));
    const either = test('or', test('<', of(o, 'id'), of(c, 'id')), test('is_null', of(o, 'note')));
    const anti = join('anti', c, o, test('and', same, either));
    expect(unparse(project(anti, { name: of(c, 'name') }), dialect)).toContain('WHERE NOT EXISTS (');
  });

  it('keeps EXISTS for a join that reaches into the query around it', () => {
    const dialect: Dialect = { ...plain, semiJoins: true };
    const [o, c, outer] = [orders(), customers(), customers()];
    const on = test('and', test('=', of(o, 'customer'), of(c, 'id')), test('<', of(o, 'id'), of(outer, 'id')));
    const inner = aggregate(join('semi', c, o, on), {}, { n: count() });
    const scalarQuery = { kind: 'subquery', form: 'scalar', operands: [], plan: inner, type: bigint } as const;
    expect(unparse(project(outer, { n: scalarQuery }), dialect)).toContain('WHERE EXISTS (SELECT 1');
  });

  it('never writes a grouped constant as a position', () => {
    const o = orders();
    expect(unparse(aggregate(o, { one: literal(1) }, { n: count() }), plain)).toContain('GROUP BY CAST(1 AS integer)');
  });

  it('puts brackets only where precedence needs them', () => {
    const o = orders();
    const [a, b] = [of(o, 'id'), of(o, 'customer')];
    const sum = call('+', integer, a, b);
    const plan = project(
      filter(o, test('not', test('or', test('=', a, b), test('and', test('<', a, b), test('is_null', sum))))),
      { x: call('*', integer, sum, call('-', integer, a, call('-', integer, b, literal(-1)))) },
    );
    expect(unparse(plan, plain)).toBe(
      'SELECT (t1."id" + t1."customer") * (t1."id" - (t1."customer" - -1)) AS "x" FROM "orders" AS t1 ' +
        'WHERE NOT (t1."id" = t1."customer" OR t1."id" < t1."customer" AND t1."id" + t1."customer" IS NULL)',
    );
  });

  it('names the columns of a union by the union, each input by position', () => {
    const a = project(customers(), {});
    const left = project(a, { x: literal(1) });
    const right = limit(project(customers(), { y: literal(2) }), 1);
    expect(unparse(unionAll(left, right), plain)).toBe(
      'SELECT 1 AS "x" FROM "customers" AS t1 UNION ALL (SELECT 2 AS "y" FROM "customers" AS t2 LIMIT 1)',
    );
  });

  it('orders text by code point where the silo would not', () => {
    const c = customers();
    const dialect: Dialect = { ...plain, codePointOrder: '$1 COLLATE "C"', nullOrdering: 'emulate' };
    expect(unparse(sort(filter(c, test('<', of(c, 'name'), literal('m'))), key(of(c, 'name'))), dialect)).toBe(
      `SELECT t1."id", t1."name" FROM "customers" AS t1 WHERE (t1."name" COLLATE "C") < 'm' ` +
        'ORDER BY CASE WHEN (t1."name" COLLATE "C") IS NULL THEN 1 ELSE 0 END, t1."name" COLLATE "C"',
    );
  });

  it('gives literals their type', () => {
    const row = [
      literal('2025-01-31', scalar('date')),
      literal(null, scalar('timestamp')),
      literal('1 day', scalar('interval')),
      literal('7', numeric()),
      literal(true),
      literal('-0.5', numeric()),
    ];
    const values = node({ kind: 'values', rows: [row], columns: row.map(({ type }, i) => column(`v${i}`, type)) });
    expect(unparse(values, plain)).toBe(
      `SELECT DATE '2025-01-31' AS "v0", CAST(NULL AS timestamp without time zone) AS "v1", ` +
        `CAST('1 day' AS interval) AS "v2", CAST(7 AS numeric(1,0)) AS "v3", TRUE AS "v4", -0.5 AS "v5"`,
    );
  });
});

describe('what a dialect lacks is said in another way', () => {
  const poor: Dialect = {
    ...plain,
    noLimit: '-1',
    lacks: ['column-aliases', 'bracketed-set-operands', 'cte-hints'],
  };
  const native = node({ kind: 'native-query', silo: 'berlin', text: 'SELECT 1', columns: [column('x', integer)] });

  it('column aliases: by a WITH that names them', () => {
    expect(unparse(native, plain)).toBe('SELECT t1."c1" AS "x" FROM (SELECT 1) AS t1("c1")');
    expect(unparse(native, poor)).toBe('WITH "t1_rows"("c1") AS (SELECT 1) SELECT t1."c1" AS "x" FROM "t1_rows" AS t1');
  });

  it('brackets around the operands of a UNION: by a derived table', () => {
    const o = orders();
    const first = project(limit(sort(o, key(of(o, 'id'))), 3), { id: of(o, 'id') });
    const c = customers();
    const both = unionAll(first, project(c, { id: of(c, 'id') }));
    expect(unparse(both, plain)).toMatch(/^\(SELECT .* LIMIT 3\) UNION ALL SELECT /);
    expect(unparse(both, poor)).toMatch(/^SELECT t\d\."id" FROM \(SELECT .* LIMIT 3\) AS t\d UNION ALL SELECT /);
  });

  it('OFFSET alone: with the LIMIT of all rows', () => {
    const o = project(orders(), {});
    const skipped = node({ kind: 'limit', input: o, offset: literal(2), columns: o.columns });
    expect(unparse(skipped, plain)).toMatch(/ OFFSET 2$/);
    expect(unparse(skipped, poor)).toMatch(/ LIMIT -1 OFFSET 2$/);
  });

  it('MATERIALIZED: not at all', () => {
    const o = orders();
    const reference = node({ kind: 'cte-reference', name: 'few', columns: [column('id', integer)] });
    const plan = node({
      kind: 'with',
      name: 'few',
      recursive: false,
      materialized: true,
      definition: project(o, { id: of(o, 'id') }),
      body: reference,
      columns: reference.columns,
    });
    expect(unparse(plan, plain)).toContain('"few"("c1") AS MATERIALIZED (');
    expect(unparse(plan, poor)).toMatch(/"few"\("c1"\) AS \(.* FROM "few" AS t\d$/);
  });
});

describe('the mediator', () => {
  it('spells PostgreSQL in DuckDB', () => {
    const o = orders();
    const plan = aggregate(
      filter(o, test('like', of(o, 'note'), literal('a\\_%'))),
      { half: call('/', integer, of(o, 'id'), literal(2)) },
      {
        n: aggregateCall('sum', bigint, of(o, 'id')),
        mean: { ...aggregateCall('avg', numeric(), of(o, 'id')), filter: test('~', of(o, 'note'), literal('b')) },
      },
    );
    expect(unparse(plan, mediatorDialect)).toBe(
      `SELECT CASE WHEN 2 = 0 AND t1."id" IS NOT NULL THEN error('division by zero') ELSE t1."id" // 2 END AS "half", ` +
        `CAST(sum(t1."id") AS BIGINT) AS "n", ` +
        `pg_numeric_divide(sum(t1."id") FILTER (WHERE regexp_matches(t1."note", 'b', 's')), count(t1."id") FILTER (WHERE regexp_matches(t1."note", 'b', 's'))) AS "mean" ` +
        `FROM "orders" AS t1 WHERE (t1."note" LIKE 'a\\_%' ESCAPE '\\') ` +
        `GROUP BY CASE WHEN 2 = 0 AND t1."id" IS NOT NULL THEN error('division by zero') ELSE t1."id" // 2 END`,
    );
  });

  it('reads exchanges by position', () => {
    const memory = node({
      kind: 'memory-table',
      name: 'exchange_1',
      columns: [column('a', integer), column('a', boolean)],
    });
    expect(unparse(memory, mediatorDialect)).toBe(
      'SELECT t1."c1" AS "a", t1."c2" AS "a_1" FROM "exchange_1" AS t1("c1", "c2")',
    );
  });
});
