import { describe, expect, it } from 'vitest';
import { CausewayError } from '../../plan/errors.ts';
import { printPlan } from '../../plan/print.ts';
import { numeric, type SqlType, scalar, typeName } from '../../plan/types.ts';
import { bindSelect } from './bind.ts';
import type { BindScope, Relation } from './scope.ts';

const table = (silo: string, name: string, columns: Record<string, SqlType>, primaryKey?: string[]): Relation => ({
  kind: 'table',
  silo,
  table: {
    table: name,
    kind: 'table',
    columns: Object.entries(columns).map(([column, type]) => ({ name: column, type, nullable: true })),
    ...(primaryKey === undefined ? {} : { primaryKey }),
  },
});

const readings = {
  meter_id: scalar('integer'),
  ts: scalar('timestamptz'),
  mw: scalar('double'),
  price: numeric(12, 2),
};
const berlin = table('berlin', 'readings', readings) as Extract<Relation, { kind: 'table' }>;
const paris = table('paris', 'readings', readings) as Extract<Relation, { kind: 'table' }>;

const RELATIONS: Readonly<Record<string, Relation>> = {
  'berlin.readings': berlin,
  meters: table('berlin', 'meters', { id: scalar('integer'), name: scalar('text'), since: scalar('date') }, ['id']),
  odd: table('berlin', 'odd', { MeterId: scalar('integer'), 'the name': scalar('text') }),
  readings: { kind: 'federated', members: [berlin, paris] },
  loud: { kind: 'view', text: 'SELECT meter_id, mw FROM readings WHERE mw > 10' },
};

const scope: BindScope = {
  relation: ({ schema, name }) => RELATIONS[schema === undefined ? name : `${schema}.${name}`],
  relationNames: () => Object.keys(RELATIONS),
};

const planOf = async (text: string): Promise<string> => printPlan((await bindSelect(text, scope)).plan);
const typesOf = async (text: string): Promise<string> =>
  (await bindSelect(text, scope)).columns.map((column) => `${column.name} ${typeName(column.type)}`).join(', ');

const errorOf = async (text: string): Promise<CausewayError> => {
  try {
    await bindSelect(text, scope);
  } catch (thrown) {
    if (thrown instanceof CausewayError) return thrown;
    throw thrown;
  }
  throw new Error(`no error: ${text}`);
};

