/**
 * DuckDB as this process runs it (duckdb-process.ts): how it is spelled so that it answers as PostgreSQL does. One table
 * for the mediator, for .duckdb files and for files that DuckDB reads; the `pg_…` names are of duckdb-functions.ts.
 */
import { TYPE_KINDS } from '../../src/plan/types.ts';
import { type Capabilities, EVERY_OPERATION, EVERY_OTHER } from '../capabilities.ts';
import type { Dialect, Template } from '../dialect.ts';

const INTEGERS = ['smallint', 'integer', 'bigint'] as const;
/** Decimals that hold every value of an integer type: DuckDB's own numeric has three decimals. */
const INTEGER_DIGITS = { smallint: 5, integer: 10, bigint: 19 } as const;
const TEXTS = ['text', 'varchar', 'char', 'unknown'] as const;
const INSTANTS = ['date', 'timestamp', 'timestamptz'] as const;

/** The same template under `name(kind)` of the first argument, for each kind. */
const perType = (
  name: string,
  kinds: readonly string[],
  template: Template | ((kind: string) => Template),
): Record<string, Template> =>
  Object.fromEntries(
    kinds.map((kind) => [`${name}(${kind})`, typeof template === 'string' ? template : template(kind)]),
  );

/** The same template under `cast(kind):text` and the other character types. */
const castToText = (kinds: readonly string[], template: Template): Record<string, Template> =>
  Object.fromEntries(kinds.flatMap((kind) => ['text', 'varchar'].map((to) => [`cast(${kind}):${to}`, template])));

/** Division and remainder fail on zero as in PostgreSQL; DuckDB would answer NULL or infinity. */
const checked = (operation: string): Template =>
  `CASE WHEN $2 = 0 AND $1 IS NOT NULL THEN error('division by zero') ELSE ${operation} END`;

/** Whether a comparison holds for any element of an array: DuckDB's own ANY over an empty or NULL list is a join. */
const ANY_HITS: Readonly<Record<string, { readonly hit: string; readonly opposite: string }>> = {
  '=': { hit: 'list_contains($2, $1)', opposite: '<>' },
  '<>': { hit: '(list_min($2) <> $1 OR list_max($2) <> $1)', opposite: '=' },
  '<': { hit: '$1 < list_max($2)', opposite: '>=' },
  '<=': { hit: '$1 <= list_max($2)', opposite: '>' },
  '>': { hit: '$1 > list_min($2)', opposite: '<=' },
  '>=': { hit: '$1 >= list_min($2)', opposite: '<' },
};
const overArrays: Record<string, Template> = Object.fromEntries(
  Object.entries(ANY_HITS).flatMap(([operator, { hit, opposite }]) => [
    [`${operator} any`, `pg_any(${hit}, $1, $2)`],
    [`${operator} all`, `(NOT pg_any(${ANY_HITS[opposite]!.hit}, $1, $2))`],
  ]),
);

