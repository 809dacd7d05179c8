/**
 * Every function, operator and aggregate the plan knows, by canonical PostgreSQL name: parameter types → result type.
 * This table is the only place that says so; binding, capabilities and unparsing go by its names.
 *
 * Names that are no functions in PostgreSQL: `and`, `or`, `not`, `is_null`, `is_not_null`, `is_true`, `is_false`,
 * `is_not_true`, `is_not_false`, `is_distinct_from`, `is_not_distinct_from`, `in_list(x, a, b …)`, `like(x, pattern[,
 * escape])` and its kin, `negate(x)` for unary minus, `array(a, b …)` for ARRAY[…], `subscript(a, i)`, `slice(a, l, u)`,
 * `extract(field, x)`, `timezone(zone, x)` for AT TIME ZONE, `<op> any` and `<op> all` over an array, and `text_collate_c`
 * for COLLATE "C".
 */
import { type Signature, signatures } from './signatures.ts';

const INTEGERS = ['smallint', 'integer', 'bigint'];
const NUMBERS = [...INTEGERS, 'numeric', 'real', 'double'];
const ORDERED = [
  ...NUMBERS,
  'text',
  'date',
  'time',
  'timetz',
  'timestamp',
  'timestamptz',
  'interval',
  'boolean',
  'uuid',
  'bytea',
];

/** `$` in `pattern` replaced by each type. */
const each = (types: readonly string[], pattern: string): string =>
  types.map((type) => pattern.replaceAll('$', type)).join(' | ');

/** Both operands of one number type, or of two integer types: the wider one. */
const arithmetic = [
  each(NUMBERS, '$, $ -> $'),
  ...INTEGERS.flatMap((a, i) =>
    INTEGERS.flatMap((b, j) => (i === j ? [] : [`${a}, ${b} -> ${INTEGERS[Math.max(i, j)]}`])),
  ),
  'real, double -> double | double, real -> double',
].join(' | ');

const comparison = [
  each(ORDERED, '$, $ -> boolean'),
  'date, timestamp -> boolean | timestamp, date -> boolean | date, timestamptz -> boolean',
  'timestamptz, date -> boolean | timestamp, timestamptz -> boolean | timestamptz, timestamp -> boolean',
  'jsonb, jsonb -> boolean | anyarray, anyarray -> boolean',
].join(' | ');

