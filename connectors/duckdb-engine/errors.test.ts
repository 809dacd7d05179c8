import { afterAll, beforeAll, expect, test } from 'vitest';
import { duckdbError } from './errors.ts';
import { connectDuckDB } from './process.ts';

let connection: Awaited<ReturnType<typeof connectDuckDB>>;
beforeAll(async () => {
  connection = await connectDuckDB();
});
afterAll(() => connection.closeSync());

test.each([
  ['SELECT 2147483647::INTEGER + 1::INTEGER', '22003', 'integer out of range'],
  ['SELECT 9223372036854775807 + 1', '22003', 'bigint out of range'],
  ['SELECT 40000::INTEGER::SMALLINT', '22003', 'smallint out of range'],
  ['SELECT (SELECT i FROM range(2) r(i))', '21000', 'more than one row returned by a subquery used as an expression'],
  ["SELECT regexp_matches('a', '(')", '2201B', 'invalid regular expression: missing ): ('],
  ['SELECT * FROM generate_series(1, 3, 0)', '22023', 'step size cannot equal zero'],
  ["SELECT json('{a}')", '22P02', 'invalid input syntax for type json: "{a}"'],
  ["SELECT date_trunc('foo', now())", '22023', 'unit "foo" not recognized'],
  ["SELECT timezone('Nowhere/City', now())", '22023', 'time zone "Nowhere/City" not recognized'],
  ["SELECT TIMESTAMP 'soon'", '22007', 'invalid input syntax for type timestamp: "soon"'],
])('%s fails in the words of PostgreSQL', async (text, sqlstate, message) => {
  const thrown = await connection.runAndReadAll(text).catch((error: unknown) => duckdbError(error));
  expect(thrown).toMatchObject({ sqlstate, message });
});

test("DuckDB's lists of candidates are not shown", async () => {
  const thrown = await connection
    .run("SELECT DATE '2024-01-01' + 1::BIGINT")
    .catch((error: unknown) => duckdbError(error));
  expect(thrown).toMatchObject({ sqlstate: '42883', message: expect.not.stringContaining('Candidate') });
});