const calls: Record<string, Template> = {
  ...overArrays,
  // Numbers
  '/:integer': checked('$1 // $2'),
  '/:smallint': checked('CAST($1 // $2 AS SMALLINT)'),
  '/:bigint': checked('$1 // $2'),
  '/:numeric': 'pg_numeric_divide($1, $2)',
  '/:double': checked('$1 / $2'),
  '/:real': checked('$1 / $2'),
  '/:interval': checked('pg_interval_scale($1, 1.0::DOUBLE / $2)'),
  '*(interval,double)': 'pg_interval_scale($1, $2)',
  '*(double,interval)': 'pg_interval_scale($2, $1)',
  ...perType('%', [...INTEGERS, 'numeric'], checked('$1 % $2')),
  ...perType('mod', [...INTEGERS, 'numeric'], checked('$1 % $2')),
  'round(double)': 'round_even($1, 0)',
  'round(real)': 'round_even($1, 0)',
  sign: 'CAST(sign($1) AS INTEGER)',
  '<<(smallint)': 'CAST(pg_shift_left($1, $2, 16) AS SMALLINT)',
  '<<(integer)': 'CAST(pg_shift_left($1, $2, 32) AS INTEGER)',
  '<<(bigint)': 'CAST(pg_shift_left($1, $2, 64) AS BIGINT)',
  acosh: 'pg_acosh($1)',
  factorial: 'CAST(factorial(CAST($1 AS INTEGER)) AS DECIMAL(38, 0))',
  '#': 'xor($1, $2)',
  '^': 'pg_power($1, $2)',
  power: 'pg_power($1, $2)',
  'exp(double)': 'pg_exp($1)',
  ...Object.fromEntries(
    INTEGERS.map((kind) => [`cast(${kind}):numeric`, `CAST($1 AS DECIMAL(${INTEGER_DIGITS[kind]}, 0))`]),
  ),
  'cast(numeric):numeric': '$1',
  ...castToText(['numeric'], 'pg_numeric_text($1)'),
  ...castToText(['char'], "rtrim($1, ' ')"),
  ...castToText(['double'], 'pg_double_text($1)'),
  ...castToText(['real'], 'pg_real_text($1)'),
  ...castToText(['interval'], 'pg_interval_text($1)'),
  ...castToText(['array'], 'pg_array_text($1)'),
  ...castToText(['bytea'], 'pg_bytea_text($1)'),
  'cast(text):jsonb': 'CAST(pg_jsonb($1) AS JSON)',
  'cast(unknown):jsonb': 'CAST(pg_jsonb($1) AS JSON)',
  'cast(json):jsonb': 'CAST(pg_jsonb($1) AS JSON)',
  // Text. A backslash escapes in PostgreSQL's LIKE; without one the plain operator is quicker.
  like: "$1 LIKE $2 ESCAPE '\\'",
  'like/3': '$1 LIKE $2 ESCAPE $3',
  ilike: "$1 ILIKE $2 ESCAPE '\\'",
  'ilike/3': '$1 ILIKE $2 ESCAPE $3',
  similar_to: 'regexp_full_match($1, pg_similar_pattern($2))',
  'similar_to/3': 'regexp_full_match($1, pg_similar_pattern($2, $3))',
  '~': "regexp_matches($1, $2, 's')",
  '~*': "regexp_matches($1, $2, 'is')",
  '!~': "NOT regexp_matches($1, $2, 's')",
  '!~*': "NOT regexp_matches($1, $2, 'is')",
  regexp_like: 'regexp_matches($*)',
  ...Object.fromEntries(
    TEXTS.flatMap((kind) => [
      [`substring(${kind},integer)`, 'pg_substring($*)'],
      [`substring(${kind},integer,integer)`, 'pg_substring($*)'],
      ...TEXTS.map((pattern) => [`substring(${kind},${pattern})`, 'pg_substring_regex($*)']),
    ]),
  ),
  'substring(bytea)': 'pg_substring_bytes($*)',
  length: 'CAST(length($1) AS INTEGER)',
  'length(bytea)': 'CAST(octet_length($1) AS INTEGER)',
  char_length: 'CAST(length($1) AS INTEGER)',
  octet_length: 'CAST(strlen($1) AS INTEGER)',
  'octet_length(bytea)': 'CAST(octet_length($1) AS INTEGER)',
  bit_length: 'CAST(8 * strlen($1) AS INTEGER)',
  'bit_length(bytea)': 'CAST(8 * octet_length($1) AS INTEGER)',
  strpos: 'CAST(strpos($1, $2) AS INTEGER)',
  position: 'CAST(strpos($2, $1) AS INTEGER)',
  'ltrim/1': "ltrim($1, ' ')",
  'rtrim/1': "rtrim($1, ' ')",
  lpad: 'pg_lpad($*)',
  rpad: 'pg_rpad($*)',
  overlay: 'pg_overlay($*)',
  to_hex: 'pg_to_hex($1)',
  encode: 'pg_encode($*)',
  decode: 'pg_decode($*)',
  format: 'pg_format($*)',
  string_to_array: 'pg_string_to_array($*)',
  regexp_split_to_array: 'string_split_regex($1, $2)',
  text_collate_c: '$1',
  // Time
  extract: 'pg_extract_$#1($2)',
  date_part: 'CAST(pg_extract_$#1($2) AS DOUBLE)',
  'date_trunc(text,date)': 'date_trunc($1, CAST($2 AS TIMESTAMP))',
  'date_trunc/3': 'timezone($3, date_trunc($1, timezone($3, $2)))',
  '+(date,interval)': 'CAST($1 AS TIMESTAMP) + $2',
  '+(interval,date)': 'CAST($2 AS TIMESTAMP) + $1',
  '-(date,interval)': 'CAST($1 AS TIMESTAMP) - $2',
  '-(date,date)': "CAST(date_diff('day', $2, $1) AS INTEGER)",
  '-(time,time)': 'to_microseconds(epoch_us($1) - epoch_us($2))',
  ...Object.fromEntries(
    ['now', 'statement_timestamp', 'transaction_timestamp', 'current_timestamp'].map((name) => [name, 'now()']),
  ),
  clock_timestamp: 'now()',
  current_date: 'current_date()',
  localtimestamp: "timezone('UTC', now())",
  localtime: "CAST(timezone('UTC', now()) AS TIME)",
  current_time: 'CAST(now() AS TIMETZ)',
  ...perType('to_char', INSTANTS, 'pg_to_char_time(CAST($1 AS TIMESTAMP), $2)'),
  'to_char(interval)': 'pg_to_char_interval($1, $2)',
  'isfinite(interval)': 'CASE WHEN $1 IS NOT NULL THEN TRUE END',
  to_char: 'pg_to_char_number(CAST($1 AS VARCHAR), $2)',
  'to_timestamp/2': 'pg_to_timestamp($*)',
  ...Object.fromEntries(
    ['timestamp', 'timestamptz', 'time'].flatMap((kind) => [
      [`overlaps(${kind},interval,${kind},interval)`, 'pg_overlaps($1, $1 + $2, $3, $3 + $4)'],
      [`overlaps(${kind},interval,${kind},${kind})`, 'pg_overlaps($1, $1 + $2, $3, $4)'],
      [`overlaps(${kind},${kind},${kind},interval)`, 'pg_overlaps($1, $2, $3, $3 + $4)'],
    ]),
  ),
  overlaps: 'pg_overlaps($*)',
  make_interval:
    'pg_interval(12 * $1 + $2, 7 * $3 + $4, round_even($5 * 3600000000 + $6 * 60000000 + $7 * 1000000, 0))',
  // Arrays
  array: '[$*]',
  subscript: 'pg_subscript($*)',
  slice: 'pg_slice($*)',
  array_length: 'pg_array_length($*)',
  array_upper: 'pg_array_length($*)',
  array_lower: 'CASE WHEN $2 = 1 AND len($1) > 0 THEN 1 END',
  cardinality: 'CAST(len($1) AS INTEGER)',
  array_cat: 'pg_array_cat($*)',
  array_append: 'pg_array_cat($1, [$2])',
  array_prepend: 'pg_array_cat([$1], $2)',
  array_remove: 'pg_array_remove($*)',
  array_to_string: 'pg_array_to_string($*)',
  '||(array,array)': 'pg_array_cat($1, $2)',
  '||(array)': 'pg_array_cat($1, [$2])',
  '||:array': 'pg_array_cat([$1], $2)',
  '@>(array)': 'pg_array_contains($1, $2)',
  '<@(array)': 'pg_array_contains($2, $1)',
  '&&(array)': 'list_has_any($1, $2)',
  // JSON
  '->(jsonb)': 'CAST(pg_jsonb($1 -> $2) AS JSON)',
  '#>(jsonb)': 'CAST(pg_jsonb(pg_json_path($*)) AS JSON)',
  '#>': 'pg_json_path($*)',
  '#>>': 'pg_json_path_text($*)',
  '@>(jsonb)': 'json_contains($1, $2)',
  '<@(jsonb)': 'json_contains($2, $1)',
  '?': 'list_contains(json_keys($1), $2)',
  json_extract_path: 'pg_json_path($1, [$2*])',
  jsonb_extract_path: 'CAST(pg_jsonb(pg_json_path($1, [$2*])) AS JSON)',
  json_extract_path_text: 'pg_json_path_text($1, [$2*])',
  jsonb_extract_path_text: 'pg_json_path_text($1, [$2*])',
  json_build_object: 'json_object($*)',
  jsonb_build_object: 'CAST(pg_jsonb(json_object($*)) AS JSON)',
  json_build_array: 'json_array($*)',
  jsonb_build_array: 'CAST(pg_jsonb(json_array($*)) AS JSON)',
  to_jsonb: 'CAST(pg_jsonb(to_json($1)) AS JSON)',
  json_array_length: 'pg_json_array_length($1)',
  jsonb_array_length: 'pg_json_array_length($1)',
  json_typeof: 'pg_json_typeof($1)',
  jsonb_typeof: 'pg_json_typeof($1)',
};

