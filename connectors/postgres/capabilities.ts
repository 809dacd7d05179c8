/** PostgreSQL is the judge of the language, so nearly everything is exact; what is not is said by type. */
import { TYPE_KINDS } from '../../src/plan/types.ts';
import { type Capabilities, EVERY_OPERATION, EVERY_OTHER } from '../capabilities.ts';
import type { Dialect } from '../dialect.ts';

const postgresDialect: Dialect = {
  name: 'postgres',
  identifierQuotes: ['"', '"'],
  calls: {},
  types: {},
  literals: {},
  codePointOrder: '$1 COLLATE "C"',
  nullOrdering: 'standard',
  booleanLiterals: 'keyword',
  limit: 'limit-offset',
  parameters: true,
};

export const postgresCapabilities: Capabilities = {
  language: 'sql',
  dialect: postgresDialect,
  operations: EVERY_OPERATION,
  functions: { [EVERY_OTHER]: 'exact' },
  aggregates: { [EVERY_OTHER]: 'exact' },
  types: TYPE_KINDS,
  maxListLength: 5000,
  maxConnections: 8,
  splits: true,
  training: 'none',
};