describe('plans', () => {
  it('binds a filter and features over one silo', async () => {
    expect(
      await planOf(`SELECT ts, sin(2 * pi() * extract(doy FROM ts) / 365) AS season, mw FROM berlin.readings
        WHERE ts >= '2025-01-01' AND mw IS NOT NULL`),
    ).toMatchInlineSnapshot(`
      "Project ts#4 := ts#1, season := sin(((2 * pi()) * extract('doy', ts#1)) / 365), mw#6 := mw#2
        Filter (ts#1 >= '2025-01-01 00:00:00') and is_not_null(mw#2)
          Scan berlin.readings (meter_id, ts#1, mw#2, price)"
    `);
  });

  it('binds a federated table as a union with the silo as a column', async () => {
    expect(await planOf('SELECT silo, count(*) FROM readings GROUP BY silo')).toMatchInlineSnapshot(`
      "Project silo#25 := silo#24, count#26 := count#23
        Aggregate by silo#22: count#23 := count(*)
          Union all of silos berlin, paris
            Project meter_id#8 := meter_id#0, ts#9 := ts#1, mw#10 := mw#2, price#11 := price#3, silo#12 := 'berlin'
              Scan berlin.readings (meter_id#0, ts#1, mw#2, price#3)
            Project meter_id#13 := meter_id#4, ts#14 := ts#5, mw#15 := mw#6, price#16 := price#7, silo#17 := 'paris'
              Scan paris.readings (meter_id#4, ts#5, mw#6, price#7)"
    `);
  });

  it('binds joins, views and correlated subqueries', async () => {
    expect(
      await planOf(`SELECT m.name, l.mw FROM meters m LEFT JOIN loud l ON l.meter_id = m.id
        WHERE EXISTS (SELECT 1 FROM berlin.readings r WHERE r.meter_id = m.id) ORDER BY m.since DESC LIMIT 3`),
    ).toMatchInlineSnapshot(`
      "Project name#33, mw#34
        Limit 3
          Sort sort desc
            Project name#33 := name#1, mw#34 := mw#27, sort := since
              Filter exists(subquery)
                Join left on meter_id#26 = id
                  Scan berlin.meters (id, name#1, since)
                  Project meter_id#26 := meter_id#21, mw#27 := mw#23
                    Filter mw#23 > 10
                      Union all of silos berlin, paris
                        Project meter_id#11 := meter_id#3, ts#12 := ts#4, mw#13 := mw#5, price#14 := price#6, silo#15 := 'berlin'
                          Scan berlin.readings (meter_id#3, ts#4, mw#5, price#6)
                        Project meter_id#16 := meter_id#7, ts#17 := ts#8, mw#18 := mw#9, price#19 := price#10, silo#20 := 'paris'
                          Scan paris.readings (meter_id#7, ts#8, mw#9, price#10)
                Subquery
                  Project ?column? := 1
                    Filter meter_id#28 = id
                      Scan berlin.readings (meter_id#28, ts#29, mw#30, price#31)"
    `);
  });

  it('binds grouping sets, FILTER, HAVING and windows in their order', async () => {
    expect(
      await planOf(`SELECT id, name, count(*) FILTER (WHERE since > '2024-01-01'), rank() OVER (ORDER BY count(*) DESC)
        FROM meters GROUP BY ROLLUP (id, name) HAVING max(since) < '2025-01-01'`),
    ).toMatchInlineSnapshot(`
      "Project id#9 := id#7, name#10 := name#8, count#11 := count#3, rank#12 := rank#5
        Window rank#5 := rank() over (order count#4 desc)
          Filter max < '2025-01-01'
            Aggregate by id#0, name#1 sets (0, 1), (0), (): count#3 := count(*) filter since > '2024-01-01', count#4 := count(*), max := max(since)
              Scan berlin.meters (id#0, name#1, since)"
    `);
  });

  it('binds recursive CTEs', async () => {
    expect(
      await planOf(
        'WITH RECURSIVE t(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT sum(n) FROM t',
      ),
    ).toMatchInlineSnapshot(`
      "With t recursive
        Union all
          Values 1 row (column1)
          Project ?column? := n#1 + 1
            Filter n#1 < 5
              Reference t
        Project sum#6 := sum#5
          Aggregate: sum#5 := sum(n#4)
            Reference t"
    `);
  });

  it('merges USING columns of a FULL JOIN', async () => {
    expect(await planOf('SELECT id FROM meters a FULL JOIN (SELECT meter_id AS id FROM loud) b USING (id)')).toContain(
      'coalesce(id',
    );
  });

  it('lets a grouped primary key stand for its row', async () => {
    expect(await planOf('SELECT id, name FROM meters GROUP BY id')).toContain('Aggregate by id');
  });

  it('gives an aggregate of outer columns to the outer query', async () => {
    const plan = await planOf('SELECT (SELECT sum(m.id)) FROM meters m');
    expect(plan).toContain(':= sum(id)\n    Scan berlin.meters');
  });

  it('finds columns in odd case when they are unique', async () => {
    expect(await planOf('SELECT meterid, "the name" FROM odd')).toContain('Scan berlin.odd (MeterId');
  });
});

