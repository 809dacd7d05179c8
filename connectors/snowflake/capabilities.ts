/**
 * Snowflake compares text by code point, computes decimals exactly up to 38 digits, and folds names to upper case. What its
 * answer could differ in from PostgreSQL's stays at the mediator: integer overflow (its whole numbers have 38 digits),
 * division (six decimals), products beyond twelve decimals, FLATTEN, QUALIFY, semi-structured access — the last three are
 * there for native queries.
 */
import { type Capabilities, EVERY_OPERATION, each, words } from '../capabilities.ts';
import type { Dialect } from '../dialect.ts';
import { COMMON_AGGREGATES, commonFunctions, DISCRETE, TEXTS } from '../warehouse-capabilities.ts';

/** Fields that Snowflake's own functions give as PostgreSQL's extract does; WEEK_START is 0 in the session. */
const FIELDS: Readonly<Record<string, string>> = {
  year: 'YEAR',
  quarter: 'QUARTER',
  month: 'MONTH',
  day: 'DAY',
  hour: 'HOUR',
  minute: 'MINUTE',
  dow: 'DAYOFWEEK',
  isodow: 'DAYOFWEEKISO',
  doy: 'DAYOFYEAR',
  week: 'WEEKISO',
  isoyear: 'YEAROFWEEKISO',
};
const UNITS = ['year', 'quarter', 'month', 'week', 'day', 'hour', 'minute', 'second'];

export const snowflakeDialect: Dialect = Object.freeze({
  name: 'snowflake',
  identifierQuotes: ['"', '"'],
  foldsTo: 'upper',
  backslashEscapes: true,
  calls: {
    // A backslash escapes in PostgreSQL's patterns, nothing does in Snowflake's unless it is said.
    like: String.raw`$1 LIKE $2 ESCAPE '\\'`,
    'like/3': '$1 LIKE $2 ESCAPE $3',
    text_collate_c: '$1',
    greatest: 'GREATEST_IGNORE_NULLS($*)',
    least: 'LEAST_IGNORE_NULLS($*)',
    btrim: 'TRIM($*)',
    strpos: 'POSITION($2, $1)',
    char_length: 'LENGTH($1)',
    starts_with: 'STARTSWITH($1, $2)',
    // Before the first character there is nothing; a negative length divides by zero, as it is an error in PostgreSQL.
    'substring/2': 'SUBSTR($1, GREATEST($2, 1))',
    'substring/3':
      'SUBSTR($1, GREATEST($2, 1), CAST(GREATEST(0, $3 / IFF($3 < 0, 0, 1) + LEAST($2, 1) - 1) AS NUMBER(10, 0)))',
    ...Object.fromEntries(
      Object.entries(FIELDS).map(([field, name]) => [`extract('${field}')`, `CAST(${name}($2) AS NUMBER(38, 0))`]),
    ),
    ...Object.fromEntries(UNITS.map((unit) => [`date_trunc('${unit}')`, `DATE_TRUNC('${unit}', $2)`])),
  },
  aggregates: {
    bool_and: 'BOOLAND_AGG($1)',
    bool_or: 'BOOLOR_AGG($1)',
    every: 'BOOLAND_AGG($1)',
  },
  types: {
    smallint: 'NUMBER(5, 0)',
    integer: 'NUMBER(10, 0)',
    bigint: 'NUMBER(19, 0)',
    real: 'DOUBLE',
    double: 'DOUBLE',
    numeric: 'NUMBER($p, $s)',
    text: 'VARCHAR',
    varchar: 'VARCHAR($p)',
    bytea: 'BINARY',
    timestamp: 'TIMESTAMP_NTZ(6)',
    timestamptz: 'TIMESTAMP_LTZ',
    json: 'VARIANT',
    unknown: 'VARCHAR',
  },
  literals: {
    timestamp: 'CAST($1 AS TIMESTAMP_NTZ(6))',
    // The session's zone is UTC.
    timestamptz: 'CAST($utc AS TIMESTAMP_LTZ)',
    bytea: "TO_BINARY(SUBSTR($1, 3), 'HEX')",
  },
  nullOrdering: 'standard',
  booleanLiterals: 'keyword',
  limit: 'limit-offset',
  noLimit: 'NULL',
  lacks: ['lateral', 'intersect-all', 'except-all', 'filter-clause', 'distinct-on', 'cte-hints', 'special-frames'],
} satisfies Dialect);

const compared = { ...DISCRETE, double: 'exact' } as const;
const exactly = each('numeric double', 'exact');

export const snowflakeCapabilities: Capabilities = {
  language: 'sql',
  dialect: snowflakeDialect,
  operations: EVERY_OPERATION,
  functions: {
    ...commonFunctions(Object.keys(FIELDS), UNITS),
    ...each('= <> < <= > >= is_distinct_from is_not_distinct_from in_list coalesce nullif greatest least', compared),
    ...each('is_true is_false is_not_true is_not_false', 'none'),
    ...each('+ - * negate abs', exactly),
    '%': { numeric: 'exact' },
    '/': { double: 'exact' },
    like: TEXTS,
  },
  productScale: 12,
  aggregates: {
    ...COMMON_AGGREGATES,
    ...each('min max', { ...compared, boolean: 'none', bytea: 'none' }),
    ...each('lag lead', compared),
  },
  types: words(
    'boolean smallint integer bigint numeric double text varchar bytea date time timestamp timestamptz json',
  ),
  // The service takes 16,384 expressions in one list.
  maxListLength: 10_000,
  // Statements of one session run side by side; a warehouse queues beyond eight (MAX_CONCURRENCY_LEVEL).
  maxConnections: 8,
  bills: true,
  training: 'engine',
};
