/**
 * DuckDB's spelling of PostgreSQL's meaning, for what runs at the mediator.
 *
 * The mediator's connection sets `integer_division`, `default_null_order='postgres'` and the time zone, and registers the
 * macros named `pg_…` below (operators/mediator/postgres-functions.ts). Everything else that DuckDB 1.5 answers otherwise
 * than PostgreSQL is rewritten here.
 */
import type { Dialect, Template } from '../../connectors/dialect.ts';

const INTEGERS = ['smallint', 'integer', 'bigint'] as const;

/** Division and remainder fail on zero as in PostgreSQL; DuckDB would answer NULL or infinity. */
const checked = (operation: string): Template =>
  `CASE WHEN $2 = 0 THEN error('division by zero') ELSE ${operation} END`;

const perType = (
  name: string,
  kinds: readonly string[],
  template: Template | ((kind: string) => Template),
): Record<string, Template> =>
  Object.fromEntries(
    kinds.map((kind) => [`${name}(${kind})`, typeof template === 'string' ? template : template(kind)]),
  );

/** Decimals that hold every value of an integer type: DuckDB's own numeric has three decimals. */
const INTEGER_DIGITS = { smallint: 5, integer: 10, bigint: 19 } as const;

const calls: Record<string, Template> = {
  // Numbers
  '/:integer': checked('$1 // $2'),
  '/:smallint': checked('CAST($1 // $2 AS SMALLINT)'),
  '/:bigint': checked('$1 // $2'),
  '/:numeric': 'pg_numeric_divide($1, $2)',
  '/:double': checked('$1 / $2'),
  '/:real': checked('$1 / $2'),
  ...perType('%', [...INTEGERS, 'numeric'], checked('$1 % $2')),
  ...perType('mod', [...INTEGERS, 'numeric'], checked('$1 % $2')),
  'round(double)': 'round_even($1, 0)',
  'round(real)': 'round_even($1, 0)',
  '#': 'xor($1, $2)',
  '^': 'pow($1, $2)',
  ...Object.fromEntries(
    INTEGERS.map((kind) => [`cast(${kind}):numeric`, `CAST($1 AS DECIMAL(${INTEGER_DIGITS[kind]}, 0))`]),
  ),
  'cast(numeric):numeric': '$1',
  // Text
  like: "$1 LIKE $2 ESCAPE '\\'",
  'like/3': '$1 LIKE $2 ESCAPE $3',
  ilike: "$1 ILIKE $2 ESCAPE '\\'",
  'ilike/3': '$1 ILIKE $2 ESCAPE $3',
  similar_to: 'regexp_full_match($1, pg_similar_pattern($2))',
  '~': 'regexp_matches($1, $2)',
  '~*': "regexp_matches($1, $2, 'i')",
  '!~': 'NOT regexp_matches($1, $2)',
  '!~*': "NOT regexp_matches($1, $2, 'i')",
  'substring(text,integer)': 'pg_substring($1, $2)',
  'substring(text,integer,integer)': 'pg_substring($1, $2, $3)',
  'substring(varchar,integer)': 'pg_substring($1, $2)',
  'substring(varchar,integer,integer)': 'pg_substring($1, $2, $3)',
  'substring(text,text)': 'pg_substring_regex($1, $2)',
  octet_length: 'strlen($1)',
  bit_length: '8 * strlen($1)',
  to_hex: 'lower(to_hex($1))',
  format: 'pg_format($*)',
  text_collate_c: '$1',
  // Time
  extract: 'pg_extract($1, $2)',
  date_part: 'CAST(pg_extract($1, $2) AS DOUBLE)',
  'date_trunc(text,date)': 'date_trunc($1, CAST($2 AS TIMESTAMP))',
  '+(date,interval)': 'CAST($1 AS TIMESTAMP) + $2',
  '-(date,interval)': 'CAST($1 AS TIMESTAMP) - $2',
  '-(date,date)': "CAST(date_diff('day', $2, $1) AS INTEGER)",
  ...Object.fromEntries(
    ['now', 'statement_timestamp', 'transaction_timestamp', 'current_timestamp'].map((name) => [name, 'now()']),
  ),
};

const aggregates: Record<string, Template> = {
  ...perType('sum', ['smallint', 'integer'], 'CAST(sum($*)$tail AS BIGINT)'),
  'sum(bigint)': 'CAST(sum($*)$tail AS DECIMAL(38, 0))',
  'avg:numeric': 'pg_numeric_divide(sum($*)$tail, count($*)$tail)',
  bool_and: 'bool_and($*)',
  every: 'bool_and($*)',
};

export const mediatorDialect: Dialect = Object.freeze({
  name: 'mediator',
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
} satisfies Dialect);
