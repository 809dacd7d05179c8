/** A common table expression that is read once stands where it is read, so that predicates reach it; one never read goes. */
import type { Expression } from '../../src/plan/expressions.ts';
import { node, type RelationalNode, type With } from '../../src/plan/nodes.ts';
import { nodesOf, transformPlan } from '../../src/plan/traverse.ts';

export const inlineCtes = (plan: RelationalNode): RelationalNode =>
  transformPlan(plan, (each) => (each.kind === 'with' ? inlined(each) : each));

function inlined(plan: With): RelationalNode {
  const references = [...nodesOf(plan.body)].filter((each) => each.kind === 'cte-reference' && each.name === plan.name);
  if (plan.recursive || plan.materialized === true || references.length > 1) return plan;
  const { definition } = plan;
  const expressions = definition.columns.map(({ id, type }): Expression => ({ kind: 'column', id, type }));
  return transformPlan(plan.body, (each) =>
    each.kind === 'cte-reference' && each.name === plan.name
      ? node({ kind: 'project', input: definition, expressions, columns: each.columns })
      : each,
  );
}