const aggregates: Record<string, Template> = {
  ...perType('sum', ['smallint', 'integer'], 'CAST(sum($*)$tail AS BIGINT)'),
  'sum(bigint)': 'CAST(sum($*)$tail AS DECIMAL(38, 0))',
  'avg:numeric': 'pg_numeric_divide(sum($*)$tail, count($*)$tail)',
  every: 'bool_and($*)',
  json_agg: 'CAST(pg_jsonb(to_json(list($*)$tail)) AS JSON)',
  jsonb_agg: 'CAST(pg_jsonb(to_json(list($*)$tail)) AS JSON)',
  json_object_agg: 'json_group_object(CAST($1 AS VARCHAR), $2)',
  jsonb_object_agg: 'CAST(pg_jsonb(json_group_object(CAST($1 AS VARCHAR), $2)$tail) AS JSON)',
  'sum(interval)': "pg_interval(sum(pg_months($1))$tail, sum(date_part('day', $1))$tail, sum(pg_micros($1))$tail)",
  regr_count: 'CAST(regr_count($*)$tail AS BIGINT)',
  // DuckDB gives the default the decimals of the value.
  ...Object.fromEntries(
    ['lag', 'lead'].map((name) => [
      `${name}(numeric,integer,numeric)`,
      `${name}(CASE WHEN FALSE THEN $3 ELSE $1 END, $2, $3)`,
    ]),
  ),
  ntile: 'CAST(ntile($*)$tail AS INTEGER)',
};

