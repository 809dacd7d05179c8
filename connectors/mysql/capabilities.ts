/**
 * MySQL and MariaDB, in a session that speaks ANSI (connector.ts). Text is compared by collations that take a for á and
 * A, and 'a' for 'a ': equality gives too many rows and is checked again; order is asked for by bytes, which is by code
 * point in UTF-8.
 */
import { type Capabilities, each, words } from '../capabilities.ts';
import type { Dialect } from '../dialect.ts';

const dialect: Dialect = {
  name: 'mysql',
  identifierQuotes: ['"', '"'],
  calls: {
    like: "$1 LIKE $2 ESCAPE '\\'",
    'like/3': '$1 LIKE $2 ESCAPE $3',
    is_not_distinct_from: '$1 <=> $2',
    is_distinct_from: 'NOT ($1 <=> $2)',
    text_collate_c: 'CAST($1 AS BINARY)',
  },
  types: {
    ...each('boolean smallint integer bigint', 'SIGNED'),
    ...each('text varchar', 'CHAR'),
    double: 'DOUBLE',
    numeric: 'DECIMAL($p, $s)',
    bytea: 'BINARY',
    time: 'TIME(6)',
    timestamp: 'DATETIME(6)',
  },
  literals: { timestamp: 'CAST($1 AS DATETIME(6))' },
  codePointOrder: 'CAST($1 AS BINARY)',
  nullOrdering: 'emulate',
  booleanLiterals: 'keyword',
  limit: 'limit-offset',
  noLimit: '18446744073709551615',
  lacks: [
    ...words('full-join lateral intersect-all except-all grouping-sets filter-clause distinct-on'),
    ...words('computed-limits column-aliases nested-with cte-hints'),
  ],
};

const plain = each('boolean smallint integer bigint numeric double date time timestamp', 'exact');
const texts = each('text varchar unknown', 'exact');
const looseTexts = each('text varchar unknown', 'superset');

export const mysqlCapabilities: Capabilities = {
  language: 'sql',
  dialect,
  operations: each('filter project join aggregate sort limit distinct subquery', 'exact'),
  functions: {
    ...each('= in_list', { ...plain, ...looseTexts }),
    ...each('< <= > >=', { ...plain, ...texts }),
    ...each('<> is_distinct_from is_not_distinct_from', plain),
    ...each('+ - *', each('numeric double', 'exact')),
    ...each('and or not is_null is_not_null', 'exact'),
    like: looseTexts,
    text_collate_c: 'exact',
  },
  aggregates: {
    count: 'exact',
    ...each('min max', { ...plain, boolean: 'none', ...texts }),
    sum: each('smallint integer bigint numeric double', 'exact'),
  },
  types: words('boolean smallint integer bigint double numeric text varchar bytea date time timestamp'),
  maxListLength: 5000,
  maxConnections: 8,
};
