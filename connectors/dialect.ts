/** A dialect is a table of spelling. The one unparser (optimizer/unparse) reads it; there are no subclasses. */
import type { TypeKind } from '../src/plan/types.ts';

/** How a call is spelled: `$1`, `$2` … stand for the unparsed arguments, `$*` for all of them with commas. */
export type Template = string;

export interface Dialect {
  readonly name: string;
  /** Opening and closing quote of identifiers; the closing one is doubled inside. */
  readonly identifierQuotes: readonly [string, string];
  /** True where a backslash in a string literal is an escape and must be doubled. */
  readonly backslashEscapes?: boolean;
  /** Calls spelled otherwise than PostgreSQL does. */
  readonly calls: Readonly<Record<string, Template>>;
  /** Aggregates spelled otherwise. */
  readonly aggregates?: Readonly<Record<string, Template>>;
  /** Type names for casts that differ from PostgreSQL's. `$p`, `$s` stand for precision and scale. */
  readonly types: Readonly<Partial<Record<TypeKind, string>>>;
  /** Typed literals that differ, `$1` the quoted text: `DATE $1`, `CAST($1 AS DATETIME(6))`. */
  readonly literals: Readonly<Partial<Record<TypeKind, Template>>>;
  /** `standard`: NULLS FIRST/LAST may be written. `emulate`: an extra sort key `x IS NULL` is put before. */
  readonly nullOrdering: 'standard' | 'emulate';
  readonly booleanLiterals: 'keyword' | 'number';
  readonly limit: 'limit-offset' | 'offset-fetch';
  /** Set operations and joins it lacks. */
  readonly lacks?: readonly (
    | 'full-join'
    | 'lateral'
    | 'intersect-all'
    | 'except-all'
    | 'grouping-sets'
    | 'filter-clause'
    | 'distinct-on'
  )[];
}
