/**
 * SQLite keeps whatever value is put into a column, computes in 64 bits and in floating point, and knows no dates: so it
 * is asked to compare, join, group and sort numbers and text, and nothing beyond.
 */
import { type Capabilities, each, words } from '../capabilities.ts';
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
  types: { ...each('smallint integer bigint', 'INTEGER'), ...each('text varchar', 'TEXT'), double: 'REAL' },
  literals: {},
  nullOrdering: 'standard',
  booleanLiterals: 'number',
  limit: 'limit-offset',
  noLimit: '-1',
  lacks: [
    ...words('lateral intersect-all except-all grouping-sets distinct-on quantified-subqueries'),
    ...words('computed-limits column-aliases bracketed-set-operands'),
  ],
};

const texts = each('text varchar', 'exact');
/** Types that SQLite compares as PostgreSQL does; text by code point. */
const compared = { ...each('smallint integer bigint double unknown', 'exact'), ...texts };

export const sqliteCapabilities: Capabilities = {
  language: 'sql',
  dialect,
  operations: each('filter project join aggregate sort limit distinct set-operation subquery values', 'exact'),
  functions: {
    ...each('= <> < <= > >= is_distinct_from is_not_distinct_from in_list coalesce nullif', compared),
    ...each('and or not is_null is_not_null text_collate_c', 'exact'),
    ...each('like || length', texts),
  },
  aggregates: {
    count: 'exact',
    ...each('min max', compared),
    sum: each('smallint integer double', 'exact'),
  },
  types: words('smallint integer bigint double text varchar bytea'),
  maxListLength: 10_000,
};
