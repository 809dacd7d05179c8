/** The Storage Read API client against a server of the protocol: all types, parallel streams, breaks, refusals. */
import { afterEach, describe, expect, test } from 'vitest';
import { arrayOf, numeric, type SqlType, scalar } from '../../src/plan/types.ts';
import {
  type StorageServerOptions,
  type StorageTestServer,
  startStorageServer,
} from '../../test/servers/bigquery/storage-server.ts';
import { WarehouseSql } from '../../test/servers/warehouse/duckdb-sql.ts';
import type { ResultColumn } from '../connector.ts';
import { batchTexts } from '../row-text.ts';
import { batchesInLayout } from './arrow-columns.ts';
import { type StorageClient, storageClient } from './storage-client.ts';
import { openReadSession, type ReadRequest } from './storage-read.ts';

const TABLE = { projectId: 'p', datasetId: 'd', tableId: 't' };
const RETRY = { attempts: 4, base: 1, cap: 2 };

let sql: WarehouseSql;
let server: StorageTestServer;
let client: StorageClient;

async function start(create: string, options: StorageServerOptions = {}): Promise<void> {
  sql = await WarehouseSql.open([`CREATE TABLE t AS ${create}`]);
  server = await startStorageServer(
    { sql, select: async ({ tableId }) => (tableId === 't' ? 'SELECT * FROM t' : undefined) },
    options,
  );
  client = await storageClient({
    endpoint: server.endpoint,
    headers: async (_signal, refused) => ({ Authorization: `Bearer ${refused === undefined ? 'token' : 'fresh'}` }),
  });
}

afterEach(async () => {
  client[Symbol.dispose]();
  await server[Symbol.asyncDispose]();
  await sql[Symbol.asyncDispose]();
});

const column = (name: string, type: SqlType): ResultColumn => ({ name, type });

/** All rows as texts. */
async function read(
  columns: readonly ResultColumn[],
  request: Partial<ReadRequest> = {},
): Promise<(string | null)[][]> {
  const session = await openReadSession(
    client,
    { table: TABLE, maxStreams: 1, signal: new AbortController().signal, ...request },
    RETRY,
  );
  if (session.kind === 'refused') throw new Error(session.reason);
  const rows: (string | null)[][] = [];
  for await (const batch of batchesInLayout(session.messages, columns)) {
    const texts = batchTexts(batch, columns);
    for (let row = 0; row < batch.numRows; row++) rows.push(texts.map((text) => text(row)));
  }
  return rows;
}