describe('types', () => {
  it.each([
    ['SELECT 1 + 2.50 AS x, 7 / 2 AS y, 1::smallint + 1 AS z', 'x numeric(13,2), y integer, z integer'],
    [
      'SELECT avg(mw), sum(price), count(*), sum(meter_id), avg(meter_id) FROM readings',
      'avg double precision, sum numeric(38,2), count bigint, sum bigint, avg numeric',
    ],
    [
      "SELECT since + 1, since - since, since + interval '1 day' FROM meters",
      '?column? date, ?column? integer, ?column? timestamp without time zone',
    ],
    [
      "SELECT 'a' || 1 AS s, coalesce(NULL, 2) AS c, NULL AS n, CASE WHEN true THEN 1 ELSE 2.5 END",
      's text, c integer, n text, case numeric(11,1)',
    ],
    ['SELECT NULL UNION SELECT 1', '?column? integer'],
    [
      "SELECT date_trunc('day', ts), extract(hour FROM ts), round(price, 1), round(mw) FROM readings",
      'date_trunc timestamp with time zone, extract numeric, round numeric, round double precision',
    ],
    [
      "SELECT array[1, 2], (array[1, 2])[1], 3 = ANY (array[1, 2]), interval '1' year",
      'array integer[], array integer, ?column? boolean, interval interval',
    ],
  ])('%s', async (text, types) => {
    expect(await typesOf(text)).toBe(types);
  });

  it('learns the types of parameters', async () => {
    const { parameters } = await bindSelect('SELECT $3 FROM meters WHERE id = $1 AND since > $2', scope);
    expect(parameters.map(typeName)).toEqual(['integer', 'date', 'text']);
  });
});

describe('errors', () => {
  it.each([
    ['SELECT 1 FRM meters WHERE', '42601', 'syntax error at or near "meters"', 14],
    ['SELECT * FROM meterz', '42P01', 'relation "meterz" does not exist', 15],
    ['SELECT nam FROM meters', '42703', 'column "nam" does not exist', 8],
    ['SELECT m.nam FROM meters m', '42703', 'column m.nam does not exist', 8],
    ['SELECT x.name FROM meters m', '42P01', 'missing FROM-clause entry for table "x"', 8],
    ['SELECT id FROM meters a, meters b', '42702', 'column reference "id" is ambiguous', 8],
    ['SELECT * FROM meters, meters', '42712', 'table name "meters" specified more than once', 23],
    ['SELECT name + 1 FROM meters', '42883', 'operator does not exist: text + integer', 13],
    ['SELECT lowr(name) FROM meters', '42883', 'function lowr(text) does not exist', 8],
    ['SELECT lower(id) FROM meters', '42883', 'function lower(integer) does not exist', 8],
    ["SELECT '1e400'::float8 FROM meters", '22003', '"1e400" is out of range for type double precision', 15],
    ['SELECT mod(1.5, true) FROM meters', '42883', 'function mod(numeric, boolean) does not exist', 8],
    ["SELECT id = 'abc' FROM meters", '22P02', 'invalid input syntax for type integer: "abc"', 11],
    ['SELECT * FROM meters WHERE id', '42804', 'argument of WHERE must be type boolean, not type integer', 28],
    [
      'SELECT name, count(*) FROM meters',
      '42803',
      'column "meters.name" must appear in the GROUP BY clause or be used in an aggregate function',
      8,
    ],
    ['SELECT 1 FROM meters WHERE count(*) > 1', '42803', 'aggregate functions are not allowed in WHERE', 28],
    ['SELECT sum(count(*)) FROM meters', '42803', 'aggregate function calls cannot be nested', 12],
    [
      'SELECT CASE WHEN true THEN id ELSE name END FROM meters',
      '42804',
      'CASE types integer and text cannot be matched',
      8,
    ],
    [
      'SELECT id FROM meters UNION SELECT name FROM meters',
      '42804',
      'UNION types integer and text cannot be matched',
      undefined,
    ],
    [
      'SELECT id, name FROM meters UNION SELECT id FROM meters',
      '42601',
      'each UNION query must have the same number of columns',
      undefined,
    ],
    ['SELECT id FROM meters ORDER BY 3', '42P10', 'ORDER BY position 3 is not in select list', 32],
    ['SELECT true::date', '42846', 'cannot cast type boolean to date', 12],
    ['SELECT 1 LIMIT -1', '2201W', 'LIMIT must not be negative', 16],
    ['DELETE FROM meters', '0A000', 'DELETE cannot stand here', 1],
  ])('%s', async (text, sqlstate, message, column) => {
    const error = await errorOf(text);
    expect(error.message).toBe(message);
    expect(error.sqlstate).toBe(sqlstate);
    if (column !== undefined) expect(error.position?.column).toBe(column);
  });

  it('names the nearest word, the candidates, and places in a larger text', async () => {
    expect((await errorOf('SELECT nam FROM meters')).hint).toBe('Did you mean "name"?');
    expect((await errorOf('SELECT * FROM reading')).hint).toBe('Did you mean "readings"?');
    expect((await errorOf('SELECT lowr(name) FROM meters')).hint).toBe('Did you mean "lower"?');
    expect((await errorOf('SELECT id FROM meters a, meters b')).hint).toBe('It could be a.id or b.id.');
    const at = { offset: 20, line: 3, column: 5 };
    await expect(bindSelect('SELECT\n  nam FROM meters', scope, { at })).rejects.toMatchObject({
      position: { offset: 29, line: 4, column: 3 },
    });
    await expect(bindSelect("SELECT 'ä', nam FROM meters", scope)).rejects.toMatchObject({ position: { column: 13 } });
  });
});

