/** Gives the parameters of a bound plan their values: the optimizer and the silos then see literals. */

import { CausewayError, SQLSTATE } from '../plan/errors.ts';
import type { Expression } from '../plan/expressions.ts';
import type { RelationalNode } from '../plan/nodes.ts';
import { mapExpression, mapExpressions, transformPlan } from '../plan/traverse.ts';
import { type SqlType, scalar } from '../plan/types.ts';
import { literal, readLiteral } from '../sql/select/literals.ts';

/**
 * @param values text forms of `$1`, `$2` …; null is NULL
 * @throws CausewayError 22P02 for a value that is none of its parameter's type, 42P02 for a parameter without a value
 */
export function withParameters(plan: RelationalNode, values: readonly (string | null)[]): RelationalNode {
  const given = (part: Expression): Expression => {
    if (part.kind === 'subquery') return { ...part, plan: withParameters(part.plan, values) };
    return part.kind === 'parameter' ? valueOfParameter(part, values[part.index - 1]) : part;
  };
  return transformPlan(plan, (node) => mapExpressions(node, (expression) => mapExpression(expression, given)));
}

/**
 * The values in the text forms that silos take beside a statement; undefined where only the silo's cast can tell what a
 * text means, which must then stand in the plan.
 * @param types of `$1`, `$2` …
 * @throws CausewayError 22P02 for a value that is none of its parameter's type
 */
export function parameterTexts(
  types: readonly SqlType[],
  values: readonly (string | null)[],
): (string | null)[] | undefined {
  const texts: (string | null)[] = [];
  for (let i = 0; i < types.length; i++) {
    const value = values[i] ?? null;
    const read = value === null ? null : readLiteral(value, types[i]!);
    if (read === undefined || (read !== null && read.kind !== 'literal')) return undefined;
    texts.push(read === null ? null : String(read.value));
  }
  return texts;
}

function valueOfParameter(
  { index, type }: Expression & { kind: 'parameter' },
  text: string | null | undefined,
): Expression {
  if (text === undefined) throw new CausewayError(SQLSTATE.undefinedParameter, `there is no parameter $${index}`);
  if (text === null) return literal(null, type);
  return readLiteral(text, type) ?? Object.freeze({ kind: 'cast', operand: literal(text, scalar('text')), type });
}
