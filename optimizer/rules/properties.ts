/** What rules need to know of an expression: is it the same each time, and can it hold for NULL? */
import type { ColumnId, Expression } from '../../src/plan/expressions.ts';
import { isVolatile } from '../../src/plan/functions.ts';
import { hasSubquery, someExpression } from '../../src/plan/traverse.ts';

/** May be moved and copied: neither volatile nor with a subquery inside. */
export const isStable = (expression: Expression): boolean =>
  !hasSubquery(expression) && !someExpression(expression, (part) => part.kind === 'call' && isVolatile(part.name));

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
