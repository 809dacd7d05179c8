/** A plan for the second time in one statement: the same rows in columns of their own. */
import type { ColumnId } from './expressions.ts';
import { node, type RelationalNode } from './nodes.ts';
import { mapExpression, mapExpressions, transformPlan } from './traverse.ts';

export interface Copied {
  readonly plan: RelationalNode;
  /** The copy's column of each column of the original. */
  readonly idOf: (id: ColumnId) => ColumnId;
}

export function withFreshColumns(plan: RelationalNode, nextId: () => ColumnId): Copied {
  const ids = new Map<ColumnId, ColumnId>();
  const idOf = (id: ColumnId): ColumnId => {
    const known = ids.get(id) ?? nextId();
    ids.set(id, known);
    return known;
  };
  const copied = transformPlan(plan, (each) => {
    const own = mapExpressions(each, (whole) =>
      mapExpression(whole, (part) => (part.kind === 'column' ? { ...part, id: idOf(part.id) } : part)),
    );
    return node({ ...own, columns: own.columns.map((column) => ({ ...column, id: idOf(column.id) })) });
  });
  return { plan: copied, idOf };
}
