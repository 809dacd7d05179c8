/** A copy of a subtree under column ids of its own, for a plan that holds it twice. */
import type { Column, ColumnId } from '../../src/plan/expressions.ts';
import { node, type RelationalNode } from '../../src/plan/nodes.ts';
import { mapExpressions, nodesOf, substitute, transformPlan } from '../../src/plan/traverse.ts';
import { referenceTo } from './union-branches.ts';

/** Columns that the subtree reads from around it keep their ids. */
export function renamed(plan: RelationalNode, nextId: () => ColumnId): RelationalNode {
  const copies = new Map<ColumnId, Column>();
  for (const { columns } of nodesOf(plan)) {
    for (const column of columns) if (!copies.has(column.id)) copies.set(column.id, { ...column, id: nextId() });
  }
  return transformPlan(plan, (each) => {
    const columns = each.columns.map((column) => ({ ...column, id: copies.get(column.id)?.id ?? column.id }));
    const own = mapExpressions(each, (expression) =>
      substitute(expression, (id) => {
        const copy = copies.get(id);
        return copy === undefined ? undefined : referenceTo(copy);
      }),
    );
    return node({ ...own, columns });
  });
}
