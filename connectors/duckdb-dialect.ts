/** DuckDB as this process runs it: how it is spelled, and what of it is PostgreSQL's answer. */
import type { Capabilities } from './capabilities.ts';
import type { Dialect } from './dialect.ts';

export const duckdbDialect: Dialect = {
  name: 'duckdb',
  identifierQuotes: ['"', '"'],
  calls: {
    '/': 'pg_divide($1, $2)',
    '%': 'pg_modulo($1, $2)',
    mod: 'pg_modulo($1, $2)',
    '#': 'xor($1, $2)',
    '~': 'regexp_matches($1, $2)',
    '~*': "regexp_matches($1, $2, 'i')",
    '!~': 'NOT regexp_matches($1, $2)',
    '!~*': "NOT regexp_matches($1, $2, 'i')",
    like: "$1 LIKE $2 ESCAPE '\\'",
    ilike: "$1 ILIKE $2 ESCAPE '\\'",
    substring: 'pg_substring($*)',
    position: 'strpos($1, $2)',
    strpos: 'strpos($1, $2)',
    char_length: 'length($1)',
    octet_length: 'strlen($1)',
    ceil: 'ceil($1)',
    round: 'pg_round($*)',
    to_hex: 'lower(to_hex($1))',
    array: '[$*]',
  },
  aggregates: { every: 'bool_and($1)' },
  types: { bytea: 'BLOB', real: 'FLOAT', double: 'DOUBLE', jsonb: 'JSON', numeric: 'DECIMAL($p,$s)' },
  literals: {},
  nullOrdering: 'standard',
  booleanLiterals: 'keyword',
  limit: 'limit-offset',
};

const exact = (names: string): Record<string, 'exact'> =>
  Object.fromEntries(names.split(/\s+/).map((name) => [name, 'exact'] as const));

export const duckdbCapabilities: Capabilities = {
  language: 'sql',
  dialect: duckdbDialect,
  operations: {
    filter: 'exact',
    project: 'exact',
    join: 'exact',
    aggregate: 'exact',
    sort: 'exact',
    limit: 'exact',
    distinct: 'exact',
    'set-operation': 'exact',
    window: 'exact',
    subquery: 'exact',
    values: 'exact',
  },
  functions: exact(
    `+ - * / % mod negate plus = <> < <= > >= is_distinct_from is_not_distinct_from and or not is_null is_not_null
     is_true is_false is_not_true is_not_false in_list between like ilike ~ ~* !~ !~* || & | # << >>
     abs ceil floor sign sqrt exp ln power greatest least coalesce nullif
     length char_length octet_length lower upper substring left right btrim ltrim rtrim lpad rpad strpos position
     replace repeat reverse concat concat_ws split_part starts_with md5 to_hex
     date_trunc make_date extract`,
  ),
  aggregates: exact('count sum min max bool_and bool_or every string_agg array_agg'),
  types: [
    'boolean',
    'smallint',
    'integer',
    'bigint',
    'real',
    'double',
    'numeric',
    'text',
    'varchar',
    'bytea',
    'date',
    'time',
    'timetz',
    'timestamp',
    'timestamptz',
    'interval',
    'uuid',
    'json',
    'array',
  ],
  maxListLength: 100_000,
  training: 'none',
};
