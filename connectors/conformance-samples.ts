/** Ordinary values for the pushdown kit: two columns per type, small enough that no function overflows. */
import { type SqlType, scalar, type TypeKind, typeName } from '../src/plan/types.ts';
import type { ProbeTable } from './conformance-probes.ts';

/** By type name, texts for each of the type's columns; null is NULL. */
export const SAMPLE_TEXTS: Readonly<Record<string, readonly (readonly (string | null)[])[]>> = {
  boolean: [
    ['t', 'f', null, 't'],
    ['t', null, 'f', 'f'],
  ],
  smallint: [
    ['7', '-3', null, '12'],
    ['2', '2', '5', '-5'],
  ],
  integer: [
    ['1', '2', '3', '4'],
    ['7', '-3', null, '12'],
    ['2', '2', '5', '-5'],
    ['3', '1', '2', '6'],
  ],
  bigint: [
    ['7', '-3', null, '12'],
    ['2', '2', '5', '-5'],
    ['1', '1', '4', '1'],
  ],
  real: [
    ['1.5', '-2.25', null, '0.5'],
    ['2', '0.5', '3', '1'],
  ],
  'double precision': [
    ['0.5', '-0.25', null, '0.75'],
    ['2', '0.5', '3', '1'],
    ['4', '10', '5', '8'],
  ],
  numeric: [
    ['2.5', '0.10', null, '12.345'],
    ['2', '3.0', '5', '-1.5'],
    ['4', '10', '5', '80'],
  ],
  text: [
    ['Hello World', 'äbc', null, ''],
    ['lo', 'b', 'x', ''],
    ['-', 'Z', 'y', 'q'],
    ['one', 'two', 'three', 'four'],
  ],
  bytea: [
    ['\\xdeadbeef', '\\x00', null, '\\x'],
    ['\\xff', '\\x00', '\\x01', '\\x'],
  ],
  date: [
    ['2024-02-29', '1999-12-31', null, '2024-05-05'],
    ['2024-03-01', '2000-01-01', '2024-01-01', '2024-05-05'],
  ],
  'time without time zone': [
    ['12:34:56.7', '00:00:00', null, '23:59:59'],
    ['01:00:00', '00:00:00', '02:00:00', '12:00:00'],
  ],
  'timestamp without time zone': [
    ['2024-02-29 12:34:56.789', '1999-12-31 23:59:59', null, '2024-05-05 00:00:00'],
    ['2024-03-01 01:02:03', '1999-12-31 23:59:59', '2024-01-01 00:00:00', '2023-05-05 10:00:00'],
  ],
  'timestamp with time zone': [
    ['2024-02-29 12:34:56.789+00', '1999-12-31 23:59:59+00', null, '2024-05-05 00:00:00+00'],
    ['2024-03-01 01:02:03+00', '1999-12-31 23:59:59+00', '2024-01-01 00:00:00+00', '2023-05-05 10:00:00+00'],
  ],
  interval: [
    ['1 day 02:00:00', '-03:00:00', null, '1 mon 5 days'],
    ['01:00:00', '1 day', '2 days', '00:00:30'],
  ],
  uuid: [
    [
      'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
      '00000000-0000-0000-0000-000000000001',
      null,
      'ffffffff-0000-0000-0000-000000000000',
    ],
    [
      'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
      '00000000-0000-0000-0000-000000000002',
      null,
      '10000000-0000-0000-0000-000000000000',
    ],
  ],
  json: [['{"a": [1, 2], "b": {"c": "x"}}', '[1, "two", null]', null, '{}']],
  jsonb: [
    ['{"a": [1, 2], "b": {"c": "x"}}', '[1, "two", null]', null, '{}'],
    ['{"a": [1]}', '[1]', '{}', '{}'],
  ],
  'integer[]': [
    ['{1,2,3}', '{}', null, '{3,NULL,5}'],
    ['{3}', '{1}', '{2}', '{5,3}'],
  ],
};

const TYPES: readonly SqlType[] = [
  ...(['integer', 'boolean', 'smallint', 'bigint', 'real', 'double', 'text', 'bytea', 'date', 'time'] as const).map(
    scalar,
  ),
  ...(['timestamp', 'timestamptz', 'interval', 'uuid', 'json', 'jsonb'] as const).map(scalar),
  { kind: 'numeric' },
  { kind: 'array', element: scalar('integer') },
];

/** The sample columns of the types a silo holds; the first column is a key. Columns are called `type name#number`, which every silo takes for a name. */
export function sampleTable(types: readonly TypeKind[]): ProbeTable {
  const columns = TYPES.filter(({ kind }) => types.includes(kind)).flatMap((type) =>
    SAMPLE_TEXTS[typeName(type)]!.map((texts, i) => ({ name: `${typeName(type)}#${i}`, type, texts })),
  );
  return {
    name: 'samples',
    columns: columns.map(({ name, type }) => ({ name, type })),
    rows: [0, 1, 2, 3].map((row) => columns.map(({ texts }) => texts[row]!)),
  };
}