describe('the long way round', () => {
  const long: BindScope = {
    ...scope,
    longWay: {
      tables: async (text) => (text.includes('meters') ? [{ name: 'meters' }] : undefined),
      describe: async (_, inputs) => ({ columns: inputs[0]!.columns.slice(0, 1), parameters: [] }),
    },
  };

  it('takes what the plan has no word for', async () => {
    for (const text of ['SELECT strftime(since, 1) FROM meters', 'FROM meters', 'SELECT m FROM meters m']) {
      const { plan, columns } = await bindSelect(text, long);
      expect(plan).toMatchObject({ kind: 'mediator-query', texts: [text], names: ['meters'] });
      expect(columns.map((column) => column.name)).toEqual(['id']);
    }
  });

  it('does not take what PostgreSQL calls an error, and keeps its words when the mediator knows no better', async () => {
    await expect(bindSelect('SELECT name + 1 FROM meters', long)).rejects.toMatchObject({ sqlstate: '42883' });
    await expect(bindSelect('SELEC 1', long)).rejects.toMatchObject({ message: 'syntax error at or near "SELEC"' });
  });
});

describe('functions in FROM', () => {
  it('binds sets, native queries and functions of ml', async () => {
    const wide: BindScope = {
      ...scope,
      describeNative: async (silo) =>
        silo === 'berlin' ? [{ name: 'n', type: scalar('bigint'), nullable: true }] : undefined,
      modelFunction: ({ name, args, column }) => {
        expect(args.map((arg) => [arg.name, arg.query?.kind, arg.value?.kind])).toEqual([
          [undefined, undefined, 'literal'],
          [undefined, 'project', undefined],
          ['horizon', undefined, 'literal'],
        ]);
        return { kind: 'memory-table', name, columns: [column('predicted_mw', scalar('double'))] };
      },
    };
    const plan = async (text: string) => printPlan((await bindSelect(text, wide)).plan);
    expect(await plan("SELECT n FROM berlin.query('SELECT count(*) AS n FROM x') q")).toContain('berlin');
    expect(await plan("SELECT predicted_mw FROM ml.predict('m', (SELECT mw FROM readings), horizon => 24)")).toContain(
      'predict',
    );
    expect(
      await plan('SELECT predicted_mw FROM ml.predict(MODEL m, (SELECT mw FROM readings), horizon => 24)'),
    ).toContain('predict');
    expect(await plan('SELECT g, m.id FROM meters m, generate_series(1, m.id) g')).toContain('Join cross lateral');
    await expect(bindSelect("SELECT * FROM rome.query('x')", wide)).rejects.toMatchObject({ sqlstate: '42704' });
  });
});
