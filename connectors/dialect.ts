/** A dialect is a table of spelling. The one unparser (optimizer/unparse) reads it; there are no subclasses. */
import type { TypeKind } from '../src/plan/types.ts';

/**
 * How a call is spelled: `$1`, `$2` … stand for the unparsed arguments, `$*` for all of them with commas, `$2*` for those
 * from the second on, `$#1` for a text literal without its quotes (the field of `extract`).
 */
export type Template = string;

export interface Dialect {
  readonly name: string;
  /** Opening and closing quote of identifiers; the closing one is doubled inside. */
  readonly identifierQuotes: readonly [string, string];
  /**
   * Engines that fold unquoted names to upper case: ORDERS there is orders here, and the other way round; names in mixed
   * case stay as they are (quoting.ts).
   */
  readonly foldsTo?: 'upper';
  /**
   * True where a backslash in a string literal is an escape and must be doubled; `only` where a doubled quote is none, and a
   * line does not end inside a literal.
   */
  readonly backslashEscapes?: true | 'only';
  /**
   * Calls spelled otherwise than PostgreSQL does, by canonical name. Where the spelling depends on types, a more special
   * key wins: `name('literal')` by the first argument, `name(kind,kind)` of all arguments, `name(kind):kind` of the first and the result, `name(kind)`,
   * `name:kind` of the result, `name/2` by count. Casts go by the name `cast`: `cast(double):integer`.
   */
  readonly calls: Readonly<Record<string, Template>>;
  /**
   * Aggregates and window functions spelled otherwise, keyed likewise. `$tail` stands for FILTER and OVER, so that
   * `CAST(sum($1)$tail AS BIGINT)` wraps the whole call; without it they follow the template.
   */
  readonly aggregates?: Readonly<Record<string, Template>>;
  /** Type names for casts that differ from PostgreSQL's. `$p`, `$s` stand for precision and scale. */
  readonly types: Readonly<Partial<Record<TypeKind, string>>>;
  /** Typed literals that differ, `$1` the quoted text, `$utc` a timestamptz in UTC without its zone: `DATE $1`, `CAST($1 AS DATETIME(6))`. */
  readonly literals: Readonly<Partial<Record<TypeKind, Template>>>;
  /**
   * How text is compared by code point where the engine's own order may be another one: `$1 COLLATE "C"`. Used for
   * ranges, ORDER BY, min and max; absent where the engine's order is by code point anyway.
   */
  readonly codePointOrder?: Template;
  /** `standard`: NULLS FIRST/LAST may be written. `emulate`: an extra sort key `x IS NULL` is put before. */
  readonly nullOrdering: 'standard' | 'emulate';
  /** A key that is put before a key of ORDER BY of this type, where the engine's own order is another one: `IS_NAN($1)`. */
  readonly sortKeys?: Readonly<Partial<Record<TypeKind, Template>>>;
  readonly booleanLiterals: 'keyword' | 'number';
  readonly limit: 'limit-offset' | 'offset-fetch';
  /** Set-returning functions that give bigint whatever whole numbers they are called with. */
  readonly widenedSets?: readonly string[];
  /** True where `a SEMI JOIN b ON …` and `a ANTI JOIN b ON …` may be written. */
  readonly semiJoins?: true;
  /**
   * True where the engine compares all sides of an inner join's comparisons as part of its hash key, for every row of both sides.
   * Those that are no equality are then hidden from it: a few pairs are left to be compared once the equal ones are found.
   */
  readonly hashesComparisons?: true;
  /** True where a statement may hold `$1`, `$2` …, whose values stand beside it (`SqlFragment.parameters`). */
  readonly parameters?: true;
  /** What LIMIT says where there is only an OFFSET, in engines that take none without it. */
  readonly noLimit?: string;
  /** True where UNION, INTERSECT and EXCEPT without ALL must say DISTINCT. */
  readonly distinctSets?: true;
  /** True where columns that a SELECT names may only have ASCII letters, digits and underscores in their names. */
  readonly plainNames?: true;
  readonly lacks?: readonly Lack[];
}

/** What a dialect may have no words for. What can be said in another way is; the rest stays at the mediator. */
export type Lack =
  | 'full-join'
  | 'lateral'
  | 'intersect-all'
  | 'except-all'
  | 'grouping-sets'
  | 'filter-clause'
  | 'distinct-on'
  /** `x < ANY (SELECT …)`, `x = ALL (SELECT …)` */
  | 'quantified-subqueries'
  /** `(a, b) IN (SELECT …)` with PostgreSQL's NULLs, or correlated; said by EXISTS. */
  | 'row-subqueries'
  /** Anything but a number as LIMIT or OFFSET. */
  | 'computed-limits'
  /** Said by a WITH that names the columns: `(SELECT …) AS t(a, b)`. */
  | 'column-aliases'
  /** `WITH t(a, b) AS …`, then said by the names of its SELECT. */
  | 'cte-columns'
  /** Outer, semi and anti joins without an equality of columns of the two sides. */
  | 'unequal-joins'
  /** Subqueries that read columns of the query around them; semi and anti joins are said by EXISTS all the same. */
  | 'correlated-subqueries'
  /** A WITH that stands in a subquery and reads another one's. */
  | 'nested-with'
  /** [NOT] MATERIALIZED, which is then left out. */
  | 'cte-hints'
  /** Window frames other than ROWS, and EXCLUDE. */
  | 'special-frames'
  /** Said by a derived table: `(SELECT …) UNION (SELECT …)`. */
  | 'bracketed-set-operands';
