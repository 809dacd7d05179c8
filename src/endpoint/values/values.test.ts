/** PostgreSQL itself (PGlite) judges every text and binary form written here. */
import { PGlite } from '@electric-sql/pglite';
import {
  RecordBatch as Batch,
  type DataType,
  Field,
  makeData,
  type RecordBatch,
  Schema,
  Struct,
  vectorFromArray,
} from 'apache-arrow';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { arrowType } from '../../../connectors/arrow.ts';
import { arrayOf, numeric, type SqlType, scalar, typeName } from '../../plan/types.ts';
import type { Format } from '../wire/frontend.ts';
import { MessageWriter } from '../wire/message-writer.ts';
import { decodeBinary, encodeBinary } from './binary.ts';
import { TimeZone } from './calendar.ts';
import { BatchRows } from './data-rows.ts';
import { DEFAULT_OUTPUT, type OutputSettings } from './output-settings.ts';

let postgres: PGlite;
beforeAll(async () => {
  postgres = await PGlite.create({ postgresqlconf: ['shared_buffers = 1MB'] });
  await postgres.exec("SET TIME ZONE 'UTC'");
});
afterAll(() => postgres.close());

/** Each text as PostgreSQL prints it after reading it, and the bytes of its send function. */
async function judge(type: SqlType, texts: readonly string[]): Promise<{ text: string; binary: Buffer }[]> {
  const name = typeName(type);
  const send = type.kind === 'array' ? 'array_send' : SEND[type.kind];
  const { rows } = await postgres.query<{ text: string; binary: Uint8Array }>(
    `SELECT ${type.kind === 'boolean' ? 'left(v, 1)' : `v::${name}::text`} AS text, ${send}(v::${name}) AS binary FROM unnest($1::text[]) WITH ORDINALITY AS t(v, n) ORDER BY n`,
    [texts],
  );
  return rows.map(({ text, binary }) => ({ text, binary: Buffer.from(binary) }));
}

const SEND: Readonly<Record<Exclude<SqlType['kind'], 'array'>, string>> = {
  boolean: 'boolsend',
  smallint: 'int2send',
  integer: 'int4send',
  bigint: 'int8send',
  real: 'float4send',
  double: 'float8send',
  numeric: 'numeric_send',
  text: 'textsend',
  unknown: 'textsend',
  varchar: 'varcharsend',
  char: 'bpcharsend',
  bytea: 'byteasend',
  date: 'date_send',
  time: 'time_send',
  timetz: 'timetz_send',
  timestamp: 'timestamp_send',
  timestamptz: 'timestamptz_send',
  interval: 'interval_send',
  uuid: 'uuid_send',
  json: 'json_send',
  jsonb: 'jsonb_send',
};

