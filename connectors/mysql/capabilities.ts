/**
 * MySQL and MariaDB, in a session that speaks ANSI (connector.ts). Text is compared by collations that take a for á and
 * A, and 'a' for 'a ': equality gives too many rows and is checked again; order is asked for by bytes, which is by code
 * point in UTF-8.
 */
import type { Capabilities, FunctionSupport } from '../capabilities.ts';
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
    boolean: 'SIGNED',
    smallint: 'SIGNED',
    integer: 'SIGNED',
    bigint: 'SIGNED',
    double: 'DOUBLE',
    numeric: 'DECIMAL($p, $s)',
    text: 'CHAR',
    varchar: 'CHAR',
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
    'full-join',
    'lateral',
    'intersect-all',
    'except-all',
    'grouping-sets',
    'filter-clause',
    'distinct-on',
    'computed-limits',
    'column-aliases',
    'nested-with',
    'cte-hints',
  ],
};

const plain = {
  boolean: 'exact',
  smallint: 'exact',
  integer: 'exact',
  bigint: 'exact',
  numeric: 'exact',
  double: 'exact',
  date: 'exact',
  time: 'exact',
  timestamp: 'exact',
} as const satisfies FunctionSupport;
const texts = { text: 'exact', varchar: 'exact', unknown: 'exact' } as const satisfies FunctionSupport;
const looseTexts = { text: 'superset', varchar: 'superset', unknown: 'superset' } as const satisfies FunctionSupport;

const entries = (names: string, support: FunctionSupport): Record<string, FunctionSupport> =>
  Object.fromEntries(names.split(' ').map((name) => [name, support]));

export const mysqlCapabilities: Capabilities = {
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
    subquery: 'exact',
  },
  functions: {
    ...entries('= in_list', { ...plain, ...looseTexts }),
    ...entries('< <= > >=', { ...plain, ...texts }),
    ...entries('<> is_distinct_from is_not_distinct_from', plain),
    ...entries('+ - *', { numeric: 'exact', double: 'exact' }),
    ...entries('and or not is_null is_not_null', 'exact'),
    like: looseTexts,
    text_collate_c: 'exact',
  },
  aggregates: {
    count: 'exact',
    ...entries('min max', { ...plain, boolean: 'none', ...texts }),
    sum: { smallint: 'exact', integer: 'exact', bigint: 'exact', numeric: 'exact', double: 'exact' },
  },
  types: [
    'boolean',
    'smallint',
    'integer',
    'bigint',
    'double',
    'numeric',
    'text',
    'varchar',
    'bytea',
    'date',
    'time',
    'timestamp',
  ],
  maxListLength: 5000,
  maxConnections: 8,
};
