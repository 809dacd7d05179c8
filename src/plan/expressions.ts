/**
 * Scalar expressions of the logical plan: frozen discriminated unions.
 *
 * Columns are named by id, never by text, so that no rule and no unparser can confuse two columns of one name.
 */
import type { RelationalNode } from './nodes.ts';
import type { SqlType } from './types.ts';

export type ColumnId = number;

/** One output column of a plan node. */
export interface Column {
  readonly id: ColumnId;
  readonly name: string;
  readonly type: SqlType;
}

/** A literal's value: text for everything that JavaScript has no exact type for (numeric, date, interval, uuid …). */
export type LiteralValue = string | number | bigint | boolean | null;

export interface ColumnReference {
  readonly kind: 'column';
  readonly id: ColumnId;
  readonly type: SqlType;
}

export interface Literal {
  readonly kind: 'literal';
  readonly value: LiteralValue;
  readonly type: SqlType;
}

/** `$1` has index 1. */
export interface Parameter {
  readonly kind: 'parameter';
  readonly index: number;
  readonly type: SqlType;
}

/** A function or operator by its canonical PostgreSQL name: `+`, `=`, `and`, `like`, `lower`, `is_null`, `in_list` … */
export interface Call {
  readonly kind: 'call';
  readonly name: string;
  readonly args: readonly Expression[];
  readonly type: SqlType;
}

export interface Cast {
  readonly kind: 'cast';
  readonly operand: Expression;
  readonly type: SqlType;
}

/** The searched CASE; a simple CASE is bound to it. */
export interface Case {
  readonly kind: 'case';
  readonly branches: readonly { readonly when: Expression; readonly then: Expression }[];
  readonly otherwise?: Expression;
  readonly type: SqlType;
}

/**
 * A subquery inside an expression. Column ids of the outer query used inside make it correlated.
 * `in`, `any` and `all` compare `operands` with the subquery's columns; `operator` is `=` for `in`.
 */
export interface Subquery {
  readonly kind: 'subquery';
  readonly form: 'scalar' | 'exists' | 'in' | 'any' | 'all' | 'array';
  readonly operands: readonly Expression[];
  readonly operator?: string;
  readonly plan: RelationalNode;
  readonly type: SqlType;
}

export type Expression = ColumnReference | Literal | Parameter | Call | Cast | Case | Subquery;

export interface SortKey {
  readonly expression: Expression;
  readonly descending: boolean;
  /** Always explicit in the plan: PostgreSQL's default is last for ASC and first for DESC. */
  readonly nullsFirst: boolean;
}

export interface AggregateCall {
  readonly name: string;
  readonly args: readonly Expression[];
  readonly distinct: boolean;
  readonly filter?: Expression;
  readonly orderBy: readonly SortKey[];
  /** `percentile_cont(…) WITHIN GROUP (ORDER BY …)`: the sort keys are the aggregated arguments. */
  readonly withinGroup?: boolean;
  readonly type: SqlType;
}

export type FrameBound =
  | { readonly kind: 'unbounded-preceding' | 'current-row' | 'unbounded-following' }
  | { readonly kind: 'preceding' | 'following'; readonly offset: Expression };

export interface WindowFrame {
  readonly unit: 'rows' | 'range' | 'groups';
  readonly start: FrameBound;
  readonly end: FrameBound;
  readonly exclude?: 'current-row' | 'group' | 'ties';
}

export interface WindowCall {
  readonly name: string;
  readonly args: readonly Expression[];
  readonly filter?: Expression;
  readonly partitionBy: readonly Expression[];
  readonly orderBy: readonly SortKey[];
  readonly frame?: WindowFrame;
  readonly type: SqlType;
}