const OPERATORS: Readonly<Record<string, string>> = {
  '+': `${arithmetic} | date, integer -> date | integer, date -> date | date, interval -> timestamp | interval, date -> timestamp
    | timestamp, interval -> timestamp | interval, timestamp -> timestamp | timestamptz, interval -> timestamptz
    | interval, timestamptz -> timestamptz | interval, interval -> interval | time, interval -> time | interval, time -> time
    | date, time -> timestamp | time, date -> timestamp | timetz, interval -> timetz | date, timetz -> timestamptz`,
  '-': `${arithmetic} | date, date -> integer | date, integer -> date | date, interval -> timestamp | timestamp, timestamp -> interval
    | timestamp, interval -> timestamp | timestamptz, timestamptz -> interval | timestamptz, interval -> timestamptz
    | interval, interval -> interval | time, time -> interval | time, interval -> time | timetz, interval -> timetz
    | jsonb, text -> jsonb | jsonb, integer -> jsonb`,
  '*': `${arithmetic} | interval, double -> interval | double, interval -> interval`,
  '/': `${arithmetic} | interval, double -> interval`,
  '%': each([...INTEGERS, 'numeric'], '$, $ -> $'),
  '^': 'double, double -> double | numeric, numeric -> numeric',
  negate: each([...NUMBERS, 'interval'], '$ -> $'),
  plus: each(NUMBERS, '$ -> $'),
  '=': comparison,
  '<>': comparison,
  '<': comparison,
  '<=': comparison,
  '>': comparison,
  '>=': comparison,
  is_distinct_from: comparison,
  is_not_distinct_from: comparison,
  '||': `text, text -> text | bytea, bytea -> bytea | jsonb, jsonb -> jsonb | anyarray, anyarray -> anyarray
    | anyarray, anyelement -> anyarray | anyelement, anyarray -> anyarray | text, anynonarray -> text | anynonarray, text -> text`,
  '&': each(INTEGERS, '$, $ -> $'),
  '|': each(INTEGERS, '$, $ -> $'),
  '#': each(INTEGERS, '$, $ -> $'),
  '<<': each(INTEGERS, '$, integer -> $'),
  '>>': each(INTEGERS, '$, integer -> $'),
  bit_not: each(INTEGERS, '$ -> $'),
  '~': 'text, text -> boolean',
  '~*': 'text, text -> boolean',
  '!~': 'text, text -> boolean',
  '!~*': 'text, text -> boolean',
  like: 'text, text -> boolean | text, text, text -> boolean',
  ilike: 'text, text -> boolean | text, text, text -> boolean',
  similar_to: 'text, text -> boolean | text, text, text -> boolean',
  '->': 'json, text -> json | json, integer -> json | jsonb, text -> jsonb | jsonb, integer -> jsonb',
  '->>': 'json, text -> text | json, integer -> text | jsonb, text -> text | jsonb, integer -> text',
  '#>': 'json, text[] -> json | jsonb, text[] -> jsonb',
  '#>>': 'json, text[] -> text | jsonb, text[] -> text',
  '@>': 'jsonb, jsonb -> boolean | anyarray, anyarray -> boolean',
  '<@': 'jsonb, jsonb -> boolean | anyarray, anyarray -> boolean',
  '&&': 'anyarray, anyarray -> boolean',
  '?': 'jsonb, text -> boolean',
  subscript: 'anyarray, integer -> anyelement',
  slice: 'anyarray, integer, integer -> anyarray',
};

