/** What a session makes of SELECTs beyond the plan: the long way round, views, native queries, parameters, errors. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type Federation, openFederation, run } from './support/federation.ts';

let federation: Federation;
const rows = (text: string, parameters?: readonly (string | null)[]) =>
  run(federation.session, text, parameters === undefined ? {} : { parameters });

beforeAll(async () => {
  federation = await openFederation(inject('postgres'), 5);
});
afterAll(() => federation?.[Symbol.asyncDispose]());

describe('the long way round', () => {
  it.each([
    [
      'QUALIFY',
      'SELECT meter FROM berlin.readings QUALIFY row_number() OVER (PARTITION BY meter ORDER BY ts) = 1 ORDER BY 1',
      [['1'], ['2']],
    ],
    ['FROM first', 'FROM paris.readings SELECT count(*)', [['10']]],
    [
      'two silos of one table name',
      'SELECT count(*) FROM berlin.readings b SEMI JOIN oslo.readings o ON b.ts = o.ts',
      [['10']],
    ],
    [
      'columns named by their table',
      'SELECT max(berlin.readings.meter) FROM berlin.readings TABLESAMPLE 100 PERCENT',
      [['2']],
    ],
    ['a federated table', 'SELECT * EXCLUDE (ts, meter, load) FROM readings ORDER BY ALL LIMIT 1', [['berlin']]],
    ["DuckDB's functions", "SELECT list_sum([1, 2, 3]), strftime(max(ts), '%Y') FROM berlin.readings", [['6', '2024']]],
    [
      'a row as a value',
      'SELECT r FROM (SELECT meter FROM berlin.readings WHERE meter = 2 LIMIT 1) r',
      [['{"meter":2}']],
    ],
    ['types that the plan does not know', "SELECT '101'::bit(3) IS NULL", [['f']]],
  ])('%s', async (_, text, expected) => {
    expect(await rows(text)).toEqual(expected);
  });

  it('takes parameters, each as often as it stands', async () => {
    const text = `SELECT meter, $2 || '$1' FROM berlin.readings WHERE meter >= $1 QUALIFY row_number() OVER (PARTITION BY meter ORDER BY ts) = $3
      ORDER BY meter + $1::integer LIMIT $3`;
    expect(await rows(text, ['2', "it's", '1'])).toEqual([['2', "it's$1"]]);
    expect(await rows(text, ['1', null, '2'])).toEqual([
      ['1', null],
      ['2', null],
    ]);
    const { parameters } = await federation.session.describe(text);
    expect(parameters).toHaveLength(3);
    await expect(rows(text, ['1'])).rejects.toMatchObject({ sqlstate: '42P02' });
  });

  it('keeps the words of PostgreSQL when the mediator knows no better', async () => {
    await expect(rows('SELECT 1 FRM berlin.readings WHERE')).rejects.toMatchObject({
      sqlstate: '42601',
      message: 'syntax error at or near "berlin"',
    });
    await expect(rows('SELECT lowr(load) FROM berlin.readings')).rejects.toMatchObject({
      sqlstate: '42883',
      hint: 'Did you mean "lower"?',
      position: { column: 8 },
    });
  });
});

describe('views', () => {
  it('rename their columns, read federated tables and each other', async () => {
    await rows(`CREATE VIEW peaks (meter_id, peak) AS SELECT meter, max(load) FROM readings GROUP BY meter -- by meter
      ; CREATE VIEW top AS SELECT peak FROM peaks WHERE meter_id = 2`);
    expect(await rows('SELECT count(*) FROM peaks JOIN top USING (peak)')).toEqual([['1']]);
  });

  it('say what is wrong with them', async () => {
    await expect(rows('CREATE VIEW wide (a, b) AS SELECT 1')).rejects.toMatchObject({
      message: 'CREATE VIEW specifies more column names than columns',
      position: { column: 22 },
    });
  });
});

it('runs native queries as tables', async () => {
  const native = `SELECT q.n + 1, m.meter FROM berlin.query('SELECT count(*)::int AS n FROM readings') q
    JOIN (SELECT DISTINCT meter FROM paris.readings) m ON m.meter < q.n ORDER BY 2`;
  expect(await rows(native)).toEqual([
    ['11', '1'],
    ['11', '2'],
  ]);
});

it('takes parameters, and misses them by name', async () => {
  expect(await rows('SELECT $2 || $1::text FROM berlin.readings WHERE meter = $1 LIMIT 1', ['2', 'm'])).toEqual([
    ['m2'],
  ]);
  await expect(rows('SELECT $1::int + 1')).rejects.toMatchObject({ sqlstate: '42P02' });
});

describe('the time', () => {
  const times = 'now(), current_timestamp, transaction_timestamp(), statement_timestamp()';
  const everywhere = ['berlin', 'paris', 'oslo'].map((silo) => `SELECT ${times} FROM ${silo}.readings`).join(' UNION ');

  it('is one at all silos and at the mediator, and another for the next statement', async () => {
    const [first, ...others] = await rows(everywhere);
    expect(others).toEqual([]);
    expect(new Set(first).size).toBe(1);
    expect((await rows(everywhere))[0]).not.toEqual(first);
  });

  it('has all its forms, in UTC', async () => {
    const text = `SELECT localtimestamp = now() AT TIME ZONE 'UTC', current_date = localtimestamp::date, localtime = localtimestamp::time,
        current_time::text = localtime::text || '+00', age(min(ts)) = age(current_date, min(ts)) FROM berlin.readings`;
    expect(await rows(text)).toEqual([['t', 't', 't', 't', 't']]);
  });

  it('stands still inside a transaction, but for that of the statement', async () => {
    const transactionBegan = new Date('2024-02-29T12:34:56.789Z');
    const text = 'SELECT now(), statement_timestamp() > now() FROM paris.readings LIMIT 1';
    expect(await run(federation.session, text, { transactionBegan })).toEqual([['2024-02-29 12:34:56.789+00', 't']]);
  });
});

describe('set-returning functions of the select list', () => {
  it('have the types that PostgreSQL gives them', async () => {
    expect(await rows("SELECT date '2024-01-01' + (i % 3)::int FROM generate_series(1, 2) AS g(i) ORDER BY 1")).toEqual(
      [['2024-01-02'], ['2024-01-03']],
    );
  });

  it('are called with volatile arguments once for each row, and stand side by side', async () => {
    const drawn = 'SELECT meter, unnest(ARRAY[random()]) AS r FROM berlin.readings';
    expect(await rows(`SELECT count(*) = count(DISTINCT r) FROM (${drawn}) AS d`)).toEqual([['t']]);
    const text = 'SELECT generate_series(1, (random() * 0)::int + 2) AS g, unnest(ARRAY[7, 8, 9]) AS u ORDER BY u';
    expect(await rows(text)).toEqual([
      ['1', '7'],
      ['2', '8'],
      [null, '9'],
    ]);
  });
});

describe('the time zone of the session', () => {
  it('is the one of age() and of current_time', async () => {
    const session = federation.engine.openSession();
    await run(session, "SET TimeZone = 'Asia/Kolkata'");
    const text = `SELECT right(current_time::text, 6), age(current_date::timestamp),
      age(timestamptz '2024-03-30 20:00+00', timestamptz '2024-02-29 20:00+00')`;
    // 20:00 in UTC is the next day in Kolkata: from the 1st to the 31st of March.
    expect(await run(session, text)).toEqual([['+05:30', '00:00:00', '30 days']]);
    await session[Symbol.asyncDispose]();
  });
});

describe('two silos that are one database', () => {
  it('are joined there, in one statement', async () => {
    await federation.client.query('CREATE SCHEMA plant; CREATE TABLE plant.meters AS SELECT 2 AS meter, 7 AS weight');
    await rows(`CREATE SILO plant USING postgres OPTIONS (url '${federation.postgresUrl}', schema 'plant')`);
    const text = `SELECT count(*), max(weight) FROM berlin.readings JOIN plant.meters USING (meter)
      WHERE meter NOT IN (SELECT weight FROM plant.meters)`;
    expect(await rows(text)).toEqual([['5', '7']]);
    const plan = (await rows(`EXPLAIN ${text}`)).join('\n');
    expect(plan).toContain('JOIN "plant"."meters"');
    expect(plan).toMatch(/^Result at berlin/);
  });
});

describe('views', () => {
  it('name themselves, and the place where they are read, in errors of their texts', async () => {
    await federation.client.query('CREATE TABLE fleeting AS SELECT 1 AS a, 2 AS b');
    federation.engine.silos.forgetTables('berlin');
    await rows('CREATE VIEW over_fleeting AS SELECT a, b FROM berlin.fleeting');
    await federation.client.query('ALTER TABLE fleeting DROP COLUMN b');
    federation.engine.silos.forgetTables('berlin');
    await expect(rows('SELECT a\n  FROM over_fleeting')).rejects.toMatchObject({
      sqlstate: '42703',
      message: expect.stringMatching(/^view "over_fleeting": column "b" does not exist/),
      position: { line: 2, column: 8 },
    });
    await federation.client.query('DROP TABLE fleeting');
    federation.engine.silos.forgetTables('berlin');
    await expect(rows('SELECT a FROM over_fleeting')).rejects.toMatchObject({
      sqlstate: '42P01',
      message: expect.stringMatching(/^view "over_fleeting": relation "berlin.fleeting" does not exist/),
      position: { line: 1, column: 15 },
    });
  });
});
