/** What the parts of the unparser share: the dialect, fresh aliases, names of columns, and when a SELECT must be wrapped. */
import type { Dialect } from '../../connectors/dialect.ts';
import type { Column, ColumnId, Expression } from '../../src/plan/expressions.ts';
import { isVolatile } from '../../src/plan/functions.ts';
import type { RelationalNode } from '../../src/plan/nodes.ts';
import { columnsOf, hasSubquery, partsOf, someExpression } from '../../src/plan/traverse.ts';
import { expressionText, type Naming, unknownColumn } from './expressions.ts';
import { identifier } from './literals.ts';
import { BINDING, type Piece, within } from './piece.ts';
import { fromItem, plainColumn, type Scope, type Select, type Stage, selectText, wrap } from './select.ts';

/** Columns of the queries around a correlated one. */
export type Outer = (id: ColumnId) => Piece | undefined;

export interface Writer {
  readonly dialect: Dialect;
  /** The node as a SELECT to which clauses may be added. */
  readonly select: (node: RelationalNode, outer: Outer) => Select;
  readonly naming: (scope: Scope, outer: Outer) => Naming;
  /** The SELECT as a derived table; `prefix` is `LATERAL ` or empty. */
  readonly wrapped: (select: Select, prefix?: string) => Select;
  /** The SELECT, wrapped unless nothing after `stage` is filled and the expressions may read its columns as text. */
  readonly upTo: (select: Select, stage: Stage, expressions?: readonly Expression[]) => Select;
  /** A FROM item whose columns are named by an alias list, so that they are bound by position. */
  readonly byPosition: (text: string, columns: readonly Column[]) => Select;
  readonly alias: () => string;
}

/** `build` turns a node into a SELECT by means of the writer. */
export function writer(
  dialect: Dialect,
  build: (node: RelationalNode, outer: Outer, writer: Writer) => Select,
): Writer {
  let aliases = 0;
  const alias = (): string => `t${++aliases}`;
  const self: Writer = {
    dialect,
    alias,
    select: (node, outer) => ({ ...build(node, outer, self), columns: node.columns }),
    naming: (scope, outer) => {
      const known: Outer = (id) => scope.get(id) ?? outer(id);
      const column = (id: ColumnId): Piece => {
        const piece = known(id);
        if (piece === undefined) throw unknownColumn(id);
        return piece;
      };
      return { dialect, column, subquery: (plan) => selectText(self.select(plan, known), dialect) };
    },
    wrapped: (select, prefix = '') => wrap(select, alias(), dialect, prefix),
    upTo: (select, stage, expressions = []) =>
      select.stage > stage || !mergeable(select.scope, expressions) ? self.wrapped(select) : select,
    byPosition: (text, columns) => {
      const name = alias();
      const entries = columns.map((column, i) => [column.id, plainColumn(name, `c${i + 1}`, dialect)] as const);
      const list = columns.map((_, i) => identifier(`c${i + 1}`, dialect)).join(', ');
      if (list !== '' && dialect.lacks?.includes('cte-columns')) {
        // The first part of a union names its columns, and gives no rows.
        const nulls = columns.map((_, i) => `NULL AS ${identifier(`c${i + 1}`, dialect)}`).join(', ');
        const named = `((SELECT ${nulls} LIMIT 0) UNION ALL ${text})`;
        return fromItem(`${named} AS ${name}`, new Map(entries), columns);
      }
      if (list !== '' && dialect.lacks?.includes('column-aliases')) {
        const cte = identifier(`${name}_rows`, dialect);
        const item = fromItem(`${cte} AS ${name}`, new Map(entries), columns);
        return { ...item, ctes: [`${cte}(${list}) AS ${text}`] };
      }
      return fromItem(`${text} AS ${name}${list === '' ? '' : `(${list})`}`, new Map(entries), columns);
    },
  };
  return self;
}

/** The parts of a conjunction as texts that may be joined by AND. */
export const conditionTexts = (parts: readonly Expression[], naming: Naming): readonly string[] =>
  parts.map((part) => within(expressionText(part, naming), BINDING.and + 1));

/** True for what must be computed once per row: volatile functions and subqueries. */
export const isOnce = (expression: Expression): boolean =>
  hasSubquery(expression) || someExpression(expression, (part) => part.kind === 'call' && isVolatile(part.name));

/** A computed column longer than this is not written twice. */
const LONG = 60;

/** May the expressions read the scope's computed columns as text, with nothing dear or volatile computed twice? */
export function mergeable(scope: Scope, expressions: readonly Expression[]): boolean {
  const uses = new Map<ColumnId, number>();
  const count = (expression: Expression): void => {
    // What a subquery takes from outside must be a column as it stands: an aggregate would change its level.
    if (expression.kind === 'subquery') for (const id of columnsOf(expression)) uses.set(id, Number.POSITIVE_INFINITY);
    else if (expression.kind === 'column') uses.set(expression.id, (uses.get(expression.id) ?? 0) + 1);
    else partsOf(expression).forEach(count);
  };
  expressions.forEach(count);
  for (const [id, times] of uses) {
    const entry = scope.get(id);
    if (entry === undefined || entry.plain) continue;
    if (entry.once === true || times === Number.POSITIVE_INFINITY) return false;
    if (entry.text.length > LONG && times > 1) return false;
  }
  return true;
}
