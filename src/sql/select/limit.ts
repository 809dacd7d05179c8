/** LIMIT, OFFSET and FETCH FIRST. */
import type { Node, SelectStmt } from '@pgsql/types';
import { SQLSTATE } from '../../plan/errors.ts';
import type { Expression } from '../../plan/expressions.ts';
import { node, type RelationalNode } from '../../plan/nodes.ts';
import { isNumeric, scalar, typeName } from '../../plan/types.ts';
import { convert } from './coerce.ts';
import { type Clause, EMPTY, errorAt, type Level, within } from './context.ts';
import { bindExpression, locationOf } from './expression.ts';

/** The plan under the statement's LIMIT, or itself when there is none. */
export function limited(plan: RelationalNode, select: SelectStmt, level: Level): RelationalNode {
  const count = bound(select.limitCount, 'LIMIT', level);
  const offset = bound(select.limitOffset, 'OFFSET', level);
  if (count === undefined && offset === undefined) return plan;
  return node({
    kind: 'limit',
    input: plan,
    ...(count === undefined ? {} : { count }),
    ...(offset === undefined ? {} : { offset }),
    ...(select.limitOption === 'LIMIT_OPTION_WITH_TIES' ? { withTies: true } : {}),
    columns: plan.columns,
  });
}

function bound(syntax: Node | undefined, clause: Clause & ('LIMIT' | 'OFFSET'), level: Level): Expression | undefined {
  // LIMIT ALL is LIMIT NULL.
  if (syntax === undefined || ('A_Const' in syntax && syntax.A_Const.isnull)) return undefined;
  const { collected: _, ...rest } = level;
  const bare: Level = within(rest, { clause, namespace: EMPTY });
  const expression = bindExpression(syntax, bare);
  if (expression.type.kind !== 'unknown' && !isNumeric(expression.type)) {
    const message = `argument of ${clause} must be type bigint, not type ${typeName(expression.type)}`;
    throw errorAt(level, SQLSTATE.datatypeMismatch, message, locationOf(syntax));
  }
  if (expression.kind === 'literal' && typeof expression.value === 'number' && expression.value < 0) {
    throw errorAt(level, clause === 'LIMIT' ? '2201W' : '2201X', `${clause} must not be negative`, locationOf(syntax));
  }
  const whole = expression.type.kind === 'integer' || expression.type.kind === 'smallint';
  return whole ? expression : convert(level.statement, expression, scalar('bigint'));
}
