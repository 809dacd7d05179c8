/** USING and NATURAL: which columns pair up, and the columns the join shows. */
import { SQLSTATE } from '../../plan/errors.ts';
import type { Expression } from '../../plan/expressions.ts';
import type { JoinType } from '../../plan/nodes.ts';
import { call } from './calls.ts';
import { commonType, convert } from './coerce.ts';
import { errorAt, type Level, type NamedColumn, type Namespace } from './context.ts';

interface UsingColumns {
  readonly pairs: readonly (readonly [Expression, Expression])[];
  /** The merged columns, then the rest of the left side, then of the right. */
  readonly columns: readonly NamedColumn[];
}

/** `names` undefined: NATURAL, every name both sides have. */
export function usingColumns(
  left: Namespace,
  right: Namespace,
  names: readonly string[] | undefined,
  type: JoinType,
  level: Level,
): UsingColumns {
  const common =
    names ??
    [...new Set(left.columns.map(({ name }) => name))].filter((name) =>
      right.columns.some((column) => column.name === name),
    );
  const pairs = common.map((name) => [only(left, name, 'left', level), only(right, name, 'right', level)] as const);
  const merged = common.map((name, i) => ({ name, expression: mergedColumn(pairs[i]!, type, level) }));
  const rest = (side: Namespace) => side.columns.filter(({ name }) => !common.includes(name));
  return { pairs, columns: [...merged, ...rest(left), ...rest(right)] };
}

function only(side: Namespace, name: string, which: string, level: Level): Expression {
  const found = side.columns.filter((column) => column.name === name);
  if (found.length === 1) return found[0]!.expression;
  const message =
    found.length === 0
      ? `column "${name}" specified in USING clause does not exist in ${which} table`
      : `common column name "${name}" appears more than once in ${which} table`;
  throw errorAt(level, found.length === 0 ? SQLSTATE.undefinedColumn : SQLSTATE.ambiguousColumn, message, undefined);
}

/** The side that is never padded with NULLs; the first non-NULL one of a FULL join. */
function mergedColumn([left, right]: readonly [Expression, Expression], type: JoinType, level: Level): Expression {
  const common = commonType([left.type, right.type], 'JOIN/USING');
  const as = (side: Expression) => convert(level.statement, side, common);
  if (type === 'full') return call('coalesce', [as(left), as(right)], common);
  return as(type === 'right' ? right : left);
}
