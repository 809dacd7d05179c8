/**
 * Computing in the branches of a UNION ALL what may be computed there: select lists always, groups and DISTINCT when a
 * column tells the branches apart (as `silo` does in a federated table), because then no group spans two of them.
 */
import type { Column, ColumnId } from '../../src/plan/expressions.ts';
import { node, type RelationalNode } from '../../src/plan/nodes.ts';
import { mapExpressions, transformPlan } from '../../src/plan/traverse.ts';
import { freshIds } from './fresh-ids.ts';
import { isStable } from './properties.ts';
import { distinguishing, intoBranch, isUnionAll, type UnionAll, unionOf } from './union-branches.ts';

export function pushIntoUnions(plan: RelationalNode): RelationalNode {
  const nextId = freshIds(plan);
  return transformPlan(plan, (each) => {
    if (each.kind !== 'project' && each.kind !== 'aggregate' && each.kind !== 'distinct') return each;
    if (!isUnionAll(each.input) || each.input.inputs.length < 2 || !mayBePushed(each, each.input)) return each;
    return overBranches(each, each.input, nextId);
  });
}

function mayBePushed(plan: RelationalNode, union: UnionAll): boolean {
  if (plan.kind === 'project') return plan.expressions.every(isStable);
  const telling = distinguishing(union);
  if (plan.kind === 'distinct') return plan.on === undefined && plan.columns.some(({ id }) => telling.has(id));
  if (plan.kind !== 'aggregate' || plan.groupingSets !== undefined) return false;
  return plan.groups.some((group) => group.kind === 'column' && telling.has(group.id));
}

/** The node in every branch, under new column ids, and the union of them under the node's own. */
function overBranches(
  plan: Extract<RelationalNode, { input: RelationalNode }>,
  union: UnionAll,
  nextId: () => ColumnId,
): RelationalNode {
  const inputs = union.inputs.map((input, branch) => {
    const own = mapExpressions(plan, intoBranch(union, branch));
    // DISTINCT and its like put out their input's columns, the others make new ones.
    const columns =
      plan.kind === 'distinct' ? input.columns : plan.columns.map((column): Column => ({ ...column, id: nextId() }));
    return node({ ...own, input, columns } as RelationalNode);
  });
  return unionOf(union, inputs, plan.columns);
}