const SCALARS: Readonly<Record<string, string>> = {
  // Mathematics
  abs: each(NUMBERS, '$ -> $'),
  ceil: 'numeric -> numeric | double -> double',
  floor: 'numeric -> numeric | double -> double',
  round: 'numeric -> numeric | double -> double | numeric, integer -> numeric',
  trunc: 'numeric -> numeric | double -> double | numeric, integer -> numeric',
  sign: 'numeric -> numeric | double -> double',
  sqrt: 'numeric -> numeric | double -> double',
  cbrt: 'double -> double',
  exp: 'numeric -> numeric | double -> double',
  ln: 'numeric -> numeric | double -> double',
  log: 'numeric -> numeric | double -> double | numeric, numeric -> numeric',
  log10: 'numeric -> numeric | double -> double',
  power: 'numeric, numeric -> numeric | double, double -> double',
  mod: each([...INTEGERS, 'numeric'], '$, $ -> $'),
  div: 'numeric, numeric -> numeric',
  gcd: each(['integer', 'bigint', 'numeric'], '$, $ -> $'),
  lcm: each(['integer', 'bigint', 'numeric'], '$, $ -> $'),
  factorial: 'bigint -> numeric',
  pi: '-> double',
  ...Object.fromEntries(
    ['sin', 'cos', 'tan', 'cot', 'asin', 'acos', 'atan', 'sinh', 'cosh', 'tanh', 'asinh', 'acosh', 'atanh', 'sind'].map(
      (name) => [name, 'double -> double'],
    ),
  ),
  cosd: 'double -> double',
  tand: 'double -> double',
  atan2: 'double, double -> double',
  degrees: 'double -> double',
  radians: 'double -> double',
  random: '-> double',
  width_bucket: 'double, double, double, integer -> integer | numeric, numeric, numeric, integer -> integer',
  scale: 'numeric -> integer',
  // Text
  length: 'text -> integer | bytea -> integer',
  char_length: 'text -> integer',
  octet_length: 'text -> integer | bytea -> integer',
  bit_length: 'text -> integer | bytea -> integer',
  lower: 'text -> text',
  upper: 'text -> text',
  initcap: 'text -> text',
  substring: `text, integer -> text | text, integer, integer -> text | text, text -> text | bytea, integer -> bytea
    | bytea, integer, integer -> bytea`,
  left: 'text, integer -> text',
  right: 'text, integer -> text',
  btrim: 'text -> text | text, text -> text',
  ltrim: 'text -> text | text, text -> text',
  rtrim: 'text -> text | text, text -> text',
  lpad: 'text, integer -> text | text, integer, text -> text',
  rpad: 'text, integer -> text | text, integer, text -> text',
  strpos: 'text, text -> integer',
  overlay: 'text, text, integer -> text | text, text, integer, integer -> text',
  replace: 'text, text, text -> text',
  translate: 'text, text, text -> text',
  repeat: 'text, integer -> text',
  reverse: 'text -> text',
  concat: 'any... -> text',
  concat_ws: 'text, any... -> text',
  split_part: 'text, text, integer -> text',
  starts_with: 'text, text -> boolean',
  ascii: 'text -> integer',
  chr: 'integer -> text',
  md5: 'text -> text',
  format: 'text, any... -> text | text -> text',
  quote_literal: 'text -> text',
  quote_ident: 'text -> text',
  to_hex: 'integer -> text | bigint -> text',
  encode: 'bytea, text -> text',
  decode: 'text, text -> bytea',
  regexp_replace: 'text, text, text -> text | text, text, text, text -> text',
  regexp_like: 'text, text -> boolean | text, text, text -> boolean',
  regexp_count: 'text, text -> integer',
  regexp_substr: 'text, text -> text',
  regexp_match: 'text, text -> text[] | text, text, text -> text[]',
  regexp_split_to_array: 'text, text -> text[]',
  string_to_array: 'text, text -> text[] | text, text, text -> text[]',
  // Date and time
  now: '-> timestamptz',
  timezone: `text, timestamp -> timestamptz | text, timestamptz -> timestamp | interval, timestamp -> timestamptz
    | interval, timestamptz -> timestamp | text, timetz -> timetz`,
  current_date: '-> date',
  current_timestamp: '-> timestamptz',
  localtimestamp: '-> timestamp',
  localtime: '-> time',
  current_time: '-> timetz',
  clock_timestamp: '-> timestamptz',
  statement_timestamp: '-> timestamptz',
  transaction_timestamp: '-> timestamptz',
  extract: each(['date', 'time', 'timetz', 'timestamp', 'timestamptz', 'interval'], 'text, $ -> numeric'),
  date_part: each(['date', 'time', 'timetz', 'timestamp', 'timestamptz', 'interval'], 'text, $ -> double'),
  date_trunc: `text, timestamp -> timestamp | text, timestamptz -> timestamptz | text, interval -> interval
    | text, timestamptz, text -> timestamptz`,
  date_bin: 'interval, timestamp, timestamp -> timestamp | interval, timestamptz, timestamptz -> timestamptz',
  age: `timestamp -> interval | timestamptz -> interval | timestamp, timestamp -> interval
    | timestamptz, timestamptz -> interval`,
  overlaps: each(
    ['timestamp', 'timestamptz', 'time'],
    '$, $, $, $ -> boolean | $, interval, $, interval -> boolean | $, interval, $, $ -> boolean | $, $, $, interval -> boolean',
  ),
  make_interval: 'integer, integer, integer, integer, integer, integer, double -> interval',
  make_date: 'integer, integer, integer -> date',
  make_time: 'integer, integer, double -> time',
  make_timestamp: 'integer, integer, integer, integer, integer, double -> timestamp',
  to_timestamp: 'double -> timestamptz | text, text -> timestamptz',
  to_date: 'text, text -> date',
  to_char: each(['timestamp', 'timestamptz', 'interval', 'numeric', 'integer', 'bigint', 'double'], '$, text -> text'),
  to_number: 'text, text -> numeric',
  justify_days: 'interval -> interval',
  justify_hours: 'interval -> interval',
  justify_interval: 'interval -> interval',
  isfinite: each(['date', 'timestamp', 'timestamptz', 'interval'], '$ -> boolean'),
  // Arrays
  array_length: 'anyarray, integer -> integer',
  cardinality: 'anyarray -> integer',
  array_append: 'anyarray, anyelement -> anyarray',
  array_prepend: 'anyelement, anyarray -> anyarray',
  array_cat: 'anyarray, anyarray -> anyarray',
  array_position: 'anyarray, anyelement -> integer',
  array_remove: 'anyarray, anyelement -> anyarray',
  array_replace: 'anyarray, anyelement, anyelement -> anyarray',
  array_to_string: 'anyarray, text -> text | anyarray, text, text -> text',
  array_upper: 'anyarray, integer -> integer',
  array_lower: 'anyarray, integer -> integer',
  // JSON
  to_json: 'any -> json',
  to_jsonb: 'any -> jsonb',
  json_build_object: 'any... -> json | -> json',
  jsonb_build_object: 'any... -> jsonb | -> jsonb',
  json_build_array: 'any... -> json | -> json',
  jsonb_build_array: 'any... -> jsonb | -> jsonb',
  json_array_length: 'json -> integer',
  jsonb_array_length: 'jsonb -> integer',
  json_typeof: 'json -> text',
  jsonb_typeof: 'jsonb -> text',
  json_extract_path: 'json, text... -> json',
  jsonb_extract_path: 'jsonb, text... -> jsonb',
  json_extract_path_text: 'json, text... -> text',
  jsonb_extract_path_text: 'jsonb, text... -> text',
  // The rest
  gen_random_uuid: '-> uuid',
  num_nulls: 'any... -> integer',
  num_nonnulls: 'any... -> integer',
};