/** A column, its type, its values in DuckDB's SQL, and their texts. */
const TYPES: readonly (readonly [string, SqlType, string, ...(string | null)[]])[] = [
  ['b', scalar('boolean'), 'VALUES (TRUE), (FALSE), (NULL)', 't', 'f', null],
  [
    'i',
    scalar('bigint'),
    'VALUES (9223372036854775807), (-9223372036854775808)',
    '9223372036854775807',
    '-9223372036854775808',
  ],
  ['int', scalar('integer'), 'VALUES (2147483647), (NULL), (-5)', '2147483647', null, '-5'],
  ['f', scalar('double'), "VALUES (0.1::DOUBLE), ('NaN'), ('-Infinity')", '0.1', 'NaN', '-Infinity'],
  ['s', scalar('text'), "VALUES ('grün'), (''), (NULL)", 'grün', '', null],
  ['y', scalar('bytea'), "VALUES ('\\x00\\xFF'::BLOB)", '\\x00ff'],
  [
    'd',
    scalar('date'),
    "VALUES (DATE '2024-02-29'), (DATE '0001-01-01'), (DATE '9999-12-31')",
    '2024-02-29',
    '0001-01-01',
    '9999-12-31',
  ],
  ['tm', scalar('time'), "VALUES (TIME '23:59:59.999999'), (TIME '00:00:00')", '23:59:59.999999', '00:00:00'],
  [
    'dt',
    scalar('timestamp'),
    "VALUES (TIMESTAMP '2024-02-29 12:34:56.789012'), (TIMESTAMP '0001-01-01 00:00:00')",
    '2024-02-29 12:34:56.789012',
    '0001-01-01 00:00:00',
  ],
  [
    'ts',
    scalar('timestamptz'),
    "VALUES (TIMESTAMPTZ '9999-12-31 23:59:59.999999+00')",
    '9999-12-31 23:59:59.999999+00',
  ],
  [
    'n',
    numeric(38, 9),
    'VALUES (99999999999999999999999999999.999999999::DECIMAL(38, 9)), (-0.000000001)',
    '99999999999999999999999999999.999999999',
    '-0.000000001',
  ],
  [
    'n122',
    numeric(12, 2),
    'VALUES (1234567890.12::DECIMAL(12, 2)), (-0.01), (NULL), (-9999999999.99)',
    '1234567890.12',
    '-0.01',
    null,
    '-9999999999.99',
  ],
  [
    'n300',
    numeric(30, 0),
    'VALUES (29999999999999999999999999999::DECIMAL(38, 0)), (-3)',
    '29999999999999999999999999999',
    '-3',
  ],
  ['n', numeric(), 'VALUES (1.50::DECIMAL(10, 2)), (100), (-0.25)', '1.5', '100', '-0.25'],
  // BIGNUMERIC has no scale of its own either.
  [
    'bn',
    numeric(),
    'VALUES (12345678901234567890.123456789012345678::DECIMAL(38, 18)), (-1)',
    '12345678901234567890.123456789012345678',
    '-1',
  ],
  [
    'iv',
    scalar('interval'),
    "VALUES (INTERVAL '1 year 2 months -3 days 04:05:06.789'), (INTERVAL '-1 hour')",
    '1 year 2 mons -3 days +04:05:06.789',
    '-01:00:00',
  ],
  ['j', scalar('json'), 'VALUES (\'{"a": [1, null]}\'::JSON), (NULL)', '{"a": [1, null]}', null],
  ['a', arrayOf(scalar('bigint')), 'VALUES ([1, 2, 9007199254740993]), ([])', '{1,2,9007199254740993}', '{}'],
  ['at', arrayOf(scalar('text')), "VALUES (['a b', 'null', ''])", '{"a b","null",""}'],
  [
    'ad',
    arrayOf(scalar('timestamptz')),
    "VALUES ([TIMESTAMPTZ '2024-01-01 00:00:00.000001+00'])",
    '{"2024-01-01 00:00:00.000001+00"}',
  ],
  [
    'r',
    scalar('text'),
    "VALUES ({'start': DATE '2024-01-01', 'end': DATE '2024-02-01'}), ({'start': DATE '2024-01-01', 'end': NULL}), (NULL)",
    '[2024-01-01, 2024-02-01)',
    '[2024-01-01, UNBOUNDED)',
    null,
  ],
  ['aj', scalar('json'), 'VALUES ([1.50::DECIMAL(9, 2), NULL]), ([])', '[1.5,null]', '[]'],
  ['an', scalar('json'), "VALUES (['NaN'::DOUBLE, 2.5])", '["NaN",2.5]'],
  [
    'st',
    scalar('json'),
    "VALUES ({'x': 9007199254740993, 'y': [{'z': 'é'}], 'n': NULL::VARCHAR}), (NULL)",
    '{"x":9007199254740993,"y":[{"z":"é"}],"n":null}',
    null,
  ],
];

describe('types', () => {
  const cases = TYPES.map(([name, type, values, ...expected]) => ({ name, type, values, expected }));
  test.each(cases)('$name as $type.kind', async ({ expected, name, type, values }) => {
    await start(`SELECT * FROM (${values}) AS v("${name}")`);
    expect(await read([column(name, type)])).toEqual(expected.map((text) => [text]));
  });

  test('a moment does not pass for a number, nor a number for a moment', async () => {
    await start("SELECT TIMESTAMP '2024-01-01 00:00:00' AS m, 5 AS i");
    await expect(read([column('m', scalar('bigint')), column('i', scalar('timestamp'))])).rejects.toMatchObject({
      sqlstate: '42804',
      message: 'column "m" came from BigQuery as timestamp instead of bigint',
    });
    await expect(read([column('i', scalar('timestamp'))], { columns: ['i'] })).rejects.toMatchObject({
      sqlstate: '42804',
    });
  });

  test('a value beyond its column is an error that names it', async () => {
    await start('SELECT 2147483648 AS "wide"');
    await expect(read([column('wide', scalar('integer'))])).rejects.toMatchObject({
      sqlstate: '22003',
      message: expect.stringContaining('2147483648'),
    });
  });
});

const NUMBERS = [column('i', scalar('bigint')), column('s', scalar('text'))];
const MANY = "SELECT i, 'row ' || i AS s FROM range(10500) AS r(i)";
const EVERY = Array.from({ length: 10_500 }, (_, i) => [String(i), `row ${i}`]);
const sorted = (rows: (string | null)[][]) => rows.toSorted(([a], [b]) => Number(a) - Number(b));

