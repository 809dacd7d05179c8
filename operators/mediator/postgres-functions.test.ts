/** The same expressions on a real PostgreSQL and on the mediator, spelled as the dialect spells them. */
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { typeFromCatalog } from '../../connectors/postgres/types.ts';
import { batchTexts } from '../../connectors/row-text.ts';
import type { SqlType } from '../../src/plan/types.ts';
import { type TestDatabase, testDatabase } from '../../test/servers/postgres.ts';
import { Mediator, type MediatorSession } from './mediator.ts';

const signal = new AbortController().signal;
let database: TestDatabase;
let mediator: Mediator;
let session: MediatorSession;

beforeAll(async () => {
  database = await testDatabase(inject('postgres'));
  mediator = await Mediator.open({ memoryLimit: '1GB' });
  session = await mediator.session();
});

afterAll(async () => {
  await session?.[Symbol.asyncDispose]();
  await mediator?.[Symbol.asyncDispose]();
  await database?.[Symbol.asyncDispose]();
});

/** Value and type PostgreSQL gives. */
async function expected(expression: string): Promise<{ text: string | null; type: SqlType }> {
  const { rows } = await database.client.query<{ value: string | null; type: string }>(
    `SELECT x::text AS value, (SELECT typname FROM pg_type WHERE oid = pg_typeof(x)) AS type
     FROM (SELECT ${expression} AS x) AS t`,
  );
  return { text: rows[0]!.value, type: typeFromCatalog(rows[0]!.type, -1) };
}

async function actual(expression: string, type: SqlType): Promise<string | null> {
  const columns = [{ name: 'x', type }];
  for await (const batch of session.query(`SELECT ${expression}`, columns, signal)) {
    const text = batchTexts(batch, columns)[0]!(0);
    return type.kind === 'boolean' && text !== null ? (text === 't' ? 'true' : 'false') : text;
  }
  throw new Error('no row');
}

type Pair = readonly [postgres: string, own: string];

/** An expression that stands alone is written the same on both sides. */
const pairs = (list: readonly (readonly [string, string?])[]): readonly Pair[] =>
  list.map(([postgres, own]) => [postgres, own ?? postgres]);

