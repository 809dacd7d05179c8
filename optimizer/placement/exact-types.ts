/** Types of which equal values are the same value, in every engine and as text. */
import type { TypeKind } from '../../src/plan/types.ts';

export const EXACT_TYPES: ReadonlySet<TypeKind> = new Set([
  'smallint',
  'integer',
  'bigint',
  'text',
  'varchar',
  'date',
  'uuid',
]);
