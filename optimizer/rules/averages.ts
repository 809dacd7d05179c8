/** An average as what it is made of: the sum over the count, to be merged or divided later. */
import type { AggregateCall, Expression } from '../../src/plan/expressions.ts';
import { isNumeric, numeric, type SqlType, sameType, scalar } from '../../src/plan/types.ts';

/** The type of sum(x), as in PostgreSQL. */
export function sumType(type: SqlType): SqlType {
  if (type.kind === 'smallint' || type.kind === 'integer') return scalar('bigint');
  return type.kind === 'bigint' || type.kind === 'numeric' ? numeric() : type;
}

/** True for averages of numbers; those of intervals stay as they are. */
export const isAverage = (call: AggregateCall): boolean =>
  call.name === 'avg' && call.args[0] !== undefined && isNumeric(call.args[0].type);

/** sum(x) and count(x) of an average. */
export function sumAndCount(call: AggregateCall): readonly [AggregateCall, AggregateCall] {
  const [arg] = call.args as readonly [Expression];
  return [
    { ...call, name: 'sum', type: sumType(arg.type) },
    { ...call, name: 'count', type: scalar('bigint') },
  ];
}

/** The average from its sum and its count, NULL over no rows. */
export function quotient(sum: Expression, count: Expression, type: SqlType): Expression {
  const zero: Expression = { kind: 'literal', value: 0, type: count.type };
  const some: Expression = { kind: 'call', name: 'nullif', args: [count, zero], type: count.type };
  return { kind: 'call', name: '/', args: [castTo(sum, type), castTo(some, type)], type };
}

export const castTo = (operand: Expression, type: SqlType): Expression =>
  sameType(operand.type, type) ? operand : { kind: 'cast', operand, type };
