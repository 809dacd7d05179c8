/** What rules need to know of an expression: is it the same each time, and can it hold for NULL? */
import type { ColumnId, Expression } from '../../src/plan/expressions.ts';
import { isVolatile } from '../../src/plan/functions.ts';
import type { RelationalNode } from '../../src/plan/nodes.ts';
import { conjuncts, hasSubquery, someExpression } from '../../src/plan/traverse.ts';

/** May be moved and copied: neither volatile nor with a subquery inside. */
export const isStable = (expression: Expression): boolean =>
  !hasSubquery(expression) && !someExpression(expression, isVolatileCall);

/** A call that may answer otherwise the next time. */
export const isVolatileCall = (part: Expression): boolean => part.kind === 'call' && isVolatile(part.name);

const COMPARISONS: ReadonlySet<string> = new Set([
  '=',
  '<>',
  '<',
  '<=',
  '>',
  '>=',
  'like',
  'ilike',
  '~',
  '~*',
  '!~',
  '!~*',
]);

/** Aggregates that are 0, not NULL, over no rows. */
export const COUNTS: ReadonlySet<string> = new Set(['count', 'regr_count']);

const STRICT: ReadonlySet<string> = new Set([
  '+',
  '-',
  '*',
  '/',
  '%',
  'negate',
  '||',
  'lower',
  'upper',
  'substring',
  'abs',
]);

/** NULL in all of the columns makes the expression NULL. */
function isStrict(expression: Expression, columns: ReadonlySet<ColumnId>): boolean {
  if (expression.kind === 'column') return columns.has(expression.id);
  if (expression.kind === 'cast') return isStrict(expression.operand, columns);
  const strict = expression.kind === 'call' && STRICT.has(expression.name);
  return strict && expression.args.some((part) => isStrict(part, columns));
}

/** True when the predicate cannot hold for a row in which all of the columns are NULL. */
export function isNullRejecting(predicate: Expression, columns: ReadonlySet<ColumnId>): boolean {
  if (predicate.kind !== 'call') return false;
  const { name, args } = predicate;
  if (name === 'and') return args.some((part) => isNullRejecting(part, columns));
  if (name === 'or') return args.every((part) => isNullRejecting(part, columns));
  // NOT of a comparison with NULL is NULL as well.
  if (name === 'not') return args[0]?.kind === 'call' && comparesNull(args[0].name, args[0].args, columns);
  return name === 'is_not_null' ? isStrict(args[0]!, columns) : comparesNull(name, args, columns);
}

function comparesNull(name: string, args: readonly Expression[], columns: ReadonlySet<ColumnId>): boolean {
  if (name === 'in_list') return isStrict(args[0]!, columns);
  return COMPARISONS.has(name) && args.some((part) => isStrict(part, columns));
}

/** True when the plan itself rules out that the expression is NULL; what a silo's catalog says may have changed since. */
export function isNeverNull(expression: Expression, plan: RelationalNode): boolean {
  if (expression.kind === 'literal') return expression.value !== null;
  // The null of a jsonb becomes NULL.
  if (expression.kind === 'cast') return !isJson(expression.operand) && isNeverNull(expression.operand, plan);
  return expression.kind === 'column' && hasNoNulls(expression.id, plan);
}

const isJson = ({ type }: Expression): boolean => type.kind === 'json' || type.kind === 'jsonb';

function hasNoNulls(id: ColumnId, plan: RelationalNode): boolean {
  const at = plan.columns.findIndex((column) => column.id === id);
  if (at < 0) return false;
  switch (plan.kind) {
    case 'filter':
      return (
        conjuncts(plan.predicate).some((part) => isNullRejecting(part, new Set([id]))) || hasNoNulls(id, plan.input)
      );
    case 'project':
      return isNeverNull(plan.expressions[at]!, plan.input);
    case 'sort':
    case 'limit':
    case 'distinct':
    case 'window':
      return hasNoNulls(id, plan.input);
    case 'join': {
      const { type, left, right, on } = plan;
      const keepsLeft = type !== 'right' && type !== 'full';
      const keepsRight = type === 'inner' || type === 'cross' || type === 'right';
      const asked = type === 'inner' && conjuncts(on).some((part) => isNullRejecting(part, new Set([id])));
      return asked || (keepsLeft && hasNoNulls(id, left)) || (keepsRight && hasNoNulls(id, right));
    }
    case 'aggregate': {
      const group = plan.groups[at];
      if (group === undefined) return COUNTS.has(plan.aggregates[at - plan.groups.length]!.name);
      return plan.groupingSets === undefined && isNeverNull(group, plan.input);
    }
    case 'set-operation': {
      const among = plan.operator === 'except' ? plan.inputs.slice(0, 1) : plan.inputs;
      return among.every((input) => hasNoNulls(input.columns[at]!.id, input));
    }
    case 'values':
      return plan.rows.every((row) => row[at]?.kind === 'literal' && row[at].value !== null);
    default:
      return false;
  }
}