const SAMPLES: readonly [SqlType, readonly string[]][] = [
  [scalar('boolean'), ['t', 'f']],
  [scalar('smallint'), ['0', '-1', '32767', '-32768']],
  [scalar('integer'), ['0', '7', '-2147483648', '2147483647']],
  [scalar('bigint'), ['0', '9007199254740993', '-9223372036854775808', '9223372036854775807', '-42', '4294967296']],
  [scalar('real'), ['0', '-0', '0.1', '1e6', '999999', '3.4028235e38', '1e-45', 'NaN', '-Infinity', '16777216']],
  [scalar('double'), ['0', '-0', '0.1', '1e15', '1e14', '1e-5', '0.0001', '123456789012345680', 'Infinity', '5e-324']],
  [
    numeric(),
    ['0', '0.00', '-1.50', '12345678901234567890.123456789', '1e20', '0.0001', '10000', 'NaN', '-Infinity', 'Infinity'],
  ],
  [numeric(38, 4), ['0', '-0.0001', '99999.9999', '9999999999999999999999999999999999.9999', '-12.5']],
  [scalar('text'), ['', 'a', 'Grüße 🚗', 'quote \' \\ " end', 'NULL', 'x'.repeat(200)]],
  [scalar('bytea'), ['\\x', '\\x00ff5c41', `\\x${'ab'.repeat(100)}`]],
  [
    scalar('date'),
    ['1970-01-01', '2024-02-29', '0044-03-15 BC', '5874897-12-31', 'infinity', '-infinity', '1582-10-15'],
  ],
  [scalar('time'), ['00:00:00', '23:59:59.999999', '24:00:00', '04:05:06.7']],
  [scalar('timetz'), ['00:00:00+00', '23:59:59.5+05:30', '12:00:00-08']],
  [
    scalar('timestamp'),
    [
      '1970-01-01 00:00:00',
      '1969-12-31 23:59:59.999999',
      '0044-03-15 12:00:00 BC',
      'infinity',
      '9999-12-31 23:59:59',
      '290000-12-31 23:59:59.999999',
    ],
  ],
  [scalar('timestamptz'), ['2024-03-31 00:59:59+00', '2024-03-31 01:00:00+00', '1800-01-01 00:00:00+00', '-infinity']],
  [
    scalar('interval'),
    [
      '0',
      '1 year 2 mons 3 days 04:05:06.789',
      '-1 year +3 days',
      '1 mon -04:05:06',
      '-1 days -00:00:01',
      '100:00:00',
      '-13 mons',
    ],
  ],
  [scalar('uuid'), ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11']],
  [scalar('json'), ['{"a": [1, null]}', '"ü"']],
  [scalar('jsonb'), ['{"a": [1, null]}', '"ü"']],
  [arrayOf(scalar('integer')), ['{}', '{1,NULL,-3}', '{{1,2},{3,4}}']],
  [arrayOf(scalar('text')), ['{a,"b c","","NULL",NULL,"q\\"\\\\"}', '{{a},{b}}']],
  [arrayOf(scalar('timestamp')), ['{"2024-02-29 12:00:00",infinity}']],
  [arrayOf(numeric()), ['{1.50,NaN}']],
];

test.each(SAMPLES.map(([type, texts]) => ({ name: typeName(type), type, texts })))(
  'between the text and the binary form of $name',
  async ({ type, texts }) => {
    for (const { text, binary } of await judge(type, texts)) {
      expect(encodeBinary(type, text).toString('hex'), text).toBe(binary.toString('hex'));
      expect(decodeBinary(type, binary)).toBe(text);
    }
  },
);

/** One column as a batch in its Arrow layout. */
function batchOf(type: SqlType, values: readonly unknown[]): RecordBatch {
  const arrow: DataType = arrowType(type);
  const vector = vectorFromArray([...values], arrow);
  const schema = new Schema([new Field('v', arrow, true)]);
  return new Batch(
    schema,
    makeData({ type: new Struct(schema.fields), length: values.length, children: [vector.data[0]!] }),
  );
}

/** The fields of a one-column batch; null for NULL. */
function encoded(type: SqlType, batch: RecordBatch, format: Format, output: OutputSettings): (Buffer | null)[] {
  const rows = new BatchRows(batch, [{ name: 'v', type }], [format], output);
  return Array.from({ length: rows.length }, (_, row) => {
    const writer = new MessageWriter();
    rows.write(writer, row, row + 1, 'none');
    const bytes = writer.take();
    const length = bytes.readInt32BE(0);
    expect(bytes.length).toBe(4 + Math.max(0, length));
    return length === -1 ? null : bytes.subarray(4);
  });
}

/** The value that Arrow's builders take for a text form. */
function arrowValue(type: SqlType, text: string): unknown {
  switch (type.kind) {
    case 'boolean':
      return text === 't';
    case 'smallint':
    case 'integer':
    case 'real':
    case 'double':
      return Number(text);
    case 'bigint':
      return BigInt(text);
    case 'bytea':
      return Buffer.from(text.slice(2), 'hex');
    default:
      return text;
  }
}

const DIRECT = new Set([
  'boolean',
  'smallint',
  'integer',
  'bigint',
  'real',
  'double',
  'text',
  'bytea',
  'uuid',
  'json',
  'jsonb',
  'interval',
  'timetz',
  'array',
]);

test.each(
  SAMPLES.filter(([type]) => DIRECT.has(type.kind)).map(([type, texts]) => ({ name: typeName(type), type, texts })),
)('columns of $name, with NULLs and sliced, in both formats', async ({ type, texts }) => {
  const judged = await judge(type, texts);
  const values = [null, ...judged.map(({ text }) => arrowValue(type, text)), null];
  const batch = batchOf(type, values);
  const sliced = batch.slice(1, values.length - 1);
  for (const [rows, skip] of [
    [batch, 0],
    [sliced, 1],
  ] as const) {
    const expected = [null, ...judged, null].slice(skip, skip === 0 ? undefined : -1);
    const text = encoded(type, rows, 'text', DEFAULT_OUTPUT).map((value) => value?.toString() ?? null);
    expect(text).toEqual(expected.map((value) => value?.text ?? null));
    const binary = encoded(type, rows, 'binary', DEFAULT_OUTPUT).map((value) => value?.toString('hex') ?? null);
    expect(binary).toEqual(expected.map((value) => value?.binary.toString('hex') ?? null));
  }
});

/** A batch over the raw 64- or 32-bit values of a temporal column. */
function temporalBatch(type: SqlType, values: Int32Array | BigInt64Array): RecordBatch {
  const arrow: DataType = arrowType(type);
  const schema = new Schema([new Field('v', arrow, true)]);
  const column = makeData({ type: arrow, length: values.length, nullCount: 0, data: values } as never);
  return new Batch(schema, makeData({ type: new Struct(schema.fields), length: values.length, children: [column] }));
}

const MICROS = fc.bigInt({ min: -200_000_000_000_000_000n, max: 9_000_000_000_000_000_000n });

test('dates, times and timestamps print as PostgreSQL prints them', async () => {
  const days = fc.sample(fc.integer({ min: -2_400_000, max: 2_000_000 }), { seed: 1, numRuns: 200 });
  const micros = fc.sample(fc.oneof(MICROS, fc.bigInt({ min: 0n, max: 2_000_000_000_000_000n })), {
    seed: 2,
    numRuns: 300,
  });
  const ofDay = fc.sample(fc.bigInt({ min: 0n, max: 86_400_000_000n }), { seed: 3, numRuns: 200 });
  const { rows } = await postgres.query<{ date: string; time: string; stamp: string }>(
    `SELECT array(SELECT ('1970-01-01'::date + d)::text FROM unnest($1::int[]) d) AS date,
            array(SELECT ('00:00'::time + (t || ' us')::interval)::text FROM unnest($2::bigint[]) t) AS time,
            array(SELECT ('1970-01-01'::timestamp + make_interval(days => (m / 86400000000)::int) + ((m % 86400000000) || ' us')::interval)::text
                  FROM unnest($3::bigint[]) m) AS stamp`,
    [days, ofDay.filter((t) => t < 86_400_000_000n).map(String), micros.map(String)],
  );
  const { date, time, stamp } = rows[0] as unknown as { date: string[]; time: string[]; stamp: string[] };
  const text = (type: SqlType, values: Int32Array | BigInt64Array) =>
    encoded(type, temporalBatch(type, values), 'text', DEFAULT_OUTPUT).map(String);
  expect(text(scalar('date'), Int32Array.from(days))).toEqual(date);
  expect(text(scalar('time'), BigInt64Array.from(ofDay.filter((t) => t < 86_400_000_000n)))).toEqual(time);
  expect(text(scalar('timestamp'), BigInt64Array.from(micros))).toEqual(stamp);
  const binary = encoded(
    scalar('timestamp'),
    temporalBatch(scalar('timestamp'), BigInt64Array.from(micros)),
    'binary',
    DEFAULT_OUTPUT,
  );
  expect(binary.map((bytes) => decodeBinary(scalar('timestamp'), bytes!))).toEqual(stamp);
});

test.each(['Europe/Berlin', 'America/St_Johns', 'Asia/Kathmandu', '<+02>-02', 'UTC'])(
  'timestamptz in the zone %s',
  async (name) => {
    const micros = fc.sample(fc.bigInt({ min: -4_000_000_000_000_000n, max: 2_000_000_000_000_000n }), {
      seed: 4,
      numRuns: 300,
    });
    const { stamps } = await postgres.transaction(async (tx) => {
      await tx.exec(`SET LOCAL TIME ZONE '${name}'`);
      const { rows } = await tx.query<{ stamps: string[] }>(
        `SELECT array(SELECT ('1970-01-01 UTC'::timestamptz + (m || ' us')::interval)::text FROM unnest($1::bigint[]) m) AS stamps`,
        [micros.map(String)],
      );
      return rows[0]!;
    });
    const output = { ...DEFAULT_OUTPUT, timeZone: new TimeZone(name) };
    const batch = temporalBatch(scalar('timestamptz'), BigInt64Array.from(micros));
    expect(encoded(scalar('timestamptz'), batch, 'text', output).map(String)).toEqual(stamps);
  },
);

test('floats print their shortest digits, or fewer when extra_float_digits asks for it', async () => {
  const some = fc.sample(fc.double({ noDefaultInfinity: true, noNaN: true }), { seed: 5, numRuns: 500 });
  const whole = fc.sample(fc.bigInt({ min: 2n ** 52n, max: 2n ** 70n }), { seed: 9, numRuns: 500 }).map(Number);
  const reals = fc.sample(fc.float({ noDefaultInfinity: true, noNaN: true }), { seed: 6, numRuns: 500 });
  for (const digits of [1, 0, -3]) {
    const doubles = digits > 0 ? [...some, ...whole] : some;
    const { rows } = await postgres.query<{ double: string[]; real: string[] }>(
      `SELECT array(SELECT v::text FROM unnest($1::float8[]) v) AS double, array(SELECT v::text FROM unnest($2::float4[]) v) AS real
       FROM set_config('extra_float_digits', '${digits}', false)`,
      [doubles, reals].map((values) => values.map((value) => (Object.is(value, -0) ? '-0' : String(value)))),
    );
    const output = { ...DEFAULT_OUTPUT, extraFloatDigits: digits };
    const text = (type: SqlType, values: number[]) => encoded(type, batchOf(type, values), 'text', output).map(String);
    expect(text(scalar('double'), doubles)).toEqual(rows[0]!.double);
    expect(text(scalar('real'), reals)).toEqual(rows[0]!.real);
  }
  await postgres.exec('RESET extra_float_digits');
});

test.each([0, 2, 3, 6, 12, 20])('decimals of every size, with %i digits behind the point', async (scale) => {
  const type = numeric(38, scale);
  const unscaled = fc.sample(
    fc.oneof(
      fc.bigInt({ min: -(10n ** 38n) + 1n, max: 10n ** 38n - 1n }),
      fc.bigInt({ min: -9999999n, max: 99999999n }),
      fc.bigInt({ min: -(2n ** 54n), max: 2n ** 54n }),
      fc.constantFrom(0n, 10_000n, 1_000_000n, -(10n ** 12n), 10n ** 16n),
    ),
    { seed: 7, numRuns: 300 },
  );
  const words = new Uint32Array(unscaled.length * 4);
  unscaled.forEach((value, row) => {
    for (let i = 0; i < 4; i++)
      words[row * 4 + i] = Number((BigInt.asUintN(128, value) >> BigInt(32 * i)) & 0xffffffffn);
  });
  const arrow = arrowType(type);
  const schema = new Schema([new Field('v', arrow, true)]);
  const column = makeData({ type: arrow, length: unscaled.length, nullCount: 0, data: words } as never);
  const batch = new Batch(
    schema,
    makeData({ type: new Struct(schema.fields), length: unscaled.length, children: [column] }),
  );
  const judged = await judge(
    type,
    unscaled.map((value) => `${value}e-${scale}`),
  );
  expect(encoded(type, batch, 'text', DEFAULT_OUTPUT).map(String)).toEqual(judged.map(({ text }) => text));
  expect(encoded(type, batch, 'binary', DEFAULT_OUTPUT).map((b) => b!.toString('hex'))).toEqual(
    judged.map(({ binary }) => binary.toString('hex')),
  );
});

test('bytea_output escape', async () => {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  const { rows } = await postgres.query<{ text: string }>("SELECT encode($1::bytea, 'escape') AS text", [bytes]);
  const output = { ...DEFAULT_OUTPUT, byteaOutput: 'escape' as const };
  const [text] = encoded(scalar('bytea'), batchOf(scalar('bytea'), [bytes]), 'text', output);
  // encode(…, 'escape') leaves control characters as they are; the output function escapes them.
  const plain = (value: string) =>
    value.replace(/\\(\d{3})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 8)));
  expect(plain(text!.toString())).toBe(plain(rows[0]!.text));
});

test('bytes that are no value are refused, never read past', () => {
  fc.assert(
    fc.property(fc.constantFrom(...SAMPLES.map(([type]) => type)), fc.uint8Array({ maxLength: 40 }), (type, bytes) => {
      try {
        expect(typeof decodeBinary(type, Buffer.from(bytes))).toBe('string');
      } catch (error) {
        expect((error as { sqlstate?: string }).sqlstate).toMatch(/^22/);
      }
    }),
    { seed: 8, numRuns: 2000 },
  );
});
