/**
 * Subqueries out of the ON of outer joins: one that reads columns of one side only is computed there, as a column. DuckDB
 * has no outer join on a subquery, and a column is what the other rules understand. A LEFT JOIN on one that reads both sides becomes
 * LATERAL.
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
  const [own, other] = [withColumns(join.left, toLeft), withColumns(join.right, toRight)];
  const lifted = { ...join, on: replaced, left: own, right: other };
  if (!hasSubquery(replaced) || join.type === 'full') return node(lifted);
  // What reads both sides is asked for each row of the side that is kept, by the other one in a LATERAL join.
  if (join.type === 'left') return node({ ...lifted, lateral: true });
  if (join.type !== 'right') return node(lifted);
  const columns = [...other.columns, ...own.columns];
  const turned = node({ ...lifted, type: 'left', left: other, right: own, lateral: true, columns });
  const expressions = join.columns.map(({ id, type }): Expression => ({ kind: 'column', id, type }));
  return node({ kind: 'project', input: turned, expressions, columns: join.columns });
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
