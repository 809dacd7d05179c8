/**
 * BigQuery compares text by code point and computes with 64-bit integers and exact decimals. What its answer could differ in
 * from PostgreSQL's is spelled so that it does not (the order and equality of NaN, TRIM, SUBSTR, sums of bigint), or stays at the
 * mediator: division of decimals and averages (nine decimals), GREATEST (NULL), LIKE … ESCAPE, case mapping, regular expressions,
 * time zones, JSON.
 */
import { type Capabilities, EVERY_OPERATION, each, words } from '../capabilities.ts';
import type { Dialect } from '../dialect.ts';
import { COMMON_AGGREGATES, commonFunctions, DISCRETE } from '../warehouse-capabilities.ts';

/** Fields that BigQuery's EXTRACT gives as PostgreSQL's does. */
const FIELDS: Readonly<Record<string, string>> = {
  year: 'EXTRACT(YEAR FROM $2)',
  quarter: 'EXTRACT(QUARTER FROM $2)',
  month: 'EXTRACT(MONTH FROM $2)',
  day: 'EXTRACT(DAY FROM $2)',
  hour: 'EXTRACT(HOUR FROM $2)',
  minute: 'EXTRACT(MINUTE FROM $2)',
  // BigQuery's days of the week begin with Sunday, which is 1.
  dow: 'EXTRACT(DAYOFWEEK FROM $2) - 1',
  isodow: 'MOD(EXTRACT(DAYOFWEEK FROM $2) + 5, 7) + 1',
  doy: 'EXTRACT(DAYOFYEAR FROM $2)',
  week: 'EXTRACT(ISOWEEK FROM $2)',
  isoyear: 'EXTRACT(ISOYEAR FROM $2)',
};

/** PostgreSQL's weeks begin with Monday, and so do ISO's. */
const UNITS: Readonly<Record<string, string>> = {
  ...Object.fromEntries(['year', 'quarter', 'month', 'day', 'hour', 'minute', 'second'].map((unit) => [unit, unit])),
  week: 'isoweek',
};

/** NaN equals itself and is greater than everything in PostgreSQL; here it equals nothing. NULL stays NULL. */
const WITH_NAN: Readonly<Record<string, string>> = {
  '=': '($1 = $2 OR (IS_NAN($1) AND IS_NAN($2)))',
  '<>': '($1 <> $2 AND NOT (IS_NAN($1) AND IS_NAN($2)))',
  '<': '($1 < $2 OR (IS_NAN($2) AND NOT IS_NAN($1)))',
  '<=': '($1 <= $2 OR (IS_NAN($2) AND $1 IS NOT NULL))',
  '>': '($1 > $2 OR (IS_NAN($1) AND NOT IS_NAN($2)))',
  '>=': '($1 >= $2 OR (IS_NAN($1) AND $2 IS NOT NULL))',
};