/** PostgreSQL's expression, and the mediator's where it is spelled otherwise. */
const SAME: readonly Pair[] = pairs([
  // Numbers
  ['10.0 / 3', 'pg_numeric_divide(10.0, 3)'],
  ['1 / 3.0', 'pg_numeric_divide(1, 3.0)'],
  ['-7.5 / 2', 'pg_numeric_divide(-7.5, 2)'],
  ['123456.789 / 0.01', 'pg_numeric_divide(123456.789, 0.01)'],
  ['0.1 / 7', 'pg_numeric_divide(0.1, 7)'],
  ['100000.0 / 3', 'pg_numeric_divide(100000.0, 3)'],
  [
    '(SELECT avg(x) FROM (VALUES (1), (2), (4)) v(x))',
    '(SELECT pg_numeric_divide(sum(x), count(x)) FROM (VALUES (1), (2), (4)) v(x))',
  ],
  ['div(7.5, 2)'],
  ['div(-7, 2)'],
  ['width_bucket(5.35, 0.024, 10.06, 5)'],
  ['width_bucket(10.0::float8, 10, 0, 5)', 'width_bucket(10.0::DOUBLE, 10, 0, 5)'],
  ['round(2.5::float8)', 'round_even(2.5::DOUBLE, 0)'],
  ['round(-2.5)'],
  ['round(2.345, 2)'],
  ['trunc(2.349, 2)'],
  ['sind(30)', 'sind(30)'],
  ['gcd(1071, 462)'],
  ['scale(8.4100)'],
  ['power(2::float8, 10)', 'pg_power(2::DOUBLE, 10)'],
  // Text
  ["btrim('xyxtrimyyx', 'xyz')"],
  ["btrim('  a ')"],
  ["substring('hello', -1, 3)", "pg_substring('hello', -1, 3)"],
  ["substring('hello', 2)", "pg_substring('hello', 2)"],
  ["substring('hello', 10)", "pg_substring('hello', 10)"],
  ["substring('foobar' from 'o(.)b')", "pg_substring_regex('foobar', 'o(.)b')"],
  ["substring('foobar' from 'x')", "pg_substring_regex('foobar', 'x')"],
  ["lpad('hi', 5, 'xy')", "pg_lpad('hi', 5, 'xy')"],
  ["lpad('hello', 2)", "pg_lpad('hello', 2)"],
  ["rpad('hi', 5)", "pg_rpad('hi', 5)"],
  ["overlay('Txxxxas' placing 'hom' from 2 for 4)", "pg_overlay('Txxxxas', 'hom', 2, 4)"],
  ["initcap('hi THOMAS, o''neil-x')"],
  ["quote_literal(E'O''Re\\\\illy')", "quote_literal('O''Re\\illy')"],
  ["quote_ident('Foo bar')"],
  ['to_hex(255)', 'pg_to_hex(255)'],
  ['to_hex(-1)', 'pg_to_hex(-1)'],
  ["encode('\\xdeadbeef'::bytea, 'hex')", "pg_encode(unhex('deadbeef'), 'hex')"],
  [
    "format('Hello %s, %I = %L %%', 'World', 'a B', 'it''s')",
    "pg_format('Hello %s, %I = %L %%', 'World', 'a B', 'it''s')",
  ],
  ["format('%2$s %1$s', 'a', NULL)", "pg_format('%2$s %1$s', 'a', NULL)"],
  ["'abc' ~ 'B'", "regexp_matches('abc', 'B', 's')"],
  ["'abc' ~* 'B'", "regexp_matches('abc', 'B', 'is')"],
  ["'a_c' LIKE 'a\\_c'", "'a_c' LIKE 'a\\_c' ESCAPE '\\'"],
  ["'abc' SIMILAR TO '%(b|d)%'", "regexp_full_match('abc', pg_similar_pattern('%(b|d)%'))"],
  ["'a.c' SIMILAR TO 'a.c'", "regexp_full_match('a.c', pg_similar_pattern('a.c'))"],
  ["'abc' SIMILAR TO 'a.c'", "regexp_full_match('abc', pg_similar_pattern('a.c'))"],
  ["regexp_match('foobarbequebaz', '(bar)(beque)')"],
  ["regexp_count('ABCABCABC', 'A.')"],
  ["regexp_substr('foobar', 'o+')"],
  ["regexp_replace('Thomas', '.[mN]a.', 'M')"],
  ["string_to_array('xx~~yy~~zz', '~~', 'yy')", "pg_string_to_array('xx~~yy~~zz', '~~', 'yy')"],
  ["string_to_array('abc', NULL)", "pg_string_to_array('abc', NULL)"],
  ["split_part('abc~@~def~@~ghi', '~@~', 2)"],
  // Text of other types
  ['100000::float8::text', 'pg_double_text(100000::DOUBLE)'],
  ['1e20::float8::text', 'pg_double_text(1e20::DOUBLE)'],
  ["'NaN'::float8::text", "pg_double_text('NaN'::DOUBLE)"],
  ['(0.1::float8 + 0.2::float8)::text', 'pg_double_text(0.1::DOUBLE + 0.2::DOUBLE)'],
  ['1.2345679e8::float4::text', 'pg_real_text(1.2345679e8::FLOAT)'],
  ["(interval '1 year 1 day 3 seconds')::text", "pg_interval_text(interval '1 year 1 day 3 seconds')"],
  ["ARRAY['a b', NULL, 'c']::text", "pg_array_text(['a b', NULL, 'c'])"],
  // Dates and times
  ["extract(second FROM timestamp '2024-01-01 00:00:01.5')", "pg_extract_second(timestamp '2024-01-01 00:00:01.5')"],
  ["extract(year FROM date '2024-05-06')", "pg_extract_year(date '2024-05-06')"],
  ["extract(epoch FROM timestamp '2024-01-01 00:00:00.25')", "pg_extract_epoch(timestamp '2024-01-01 00:00:00.25')"],
  ["extract(epoch FROM interval '5 days 3 hours')", "pg_extract_epoch(interval '5 days 3 hours')"],
  ["extract(milliseconds FROM time '17:12:28.5')", "pg_extract_milliseconds(time '17:12:28.5')"],
  ["extract(dow FROM date '2024-05-05')", "pg_extract_dow(date '2024-05-05')"],
  ["extract(isodow FROM date '2024-05-05')", "pg_extract_isodow(date '2024-05-05')"],
  [
    "date_bin('15 minutes', timestamp '2020-02-11 15:44:17', timestamp '2001-01-01')",
    "date_bin(interval '15 minutes', timestamp '2020-02-11 15:44:17', timestamp '2001-01-01')",
  ],
  ["justify_days(interval '1 year 65 days')"],
  ["justify_hours(interval '50 hours 10 minutes')"],
  ["justify_interval(interval '29 days 24 hours')"],
  ["interval '1 day' * 1.5", "pg_interval_scale(interval '1 day', 1.5)"],
  ["interval '1 hour' / 2", "pg_interval_scale(interval '1 hour', 1.0::DOUBLE / 2)"],
  ["interval '1 month' * 1.5", "pg_interval_scale(interval '1 month', 1.5)"],
  ["date_trunc('week', timestamp '2024-05-05 10:00')", "date_trunc('week', timestamp '2024-05-05 10:00:00')"],
  ["age(timestamp '2024-03-01', timestamp '2023-01-31')"],
  [
    "to_char(timestamp '2024-05-06 07:08:09.123456', 'YYYY-MM-DD HH24:MI:SS.MS US')",
    "pg_to_char_time(timestamp '2024-05-06 07:08:09.123456', 'YYYY-MM-DD HH24:MI:SS.MS US')",
  ],
  [
    "to_char(timestamp '2024-05-06 17:08:09', 'FMDay, FMDDth FMMonth YYYY, HH12:MI am, Dy Mon D DDD IW Q J \"text\" CC')",
    "pg_to_char_time(timestamp '2024-05-06 17:08:09', 'FMDay, FMDDth FMMonth YYYY, HH12:MI am, Dy Mon D DDD IW Q J \"text\" CC')",
  ],
  [
    "to_char(date '2024-12-30', 'IYYY-IW-ID Day Month')",
    "pg_to_char_time(timestamp '2024-12-30', 'IYYY-IW-ID Day Month')",
  ],
  ...[
    "'999999.99'",
    "'FM999,999.00'",
    "'9,999'",
    "'099.9'",
    "'S9999.9'",
    "'9999MI'",
    "'999PR'",
    "'FM9999.99'",
    "'0000'",
    "'9.9'",
    "'FM0.000'",
  ].flatMap((format) =>
    ['1234.5', '-1234.567', '0', '0.4', '-0.5', '12'].map(
      (value) => [`to_char(${value}::numeric, ${format})`, `pg_to_char_number('${value}', ${format})`] as const,
    ),
  ),
  ["to_date('05 Dec 2000', 'DD Mon YYYY')"],
  [
    "to_timestamp('2024-05-06 17:08:09', 'YYYY-MM-DD HH24:MI:SS')",
    "pg_to_timestamp('2024-05-06 17:08:09', 'YYYY-MM-DD HH24:MI:SS')",
  ],
  ["to_timestamp('20240506', 'YYYYMMDD')", "pg_to_timestamp('20240506', 'YYYYMMDD')"],
  // Arrays
  ['array_length(ARRAY[1,2,3], 1)', 'pg_array_length([1,2,3], 1)'],
  ['(ARRAY[1,2,3])[-1]', 'pg_subscript([1,2,3], -1)'],
  ['(ARRAY[1,2,3])[2:5]', 'pg_slice([1,2,3], 2, 5)'],
  ['ARRAY[1,2] || 3', 'pg_array_cat([1,2], [3])'],
  ['array_remove(ARRAY[1,NULL,2,1], 1)', 'pg_array_remove([1,NULL,2,1], 1)'],
  ["array_to_string(ARRAY[1,NULL,3], ',', '*')", "pg_array_to_string([1,NULL,3], ',', '*')"],
  ["array_to_string(ARRAY[1,NULL,3], ',')", "pg_array_to_string([1,NULL,3], ',')"],
  ['(SELECT array_agg(x) FROM (VALUES (1), (NULL)) v(x))'],
  // JSON
  ['\'{"b": 1, "a": [1.50, null], "b": 2}\'::jsonb', 'pg_jsonb(\'{"b": 1, "a": [1.50, null], "b": 2}\')::JSON'],
  [
    "'{\"a\": {\"b\": [10, 20]}}'::json #>> ARRAY['a', 'b', '1']",
    "pg_json_path_text('{\"a\": {\"b\": [10, 20]}}'::JSON, ['a', 'b', '1'])",
  ],
  ["json_typeof('[1]')", "pg_json_typeof('[1]')"],
]);

describe('the mediator answers as PostgreSQL does', () => {
  test.each(SAME)('%s', async (postgres, own) => {
    const { text, type } = await expected(postgres);
    expect(await actual(own, type)).toBe(text);
  });
});

/** Expressions that fail on both, with the same SQLSTATE. */
const FAILING: readonly Pair[] = pairs([
  ['1 / 0', 'pg_divide(1, 0)'],
  ['1.0 / 0', 'pg_numeric_divide(1.0, 0)'],
  ['5 % 0', 'pg_modulo(5, 0)'],
  ['2147483647 + 1', '2147483647::INTEGER + 1::INTEGER'],
  ["'x'::int", "'x'::INTEGER"],
]);

describe('the mediator fails as PostgreSQL does', () => {
  test.each(FAILING)('%s', async (postgres, own) => {
    const error = await database.client.query(`SELECT ${postgres}`).then(
      () => undefined,
      (thrown: { code: string }) => thrown,
    );
    await expect(actual(own, { kind: 'text' })).rejects.toMatchObject({ sqlstate: error?.code });
  });
});