describe('a session', () => {
  test('one stream keeps the order; several give every row once', async () => {
    await start(MANY);
    expect(await read(NUMBERS)).toEqual(EVERY);
    expect(sorted(await read(NUMBERS, { maxStreams: 4, expectedRows: 10_500 }))).toEqual(EVERY);
    expect(server.log.filter(({ method }) => method === 'ReadRows')).toHaveLength(5);
    expect(new Set(server.log.map(({ authorization }) => authorization))).toEqual(new Set(['Bearer token']));
  });

  test('columns come in the table’s order, filters hold', async () => {
    await start(MANY);
    const rows = await read([column('i', scalar('bigint')), column('s', scalar('text'))], {
      columns: ['s', 'i'],
      rowRestriction: 'i > 10497',
    });
    expect(rows).toEqual(EVERY.slice(10_498));
    expect(await read([column('s', scalar('text'))], { columns: ['s'], rowRestriction: 'i = 7' })).toEqual([['row 7']]);
  });

  test.each(['zstd', 'lz4'] as const)('buffers compressed by %s', async (compression) => {
    await start(MANY);
    expect(await read(NUMBERS, { compression })).toEqual(EVERY);
  });

  test('a table without rows', async () => {
    await start('SELECT 1 AS i, NULL::VARCHAR AS s LIMIT 0');
    expect(await read(NUMBERS, { expectedRows: 0 })).toEqual([]);
  });

  test('a reader that stops early leaves no call behind; a slow one is waited for', async () => {
    await start("SELECT i, repeat('x', 50000) AS s FROM range(1000) AS r(i)", { batchRows: 10 });
    const signal = new AbortController().signal;
    const session = await openReadSession(client, { table: TABLE, maxStreams: 2, signal });
    if (session.kind === 'refused') throw new Error(session.reason);
    for await (const message of session.messages) {
      expect(message.length).toBeGreaterThan(500_000);
      break;
    }
    // 100 messages of half a megabyte are there: not all are sent ahead.
    expect(server.sent()).toBeLessThan(80);
  });

  test('batches that hold whole Arrow streams are read as they are', async () => {
    await start(MANY);
    const whole: StorageClient = {
      ...client,
      async *readRows(stream, offset, signal) {
        const schema = (
          await client.createReadSession({ readSession: { table: 'projects/p/datasets/d/tables/t' } }, signal)
        ).arrowSchema!.serializedSchema as Uint8Array;
        for await (const rows of client.readRows(stream, offset, signal)) {
          const batch = rows.arrowRecordBatch!.serializedRecordBatch as Uint8Array;
          yield { ...rows, arrowRecordBatch: { serializedRecordBatch: Buffer.concat([schema, batch]) } };
        }
      },
    };
    const signal = new AbortController().signal;
    const session = await openReadSession(whole, { table: TABLE, maxStreams: 1, signal });
    if (session.kind === 'refused') throw new Error(session.reason);
    let rows = 0;
    for await (const batch of batchesInLayout(session.messages, NUMBERS)) rows += batch.numRows;
    expect(rows).toBe(10_500);
  });
});

