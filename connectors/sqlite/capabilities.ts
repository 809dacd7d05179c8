/**
 * SQLite keeps whatever value is put into a column, computes in 64 bits and in floating point, and knows no dates: so it
 * is asked to compare, join, group and sort numbers and text, and nothing beyond.
 */
import type { Capabilities, FunctionSupport } from '../capabilities.ts';
import type { Dialect } from '../dialect.ts';

const dialect: Dialect = {
  name: 'sqlite',
  identifierQuotes: ['"', '"'],
  calls: {
    // PRAGMA case_sensitive_like is on (connector.ts); a backslash escapes in PostgreSQL.
    like: "$1 LIKE $2 ESCAPE '\\'",
    'like/3': '$1 LIKE $2 ESCAPE $3',
    is_distinct_from: '$1 IS NOT $2',
    is_not_distinct_from: '$1 IS $2',
    text_collate_c: '$1',
  },
  types: { bigint: 'INTEGER', integer: 'INTEGER', smallint: 'INTEGER', double: 'REAL', text: 'TEXT', varchar: 'TEXT' },
  literals: {},
  nullOrdering: 'standard',
  booleanLiterals: 'number',
  limit: 'limit-offset',
  noLimit: '-1',
  lacks: [
    'lateral',
    'intersect-all',
    'except-all',
    'grouping-sets',
    'distinct-on',
    'quantified-subqueries',
    'computed-limits',
    'column-aliases',
    'bracketed-set-operands',
  ],
};

/** Types that SQLite compares as PostgreSQL does; text by code point. */
const compared: FunctionSupport = {
  smallint: 'exact',
  integer: 'exact',
  bigint: 'exact',
  double: 'exact',
  text: 'exact',
  varchar: 'exact',
  unknown: 'exact',
};
const compare = (names: string): Record<string, FunctionSupport> =>
  Object.fromEntries(names.split(' ').map((name) => [name, compared]));

export const sqliteCapabilities: Capabilities = {
  language: 'sql',
  dialect,
  operations: {
    filter: 'exact',
    project: 'exact',
    join: 'exact',
    aggregate: 'exact',
    sort: 'exact',
    limit: 'exact',
    distinct: 'exact',
    'set-operation': 'exact',
    subquery: 'exact',
    values: 'exact',
  },
  functions: {
    ...compare('= <> < <= > >= is_distinct_from is_not_distinct_from in_list coalesce nullif'),
    and: 'exact',
    or: 'exact',
    not: 'exact',
    is_null: 'exact',
    is_not_null: 'exact',
    like: { text: 'exact', varchar: 'exact' },
    '||': { text: 'exact', varchar: 'exact' },
    length: { text: 'exact', varchar: 'exact' },
    text_collate_c: 'exact',
  },
  aggregates: {
    count: 'exact',
    min: compared,
    max: compared,
    sum: { smallint: 'exact', integer: 'exact', double: 'exact' },
  },
  types: ['smallint', 'integer', 'bigint', 'double', 'text', 'varchar', 'bytea'],
  maxListLength: 10_000,
};
