/**
 * Subqueries out of the ON of outer joins: one that reads columns of one side only is computed there, as a column. DuckDB
 * has no outer join on a subquery, and a column is what the other rules understand.
 */
import type { Column, Expression } from '../../src/plan/expressions.ts';
import { type Join, node, type RelationalNode } from '../../src/plan/nodes.ts';
import { columnsOf, hasSubquery, mapParts, transformPlan } from '../../src/plan/traverse.ts';
import { freshIds } from './fresh-ids.ts';

export function liftJoinSubqueries(plan: RelationalNode): RelationalNode {
  const nextId = freshIds(plan);
  return transformPlan(plan, (each) => {
    const outer = each.kind === 'join' && each.type !== 'inner' && each.type !== 'cross';
    return outer && each.on !== undefined && hasSubquery(each.on) ? lift(each, each.on, nextId) : each;
  });
}

interface Lifted {
  readonly column: Column;
  readonly expression: Expression;
}

function lift(join: Join, on: Expression, nextId: () => number): RelationalNode {
  const left = new Set(join.left.columns.map(({ id }) => id));
  const right = new Set(join.right.columns.map(({ id }) => id));
  const toLeft: Lifted[] = [];
  const toRight: Lifted[] = [];
  const replace = (part: Expression): Expression => {
    if (part.kind !== 'subquery') return hasSubquery(part) ? mapParts(part, replace) : part;
    const read = [...columnsOf(part)];
    const readsLeft = read.some((id) => left.has(id));
    // One that reads both sides has no side to stand on.
    if (readsLeft && read.some((id) => right.has(id))) return part;
    const column = { id: nextId(), name: 'subquery', type: part.type };
    (readsLeft ? toLeft : toRight).push({ column, expression: part });
    return { kind: 'column', id: column.id, type: column.type };
  };
  const replaced = replace(on);
  return node({ ...join, on: replaced, left: withColumns(join.left, toLeft), right: withColumns(join.right, toRight) });
}

function withColumns(input: RelationalNode, added: readonly Lifted[]): RelationalNode {
  if (added.length === 0) return input;
  const kept = input.columns.map(({ id, type }): Expression => ({ kind: 'column', id, type }));
  return node({
    kind: 'project',
    input,
    expressions: [...kept, ...added.map(({ expression }) => expression)],
    columns: [...input.columns, ...added.map(({ column }) => column)],
  });
}
