/**
 * Columns of tables with a row filter arrive as `CASE WHEN filter THEN column END` (src/sql/select/relation.ts). Predicates
 * that cannot fail tell nothing of rows that the filter drops anyway: beside the filter they may read the column itself,
 * which silos can look up in an index.
 */
import type { Expression } from '../../src/plan/expressions.ts';
import { node, type RelationalNode } from '../../src/plan/nodes.ts';
import { conjunction, conjuncts, mapExpression, sameExpression, transformPlan } from '../../src/plan/traverse.ts';

export const releaseGuards = (plan: RelationalNode): RelationalNode =>
  transformPlan(plan, (each) => {
    if (each.kind !== 'filter') return each;
    const parts = conjuncts(each.predicate);
    const released = parts.map((part) => release(part, parts));
    return released.every((part, i) => part === parts[i]) ? each : node({ ...each, predicate: conjunction(released)! });
  });

function release(part: Expression, among: readonly Expression[]): Expression {
  const bare = mapExpression(part, (inner) => {
    const [branch, ...others] = inner.kind === 'case' ? inner.branches : [];
    if (branch === undefined || others.length > 0 || (inner.kind === 'case' && inner.otherwise !== undefined))
      return inner;
    const given = conjuncts(branch.when).every((condition) =>
      among.some((other) => other !== part && sameExpression(other, condition)),
    );
    return given && branch.then.kind === 'column' ? branch.then : inner;
  });
  return cannotFail(bare) ? bare : part;
}

const TOTAL: ReadonlySet<string> = new Set([
  '=',
  '<>',
  '<',
  '<=',
  '>',
  '>=',
  'and',
  'or',
  'not',
  'is_null',
  'is_not_null',
  'in_list',
]);

/** Comparisons of columns and constants, and what combines them. */
function cannotFail(expression: Expression): boolean {
  if (expression.kind === 'call') return TOTAL.has(expression.name) && expression.args.every(cannotFail);
  return expression.kind === 'column' || expression.kind === 'literal' || expression.kind === 'parameter';
}