export const bigqueryDialect: Dialect = Object.freeze({
  name: 'bigquery',
  identifierQuotes: ['`', '`'],
  backslashEscapes: 'only',
  calls: {
    ...Object.fromEntries(Object.entries(WITH_NAN).map(([operator, text]) => [`${operator}(double)`, text])),
    // A product of NUMERICs is rounded to nine decimals.
    '*:numeric': 'CAST($1 AS BIGNUMERIC) * $2',
    '/:bigint': 'DIV($1, $2)',
    '%': 'MOD($1, $2)',
    text_collate_c: '$1',
    char_length: 'CHAR_LENGTH($1)',
    // Blanks alone, where TRIM takes all white space.
    'btrim/1': "TRIM($1, ' ')",
    'ltrim/1': "LTRIM($1, ' ')",
    'rtrim/1': "RTRIM($1, ' ')",
    btrim: 'TRIM($*)',
    strpos: "IF($2 = '', SIGN(LENGTH($1) + 1), STRPOS($1, $2))",
    // Before the first character there is nothing; a negative place counts from the end here.
    'substring/2': 'SUBSTR($1, GREATEST($2, 1))',
    'substring/3':
      "SUBSTR($1, GREATEST($2, 1), GREATEST(0, IF($3 < 0, ERROR('negative substring length not allowed'), $3) + LEAST($2, 1) - 1))",
    ...Object.fromEntries(
      Object.entries(FIELDS).map(([field, text]) => [`extract('${field}')`, `CAST(${text} AS NUMERIC)`]),
    ),
    ...Object.fromEntries(
      Object.entries(UNITS).map(([unit, word]) => [
        `date_trunc('${unit}')`,
        `DATETIME_TRUNC($2, ${word.toUpperCase()})`,
      ]),
    ),
  },
  aggregates: {
    bool_and: 'LOGICAL_AND($1)',
    bool_or: 'LOGICAL_OR($1)',
    every: 'LOGICAL_AND($1)',
    // A sum of bigint may be greater than any; the zero makes numbers of them, also behind DISTINCT.
    'sum(bigint)': "SUM($1 + NUMERIC '0')",
    // MIN is NaN where there is one.
    'min(double)': 'COALESCE(MIN(IF(IS_NAN($1), NULL, $1))$tail, MIN($1)$tail)',
  },
  types: {
    boolean: 'BOOL',
    smallint: 'INT64',
    integer: 'INT64',
    bigint: 'INT64',
    real: 'FLOAT64',
    double: 'FLOAT64',
    // With its scale where it has one, BIGNUMERIC holds every numeric(38, s).
    numeric: 'BIGNUMERIC($p, $s)',
    text: 'STRING',
    varchar: 'STRING($p)',
    bytea: 'BYTES',
    timestamp: 'DATETIME',
    timestamptz: 'TIMESTAMP',
    json: 'JSON',
    unknown: 'STRING',
  },
  literals: {
    // 0.1 is a double here.
    numeric: 'BIGNUMERIC $1',
    timestamp: 'DATETIME $1',
    timestamptz: "TIMESTAMP($utc, 'UTC')",
    bytea: 'FROM_HEX(SUBSTR($1, 3))',
  },
  sortKeys: { double: 'IS_NAN($1)' },
  nullOrdering: 'standard',
  booleanLiterals: 'keyword',
  limit: 'limit-offset',
  noLimit: '9223372036854775807',
  distinctSets: true,
  plainNames: true,
  lacks: [
    ...([
      'lateral',
      'intersect-all',
      'except-all',
      'filter-clause',
      'distinct-on',
      'cte-hints',
      'special-frames',
    ] as const),
    ...(['quantified-subqueries', 'computed-limits', 'column-aliases', 'cte-columns', 'unequal-joins'] as const),
    'correlated-subqueries',
  ],
} satisfies Dialect);

/** Doubles too, where their operators are spelled for NaN. */
const compared = { ...DISCRETE, double: 'exact' } as const;
/** Integers are 64 bits wide here: the overflow of narrower ones would pass. */
const exactly = each('bigint numeric double', 'exact');

/** A moment and what has no time zone are compared by the session's zone; here they are not at all. */
const ZONED = ['date', 'timestamp'].flatMap((kind) => [`${kind},timestamptz`, `timestamptz,${kind}`]);
const COMPARED = ['=', '<>', '<', '<=', '>', '>=', 'is_distinct_from', 'is_not_distinct_from'];

const TEXT_KINDS = ['text', 'varchar', 'unknown'];

export const bigqueryCapabilities: Capabilities = {
  language: 'sql',
  dialect: bigqueryDialect,
  operations: { ...EVERY_OPERATION, values: 'none' },
  functions: {
    ...commonFunctions(Object.keys(FIELDS), Object.keys(UNITS)),
    ...each('= <> < <= > >= coalesce', compared),
    ...each('is_distinct_from is_not_distinct_from in_list nullif', DISCRETE),
    ...Object.fromEntries(COMPARED.flatMap((name) => ZONED.map((kinds) => [`${name}(${kinds})`, 'none'] as const))),
    ...each('is_true is_false is_not_true is_not_false', 'exact'),
    ...each('+ - * negate abs', exactly),
    '*(double,interval)': 'none',
    '%': each('bigint numeric', 'exact'),
    '/': each('bigint double', 'exact'),
    // No ESCAPE.
    ...Object.fromEntries(TEXT_KINDS.flatMap((a) => TEXT_KINDS.map((b) => [`like(${a},${b})`, 'exact'] as const))),
  },
  // The decimals of a BIGNUMERIC.
  productScale: 38,
  aggregates: {
    ...COMMON_AGGREGATES,
    ...each('min max', { ...compared, bytea: 'none', boolean: 'none' }),
    ...each('lag lead', compared),
  },
  types: words(
    'boolean smallint integer bigint numeric double text varchar bytea date time timestamp timestamptz interval json',
  ),
  // A statement may have a megabyte of text.
  maxListLength: 10_000,
  maxConnections: 8,
  bills: true,
  training: 'engine',
};
