/** Conversions: what PostgreSQL inserts by itself, what a written cast may do, and the common type of several values. */

import { commonNumeric } from '../../plan/decimals.ts';
import { CausewayError, type Position, SQLSTATE } from '../../plan/errors.ts';
import type { Expression } from '../../plan/expressions.ts';
import { castsImplicitly, categoryOf, isPreferred } from '../../plan/signatures.ts';
import { isNumeric, isText, type SqlType, sameType, scalar, typeName } from '../../plan/types.ts';
import type { StatementContext } from './context.ts';
import { literal, readLiteral } from './literals.ts';

const cast = (operand: Expression, type: SqlType): Expression => Object.freeze({ kind: 'cast', operand, type });

/**
 * `expression` as a value of `type`, where it is already known that it converts: literals are read, parameters take the
 * type, and a cast node stands only where the value's kind changes.
 */
export function convert(
  statement: StatementContext,
  expression: Expression,
  type: SqlType,
  position?: Position,
): Expression {
  if (expression.type.kind === 'unknown') return typed(statement, expression, type, position);
  if (expression.type.kind === type.kind && type.kind !== 'array') return expression;
  if (isText(expression.type) && isText(type)) return expression;
  if (sameType(expression.type, type)) return expression;
  if (type.kind === 'numeric' && isNumeric(expression.type)) return cast(expression, commonNumeric([expression.type]));
  return cast(expression, type);
}

/** An untyped literal, NULL or parameter given a type. */
function typed(statement: StatementContext, expression: Expression, type: SqlType, position?: Position): Expression {
  if (type.kind === 'unknown') return expression;
  if (expression.kind === 'literal') {
    if (expression.value === null) return literal(null, type);
    return (
      readLiteral(String(expression.value), type, position) ?? cast(literal(expression.value, scalar('text')), type)
    );
  }
  if (expression.kind === 'parameter') {
    const known = statement.parameters.get(expression.index);
    if (known === undefined || known.kind === 'unknown') statement.parameters.set(expression.index, type);
    else if (!sameType(known, type)) return convert(statement, { ...expression, type: known }, type, position);
    return Object.freeze({ ...expression, type });
  }
  return cast(expression, type);
}

/** An untyped result becomes text, as PostgreSQL does where nothing else decides. */
export const settle = (statement: StatementContext, expression: Expression): Expression =>
  expression.type.kind === 'unknown' ? typed(statement, expression, scalar('text')) : expression;

/**
 * A written cast.
 * @throws CausewayError 42846 when PostgreSQL has no such cast
 */
export function explicitCast(
  statement: StatementContext,
  expression: Expression,
  type: SqlType,
  position?: Position,
): Expression {
  if (expression.type.kind === 'unknown') return typed(statement, expression, type, position);
  if (!castExists(expression.type, type)) {
    throw new CausewayError(
      '42846',
      `cannot cast type ${typeName(expression.type)} to ${typeName(type)}`,
      position === undefined ? {} : { position },
    );
  }
  // Digits that are written are read as the number they are meant for: 1e308 is beyond any decimal of the mediator.
  if (expression.kind === 'literal' && expression.type.kind === 'numeric' && type.kind === 'double') {
    const read = expression.value === null ? undefined : readLiteral(String(expression.value), type);
    if (read !== undefined) return read;
  }
  return sameType(expression.type, type) ? expression : cast(expression, type);
}

const DATETIME_CASTS: Readonly<Record<string, readonly string[]>> = {
  date: ['timestamp', 'timestamptz'],
  timestamp: ['date', 'time', 'timestamptz'],
  timestamptz: ['date', 'time', 'timetz', 'timestamp'],
  time: ['interval', 'timetz'],
  timetz: ['time'],
  interval: ['time'],
  json: ['jsonb'],
  jsonb: ['json', 'boolean', 'smallint', 'integer', 'bigint', 'numeric', 'real', 'double'],
  boolean: ['integer'],
  integer: ['boolean'],
  bytea: ['smallint', 'integer', 'bigint'],
};

function castExists(from: SqlType, to: SqlType): boolean {
  if (from.kind === to.kind)
    return from.kind !== 'array' || to.kind !== 'array' || castExists(from.element, to.element);
  if (isText(from) || isText(to)) return true;
  if (isNumeric(from) && isNumeric(to)) return true;
  return DATETIME_CASTS[from.kind]?.includes(to.kind) ?? false;
}

/**
 * The type that CASE, COALESCE, UNION and their like give to several values (PostgreSQL's manual, §10.5).
 * @param construct its name in the error: `CASE types integer and text cannot be matched`
 * @throws CausewayError 42804
 */
export function commonType(types: readonly SqlType[], construct: string, position?: Position): SqlType {
  const known = types.filter((type) => type.kind !== 'unknown');
  let common = known[0];
  if (common === undefined) return scalar('text');
  for (const next of known) {
    if (next.kind === common.kind && next.kind !== 'array') continue;
    const mismatch = () =>
      new CausewayError(
        SQLSTATE.datatypeMismatch,
        `${construct} types ${typeName(common!)} and ${typeName(next)} cannot be matched`,
        position === undefined ? {} : { position },
      );
    if (categoryOf(common) !== categoryOf(next)) throw mismatch();
    if (!isPreferred(common) && castsImplicitly(common, next) && !castsImplicitly(next, common)) common = next;
    else if (isText(common) && next.kind === 'text') common = next;
    else if (!castsImplicitly(next, common)) throw mismatch();
  }
  if (common.kind === 'numeric') return commonNumeric(known);
  const same = known.every((type) => sameType(type, common!));
  return !same && isText(common) ? scalar('text') : common;
}
