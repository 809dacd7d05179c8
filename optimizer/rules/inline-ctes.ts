/** A common table expression that is read once stands where it is read, so that predicates reach it; one never read goes.
 * NOT MATERIALIZED asks for it however often it is read, unless each reading might find other rows. */
import type { ColumnId, Expression } from '../../src/plan/expressions.ts';
import { type CteReference, node, type RelationalNode, type With } from '../../src/plan/nodes.ts';
import { expressionsOf, nodesOf, someExpression, transformPlan } from '../../src/plan/traverse.ts';
import { freshIds } from './fresh-ids.ts';
import { isVolatileCall } from './properties.ts';
import { renamed } from './renamed.ts';

export function inlineCtes(plan: RelationalNode): RelationalNode {
  const nextId = freshIds(plan);
  return transformPlan(plan, (each) => (each.kind === 'with' ? inlined(each, nextId) : each));
}

function inlined(plan: With, nextId: () => ColumnId): RelationalNode {
  const references = [...nodesOf(plan.body)].filter((each) => each.kind === 'cte-reference' && each.name === plan.name);
  if (plan.recursive || plan.materialized === true) return plan;
  const asked = plan.materialized === false && !changes(plan.definition);
  if (references.length > 1 && !asked) return plan;
  let first = true;
  return transformPlan(plan.body, (each) => {
    if (each.kind !== 'cte-reference' || each.name !== plan.name) return each;
    // No two columns of a plan have one id.
    const definition = first ? plan.definition : renamed(plan.definition, nextId);
    first = false;
    return standIn(each, definition);
  });
}

const changes = (plan: RelationalNode): boolean =>
  [...nodesOf(plan)].some((each) => expressionsOf(each).some((whole) => someExpression(whole, isVolatileCall)));

function standIn({ columns }: CteReference, input: RelationalNode): RelationalNode {
  const expressions = input.columns.map(({ id, type }): Expression => ({ kind: 'column', id, type }));
  return node({ kind: 'project', input, expressions, columns });
}