const statistics = `${each([...INTEGERS, 'numeric'], '$ -> numeric')} | real -> double | double -> double`;
const extreme = `${each(
  ORDERED.filter((type) => type !== 'boolean' && type !== 'uuid'),
  '$ -> $',
)} | anyarray -> anyarray`;
const regression = 'double, double -> double';

const AGGREGATES: Readonly<Record<string, string>> = {
  count: '-> bigint | any -> bigint',
  sum: `smallint -> bigint | integer -> bigint | bigint -> numeric | numeric -> numeric | real -> real | double -> double
    | interval -> interval`,
  avg: `smallint -> numeric | integer -> numeric | bigint -> numeric | numeric -> numeric | real -> double | double -> double
    | interval -> interval`,
  min: extreme,
  max: extreme,
  bool_and: 'boolean -> boolean',
  bool_or: 'boolean -> boolean',
  every: 'boolean -> boolean',
  bit_and: each(INTEGERS, '$ -> $'),
  bit_or: each(INTEGERS, '$ -> $'),
  bit_xor: each(INTEGERS, '$ -> $'),
  any_value: 'anyelement -> anyelement',
  string_agg: 'text, text -> text | bytea, bytea -> bytea',
  array_agg: 'anyelement -> anyarray',
  json_agg: 'any -> json',
  jsonb_agg: 'any -> jsonb',
  json_object_agg: 'any, any -> json',
  jsonb_object_agg: 'any, any -> jsonb',
  ...Object.fromEntries(
    ['stddev', 'stddev_samp', 'stddev_pop', 'variance', 'var_samp', 'var_pop'].map((name) => [name, statistics]),
  ),
  ...Object.fromEntries(
    [
      'corr',
      'covar_pop',
      'covar_samp',
      'regr_avgx',
      'regr_avgy',
      'regr_intercept',
      'regr_r2',
      'regr_slope',
      'regr_sxx',
      'regr_sxy',
      'regr_syy',
    ].map((name) => [name, regression]),
  ),
  regr_count: 'double, double -> bigint',
  // Ordered sets: the arguments in parentheses, then the sort key.
  percentile_cont: 'double, double -> double | double, interval -> interval | double[], double -> double[]',
  percentile_disc: 'double, anyelement -> anyelement | double[], anyelement -> anyarray',
  mode: 'anyelement -> anyelement',
};

