/** Results of more than a page: the same rows through the Storage API as through REST, and the way back where it may not be used. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { bigqueryPlace, siloOptions } from '../../test/servers/bigquery/place.ts';
import type { ResultColumn, Silo } from '../connector.ts';
import { batchTexts } from '../row-text.ts';
import { bigquery } from './connector.ts';

const signal = new AbortController().signal;

let place: Awaited<ReturnType<typeof bigqueryPlace>>;
let paged: Silo;
let streamed: Silo;

beforeAll(async () => {
  place = await bigqueryPlace({ pageRows: 2 });
  paged = await bigquery.connect(siloOptions(place.server.url), signal);
});

beforeEach(async () => {
  streamed = await bigquery.connect(place.options, signal);
  place.server.storage.fault = () => undefined;
  place.server.storage.log.length = 0;
});

afterAll(async () => {
  await paged[Symbol.asyncDispose]();
  await place[Symbol.asyncDispose]();
});

async function read(silo: Silo, text: string, columns: readonly ResultColumn[]) {
  const result = await silo.run({ kind: 'sql', text, columns }, signal);
  if (result.kind !== 'batches') throw new Error('no batches');
  const rows: (string | null)[][] = [];
  for await (const batch of result.batches) {
    const texts = batchTexts(batch, columns);
    for (let row = 0; row < batch.numRows; row++) rows.push(texts.map((of) => of(row)));
  }
  return { rows, notices: result.notices?.() };
}

/** Each type's values, in GoogleSQL. */
const TYPES: readonly (readonly [string, string])[] = [
  ['BOOL', 'TRUE'],
  ['INT64', '-9223372036854775808'],
  ['FLOAT64', "CAST('-Infinity' AS FLOAT64)"],
  ['FLOAT64', '1.0'],
  ['STRING', "'grün \\\\ \\'\\n'"],
  ['BYTES', "FROM_HEX('00ff')"],
  ['DATE', "DATE '0001-01-01'"],
  ['TIME', "TIME '23:59:59.999999'"],
  ['DATETIME', "DATETIME '2024-02-29 12:34:56.789'"],
  ['TIMESTAMP', "TIMESTAMP '2024-02-29 12:34:56.000001+00'"],
  ['NUMERIC', "NUMERIC '-99999999999999999999999999999.999999999'"],
  ['NUMERIC', "NUMERIC '1.50'"],
  ['BIGNUMERIC', "BIGNUMERIC '1234567890123456789012345.0000000001'"],
  ['INTERVAL', "INTERVAL '-14' MONTH"],
  ['JSON', `JSON '{"a":[1,null,"é"]}'`],
  ['ARRAY of numbers', '[1, NULL, 3]'],
  ['ARRAY of texts', "['a b', '', 'x\"y']"],
  ['ARRAY of NUMERIC', "[NUMERIC '1.50', NUMERIC '2']"],
  ['ARRAY of FLOAT64', '[1.5e0, 2e0, 1e300]'],
  ['ARRAY of DATETIME', "[DATETIME '2024-02-29 12:34:56.789']"],
  ['ARRAY of TIMESTAMP', "[TIMESTAMP '2024-02-29 12:34:56.789+00']"],
  ['ARRAY of DATE and TIME', "[DATE '2024-02-29']"],
  ['ARRAY of BYTES', "[FROM_HEX('00ff')]"],
  ['ARRAY of BOOL', '[TRUE, FALSE]'],
  ['ARRAY of INTERVAL', "[INTERVAL '-14' MONTH]"],
];

describe('the same values as page by page', () => {
  test.each(TYPES)('%s: %s', async (_type, value) => {
    const text = `SELECT x FROM (SELECT ${value} AS x UNION ALL SELECT NULL UNION ALL SELECT ${value}) AS t`;
    const [column] = await paged.describe!(text, signal);
    const columns = [{ name: 'x', type: column!.type }];
    const expected = await read(paged, text, columns);
    const found = await read(streamed, text, columns);
    expect(place.server.storage.log.map(({ method }) => method)).toContain('CreateReadSession');
    expect(found.rows).toEqual(expected.rows);
    expect(new Set(found.rows.map(([each]) => each === null)).size).toBe(2);
  });
});

const NUMBERS = 'SELECT i FROM range(25000) AS t(i)';
const COLUMNS = [{ name: 'i', type: { kind: 'bigint' } }] as const;

test('streams side by side; one where the order is the statement’s', async () => {
  const streams = () => new Set(place.server.storage.log.map(({ resource }) => resource)).size - 1;
  const { rows } = await read(streamed, NUMBERS, COLUMNS);
  expect(streams()).toBe(8);
  expect(rows.map(([i]) => Number(i)).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 25_000 }, (_, i) => i));
  place.server.storage.log.length = 0;
  const ordered = await read(streamed, `${NUMBERS} ORDER BY i DESC`, COLUMNS);
  expect(streams()).toBe(1);
  expect(ordered.rows.map(([i]) => Number(i))).toEqual(Array.from({ length: 25_000 }, (_, i) => 24_999 - i));
});

test('a page is a page: the Storage API is not asked', async () => {
  await read(streamed, 'SELECT 1 AS i', COLUMNS);
  expect(place.server.storage.log).toEqual([]);
});

test('where the API may not be used the rows come page by page, and the user is told once', async () => {
  const text = 'SELECT i FROM range(5) AS t(i) ORDER BY i';
  place.server.storage.fault = () => ({ code: 7, details: 'BigQuery Storage API has not been used in project acme' });
  const first = await read(streamed, text, COLUMNS);
  expect(first.rows).toHaveLength(5);
  expect(first.notices).toEqual([
    'the result is read page by page, which is slower: the BigQuery Storage API may not be used (BigQuery Storage API has not been used in project acme)',
  ]);
  expect((await read(streamed, text, COLUMNS)).notices).toEqual([]);
  expect(place.server.storage.log).toHaveLength(1);
});

test('a stream that breaks in the middle loses no row', async () => {
  let left = 2;
  place.server.storage.fault = ({ method }) =>
    method === 'ReadRows' && left-- > 0 ? { code: 14, details: 'going away', afterRows: 1000 } : undefined;
  expect((await read(streamed, `${NUMBERS} ORDER BY i`, COLUMNS)).rows).toHaveLength(25_000);
  expect(left).toBeLessThan(1);
});

test('a result that has expired is told as such', async () => {
  place.server.storage.fault = ({ method }) =>
    method === 'ReadRows' ? { code: 5, details: 'Not found: Stream' } : undefined;
  await expect(read(streamed, NUMBERS, COLUMNS)).rejects.toMatchObject({
    sqlstate: '02000',
    hint: expect.stringContaining('Run the statement again'),
  });
});

test('an address that is none is refused', async () => {
  const options = { ...place.options, storage_endpoint: 'storage:443' };
  await expect(bigquery.connect(options, signal)).rejects.toMatchObject({
    sqlstate: '22023',
    message: 'the option storage_endpoint is no address: "storage:443"',
  });
});