export const duckdbDialect: Dialect = Object.freeze({
  name: 'duckdb',
  identifierQuotes: ['"', '"'],
  calls,
  aggregates,
  types: {
    double: 'DOUBLE',
    real: 'FLOAT',
    numeric: 'DECIMAL($p, $s)',
    text: 'VARCHAR',
    varchar: 'VARCHAR',
    char: 'VARCHAR',
    bytea: 'BLOB',
    json: 'JSON',
    jsonb: 'JSON',
    time: 'TIME',
    timetz: 'TIMETZ',
    timestamp: 'TIMESTAMP',
    timestamptz: 'TIMESTAMPTZ',
    unknown: 'VARCHAR',
  },
  literals: { bytea: 'unhex(substring($1, 3))' },
  nullOrdering: 'standard',
  booleanLiterals: 'keyword',
  limit: 'limit-offset',
  semiJoins: true,
  hashesComparisons: true,
  widenedSets: ['generate_series'],
  lacks: ['row-subqueries'],
} satisfies Dialect);

/** What runs in a .duckdb file or over files runs in the mediator's own engine: pushing it changes nothing. */
export const duckdbCapabilities: Capabilities = {
  language: 'sql',
  dialect: duckdbDialect,
  operations: EVERY_OPERATION,
  functions: { [EVERY_OTHER]: 'exact' },
  aggregates: { [EVERY_OTHER]: 'exact' },
  // char(n) loses its length in DuckDB, and jsonb is json.
  types: TYPE_KINDS.filter((kind) => kind !== 'char' && kind !== 'jsonb'),
  maxListLength: 100_000,
  inPlace: true,
  training: 'none',
};