const WINDOWS: Readonly<Record<string, string>> = {
  row_number: '-> bigint',
  rank: '-> bigint',
  dense_rank: '-> bigint',
  percent_rank: '-> double',
  cume_dist: '-> double',
  ntile: 'integer -> integer',
  lag: 'anyelement -> anyelement | anyelement, integer -> anyelement | anyelement, integer, anyelement -> anyelement',
  lead: 'anyelement -> anyelement | anyelement, integer -> anyelement | anyelement, integer, anyelement -> anyelement',
  first_value: 'anyelement -> anyelement',
  last_value: 'anyelement -> anyelement',
  nth_value: 'anyelement, integer -> anyelement',
};

const SETS: Readonly<Record<string, string>> = {
  generate_series: `integer, integer -> integer | integer, integer, integer -> integer | bigint, bigint -> bigint
    | bigint, bigint, bigint -> bigint | numeric, numeric -> numeric | numeric, numeric, numeric -> numeric
    | timestamp, timestamp, interval -> timestamp | timestamptz, timestamptz, interval -> timestamptz`,
  unnest: 'anyarray -> anyelement',
  regexp_split_to_table: 'text, text -> text | text, text, text -> text',
  string_to_table: 'text, text -> text',
  regexp_matches: 'text, text -> text[] | text, text, text -> text[]',
  json_array_elements: 'json -> json',
  jsonb_array_elements: 'jsonb -> jsonb',
  json_array_elements_text: 'json -> text',
  jsonb_array_elements_text: 'jsonb -> text',
  json_object_keys: 'json -> text',
  jsonb_object_keys: 'jsonb -> text',
};

/** Other names of the same function. */
const ALIASES: Readonly<Record<string, string>> = {
  ceiling: 'ceil',
  pow: 'power',
  substr: 'substring',
  trim: 'btrim',
  position: 'strpos',
  character_length: 'char_length',
  dpow: 'power',
};

export type FunctionClass = 'operator' | 'scalar' | 'aggregate' | 'window' | 'set';

export interface FunctionEntry {
  readonly name: string;
  readonly class: FunctionClass;
  readonly signatures: readonly Signature[];
}

const TABLE = new Map<string, FunctionEntry>();
const TABLES: readonly (readonly [FunctionClass, Readonly<Record<string, string>>])[] = [
  ['operator', OPERATORS],
  ['scalar', SCALARS],
  ['aggregate', AGGREGATES],
  ['window', WINDOWS],
  ['set', SETS],
];
for (const [kind, entries] of TABLES) {
  for (const [name, text] of Object.entries(entries)) {
    TABLE.set(name, Object.freeze({ name, class: kind, signatures: signatures(text) }));
  }
}

/** The entry of a function or operator, by canonical name or alias. */
export const functionNamed = (name: string): FunctionEntry | undefined => TABLE.get(ALIASES[name] ?? name);

/** Every function, operator and aggregate, once. */
export const functionEntries = (): readonly FunctionEntry[] => [...TABLE.values()];

/** Names that may be written as `name(…)`, for hints. */
export const functionNames = (): readonly string[] => [
  ...[...TABLE.values()].filter((entry) => entry.class !== 'operator').map((entry) => entry.name),
  ...Object.keys(ALIASES),
];

const VOLATILE = new Set(['random', 'gen_random_uuid', 'clock_timestamp']);

/** True when two calls with the same arguments may answer differently within one statement. */
export const isVolatile = (name: string): boolean => VOLATILE.has(name);