type Arguments = readonly (string | undefined)[];
const fields = (...names: readonly string[]): Arguments[] => names.map((name) => [name]);

/** Literals for arguments that are a little language of their own, by number of arguments; undefined is a column. */
export const TEXT_ARGUMENTS: Readonly<Record<string, Readonly<Record<number, readonly Arguments[]>>>> = {
  extract: {
    2: fields(
      'year',
      'month',
      'day',
      'hour',
      'minute',
      'second',
      'epoch',
      'dow',
      'doy',
      'week',
      'quarter',
      'isodow',
      'milliseconds',
      'century',
      'decade',
    ),
  },
  date_part: { 2: fields('year', 'month', 'day', 'hour', 'second', 'epoch', 'microseconds') },
  date_trunc: {
    2: fields('year', 'quarter', 'month', 'week', 'day', 'hour', 'minute'),
    3: [['day', undefined, 'Europe/Berlin']],
  },
  timezone: { 2: [['Europe/Berlin'], ['UTC']] },
  to_char: {
    2: [
      [undefined, 'YYYY-MM-DD HH24:MI:SS'],
      [undefined, 'FM9990.00'],
    ],
  },
  to_date: { 2: [['05 Dec 2000', 'DD Mon YYYY']] },
  to_timestamp: { 2: [['2024-05-06 17:08', 'YYYY-MM-DD HH24:MI']] },
  to_number: { 2: [['1234.5', '9999.9']] },
  encode: {
    2: [
      [undefined, 'hex'],
      [undefined, 'base64'],
    ],
  },
  decode: { 2: [['deadbeef', 'hex']] },
  format: { 2: [['<%s>']] },
  like: { 2: [[undefined, '%lo%'], [undefined, 'H\\_%'], []], 3: [[undefined, 'H%', '#']] },
  ilike: { 2: [[undefined, '%LO%']], 3: [[undefined, 'h%', '#']] },
  similar_to: { 2: [[undefined, '(H|ä)%']], 3: [[undefined, '%l+%', '#']] },
  '~': {
    2: [
      [undefined, 'l+o'],
      [undefined, '^ä'],
    ],
  },
  '~*': { 2: [[undefined, 'L+O']] },
  '!~': { 2: [[undefined, 'l+o']] },
  '!~*': { 2: [[undefined, 'L+O']] },
  regexp_replace: { 3: [[undefined, 'l+', '_']], 4: [[undefined, 'l+', '_', 'g']] },
  upper: { 1: [['hello']] },
  initcap: { 1: [['hi THOMAS']] },
  round: {
    2: [
      [undefined, '1'],
      [undefined, '0'],
    ],
  },
  trunc: { 2: [[undefined, '1']] },
  string_agg: { 2: [[undefined, ', ']] },
  regexp_like: { 2: [[undefined, 'l+']], 3: [[undefined, 'L+', 'i']] },
  regexp_match: { 2: [[undefined, '(l+)(o)']], 3: [[undefined, '(L+)', 'i']] },
  regexp_split_to_array: { 2: [[undefined, '\\s+']] },
  string_to_array: { 2: [[undefined, 'o']], 3: [[undefined, 'o', 'Hell']] },
  split_part: {
    3: [
      [undefined, 'o', '2'],
      [undefined, ' ', '-1'],
    ],
  },
  repeat: { 2: [[undefined, '3']] },
  lpad: { 2: [[undefined, '8']], 3: [[undefined, '15', 'xy']] },
  rpad: { 2: [[undefined, '8']], 3: [[undefined, '15', 'xy']] },
  make_date: { 3: [['2024', '2', '29']] },
  make_time: { 3: [['8', '15']] },
  make_timestamp: { 6: [['2024', '2', '29', '8', '15']] },
  chr: { 1: [['65'], ['8364']] },
  array_length: { 2: [[undefined, '1']] },
  array_upper: { 2: [[undefined, '1']] },
  array_lower: { 2: [[undefined, '1']] },
  overlay: { 3: [[undefined, 'XX', '2']], 4: [[undefined, 'XX', '2', '3']] },
  regexp_count: { 2: [[undefined, 'l']] },
  regexp_substr: { 2: [[undefined, 'l+']] },
  json_extract_path: { 2: [[undefined, 'a']] },
  jsonb_extract_path: { 2: [[undefined, 'a']] },
  json_extract_path_text: { 2: [[undefined, 'b']] },
  jsonb_extract_path_text: { 2: [[undefined, 'b']] },
  '->': {
    2: [
      [undefined, 'a'],
      [undefined, '1'],
    ],
  },
  '->>': {
    2: [
      [undefined, 'b'],
      [undefined, '1'],
    ],
  },
  '?': { 2: [[undefined, 'a']] },
};