describe('trouble', () => {
  const UNAVAILABLE = { code: 14, details: 'the server is going away' };

  test.each([
    ['breaks', UNAVAILABLE],
    ['is reset', { code: 13, details: 'Received RST_STREAM with code 2' }],
    ['is at its quota', { code: 8, details: 'Quota exceeded' }],
  ])('a stream that %s goes on at its row', async (_title, fault) => {
    await start(MANY);
    let left = 3;
    server.fault = ({ method }) => (method === 'ReadRows' && left-- > 0 ? { ...fault, afterRows: 2500 } : undefined);
    expect(await read(NUMBERS, { expectedRows: 10_500 })).toEqual(EVERY);
    const offsets = server.log.filter(({ method }) => method === 'ReadRows').map(({ offset }) => offset);
    expect(offsets).toHaveLength(4);
    expect(offsets).toEqual(offsets.toSorted((a, b) => a - b));
    expect(offsets[1]).toBeGreaterThan(0);
  });

  test('a stream that ends before its end goes on as well', async () => {
    await start(MANY);
    let left = 1;
    server.fault = ({ method }) => (method === 'ReadRows' && left-- > 0 ? { end: true, afterRows: 4000 } : undefined);
    expect(await read(NUMBERS)).toEqual(EVERY);
  });

  test('a stream that always ends early is no result', async () => {
    await start(MANY);
    server.fault = ({ method }) => (method === 'ReadRows' ? { end: true, afterRows: 0 } : undefined);
    await expect(read(NUMBERS, { rowRestriction: 'i >= 0', expectedRows: 10_500 })).rejects.toMatchObject({
      sqlstate: '08006',
      message: expect.stringMatching(/^reading p\.d\.t .* gave \d+ rows instead of 10500$/),
    });
  });

  test('a stream that breaks again and again is an error in the end', async () => {
    await start(MANY);
    server.fault = ({ method, offset }) =>
      method === 'ReadRows' ? { ...UNAVAILABLE, ...(offset === 0 ? { afterRows: 3000 } : {}) } : undefined;
    await expect(read(NUMBERS)).rejects.toMatchObject({
      sqlstate: '08006',
      message: expect.stringMatching(/^reading p\.d\.t through BigQuery's Storage API failed: .*going away/),
      hint: expect.stringContaining('Run the statement again'),
    });
    expect(server.log.filter(({ method }) => method === 'ReadRows')).toHaveLength(RETRY.attempts);
  });

  test('an expired session is told as such, and is not tried again', async () => {
    await start(MANY);
    server.fault = ({ method }) =>
      method === 'ReadRows' ? { code: 9, details: 'session expired at 10:00', afterRows: 1000 } : undefined;
    await expect(read(NUMBERS)).rejects.toMatchObject({
      sqlstate: '02000',
      message: expect.stringContaining('session expired at 10:00'),
      hint: expect.stringContaining('run the statement again'),
    });
    expect(server.log.filter(({ method }) => method === 'ReadRows')).toHaveLength(1);
  });

  test('a token that expires is renewed once', async () => {
    await start(MANY);
    let left = 1;
    const expired = { code: 16, details: 'Request had invalid authentication credentials.' };
    server.fault = ({ method }) => (method === 'ReadRows' && left-- > 0 ? { ...expired, afterRows: 1000 } : undefined);
    expect(await read(NUMBERS)).toEqual(EVERY);
    expect(server.log.map(({ authorization }) => authorization)).toEqual([
      'Bearer token',
      'Bearer token',
      'Bearer fresh',
    ]);
    server.fault = ({ method, offset }) =>
      method === 'ReadRows' ? { ...expired, ...(offset === 0 ? { afterRows: 1000 } : {}) } : undefined;
    await expect(read(NUMBERS)).rejects.toMatchObject({ sqlstate: '28P01' });
  });

  test('an API that may not be used is a refusal, not an error', async () => {
    await start(MANY);
    server.fault = () => ({
      code: 7,
      details: 'BigQuery Storage API has not been used in project p before or it is disabled',
    });
    const session = await openReadSession(client, {
      table: TABLE,
      maxStreams: 1,
      signal: new AbortController().signal,
    });
    expect(session).toEqual({ kind: 'refused', reason: expect.stringContaining('disabled') });
  });

  test('a session that is refused for now is asked for again', async () => {
    await start(MANY);
    let left = 2;
    server.fault = () => (left-- > 0 ? { code: 8, details: 'Quota exceeded' } : undefined);
    expect(await read(NUMBERS)).toEqual(EVERY);
    left = 100;
    await expect(read(NUMBERS)).rejects.toMatchObject({ sqlstate: '53400', hint: expect.stringContaining('quota') });
  });

  test('a table that is not there', async () => {
    await start(MANY);
    await expect(read(NUMBERS, { table: { ...TABLE, tableId: 'gone' } })).rejects.toMatchObject({
      sqlstate: '02000',
      message: expect.stringContaining('p:d.gone'),
    });
  });

  test('a server that dies', async () => {
    await start("SELECT i, repeat('x', 10000) AS s FROM range(3000) AS r(i)", { batchRows: 100 });
    const signal = new AbortController().signal;
    const session = await openReadSession(client, { table: TABLE, maxStreams: 2, signal }, RETRY);
    if (session.kind === 'refused') throw new Error(session.reason);
    const reading = async () => {
      for await (const _ of session.messages) await server[Symbol.asyncDispose]();
    };
    await expect(reading()).rejects.toMatchObject({ sqlstate: '08006', message: expect.stringContaining('p.d.t') });
  });

  test('a reader that cancels', async () => {
    await start("SELECT i, repeat('x', 10000) AS s FROM range(3000) AS r(i)", { batchRows: 100 });
    const stop = new AbortController();
    const session = await openReadSession(client, { table: TABLE, maxStreams: 2, signal: stop.signal }, RETRY);
    if (session.kind === 'refused') throw new Error(session.reason);
    const reading = async () => {
      for await (const _ of session.messages) stop.abort();
    };
    await expect(reading()).rejects.toMatchObject({ sqlstate: '57014' });
  });
});
