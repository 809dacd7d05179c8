/** Ids for columns that a rule makes. */
import type { ColumnId } from '../../src/plan/expressions.ts';
import type { RelationalNode } from '../../src/plan/nodes.ts';
import { nodesOf } from '../../src/plan/traverse.ts';

/** Ids that no column of the plan has. */
export function freshIds(plan: RelationalNode): () => ColumnId {
  let last = 0;
  for (const each of nodesOf(plan)) for (const { id } of each.columns) last = Math.max(last, id);
  return () => ++last;
}
