/**
 * Several set-returning functions in one select list go side by side, the shorter ones filled with NULLs (PostgreSQL's
 * manual, §36.5.8): their rows, numbered WITH ORDINALITY, are joined to all the numbers there are.
 */
import { SQLSTATE } from '../../plan/errors.ts';
import type { Column, Expression } from '../../plan/expressions.ts';
import { isVolatile } from '../../plan/functions.ts';
import { node, type RelationalNode, type TableFunction } from '../../plan/nodes.ts';
import { someExpression } from '../../plan/traverse.ts';
import { scalar } from '../../plan/types.ts';
import { errorAt, type Level, newColumn, reference } from './context.ts';

/** A function of the select list, and the column that stands for it there. */
export interface SetInList {
  readonly column: Column;
  readonly source: RelationalNode;
}

/** The functions' rows side by side, in their columns. */
export function sideBySide(sets: readonly SetInList[], level: Level): RelationalNode {
  const calls = sets.map(({ source }) => {
    // Each is called for its numbers and again for its rows.
    if (source.kind === 'table-function' && !source.args.some(changes)) return source;
    const message = 'a volatile set-returning function beside another one is not supported';
    throw errorAt(level, SQLSTATE.featureNotSupported, message, undefined, {
      hint: 'Put them into FROM, WITH ORDINALITY, and join them by their ordinality.',
    });
  });
  const numbers = node({
    kind: 'set-operation',
    operator: 'union',
    all: false,
    inputs: calls.map((call) => numbersOf(call, level)),
    columns: [newColumn(level, 'ordinality', scalar('bigint'))],
  });
  const number = reference(numbers.columns[0]!);
  return calls.reduce<RelationalNode>((left, call, i) => {
    const { rows, ordinality } = numbered({ ...call, columns: [sets[i]!.column] }, level);
    const on = equal(number, reference(ordinality));
    return node({ kind: 'join', type: 'left', left, right: rows, on, columns: [...left.columns, ...rows.columns] });
  }, numbers);
}

function numbersOf(call: TableFunction, level: Level): RelationalNode {
  const [column] = call.columns;
  const { rows, ordinality } = numbered({ ...call, columns: [newColumn(level, column!.name, column!.type)] }, level);
  const columns = [newColumn(level, 'ordinality', scalar('bigint'))];
  return node({ kind: 'project', input: rows, expressions: [reference(ordinality)], columns });
}

function numbered(call: TableFunction, level: Level) {
  const ordinality = newColumn(level, 'ordinality', scalar('bigint'));
  const rows = node({ ...call, withOrdinality: true, columns: [...call.columns, ordinality] });
  return { rows, ordinality };
}

const equal = (...args: readonly Expression[]): Expression =>
  Object.freeze({ kind: 'call', name: '=', args, type: scalar('boolean') });

const changes = (argument: Expression): boolean =>
  someExpression(argument, (part) => part.kind === 'call' && isVolatile(part.name));
