/**
 * Several set-returning functions in one select list go side by side, the shorter ones filled with NULLs (PostgreSQL's
 * manual, §36.5.8): their rows, numbered WITH ORDINALITY, are joined to all the numbers there are.
 */
import type { Column, Expression } from '../../plan/expressions.ts';
import { isVolatile } from '../../plan/functions.ts';
import { node, type RelationalNode, type TableFunction } from '../../plan/nodes.ts';
import { someExpression } from '../../plan/traverse.ts';
import { scalar } from '../../plan/types.ts';
import { type Level, newColumn, reference, type SetInList } from './context.ts';

/** The functions' rows side by side, in their columns. */
export function sideBySide(sets: readonly SetInList[], level: Level): RelationalNode {
  const calls = sets.map(({ source }) => source);
  const numbers = node({
    kind: 'set-operation',
    operator: 'union',
    all: false,
    inputs: calls.map((call) => numbersOf(call, level)),
    columns: [newColumn(level, 'ordinality', scalar('bigint'))],
  });
  const number = reference(numbers.columns[0]!);
  return calls.reduce<RelationalNode>((left, call, i) => {
    const { rows, ordinality } = numbered({ source: call, column: sets[i]!.column }, level);
    const on = equal(number, reference(ordinality));
    return node({ kind: 'join', type: 'left', left, right: rows, on, columns: [...left.columns, ...rows.columns] });
  }, numbers);
}

function numbersOf(call: TableFunction, level: Level): RelationalNode {
  const [column] = call.columns;
  const copy = { source: call, column: newColumn(level, column!.name, column!.type) };
  const { rows, ordinality } = numbered(copy, level);
  const columns = [newColumn(level, 'ordinality', scalar('bigint'))];
  return node({ kind: 'project', input: rows, expressions: [reference(ordinality)], columns });
}

function numbered({ source, column }: SetInList, level: Level) {
  const ordinality = newColumn(level, 'ordinality', scalar('bigint'));
  const rows = node({ ...source, withOrdinality: true, columns: [column, ordinality] });
  return { rows, ordinality };
}

const equal = (...args: readonly Expression[]): Expression =>
  Object.freeze({ kind: 'call', name: '=', args, type: scalar('boolean') });

/**
 * The functions over arguments that are columns where they are volatile: computed once for each row of the input, whether
 * the function reads that row or not, and however often it is called.
 */
export function withArgumentsOnce(
  input: RelationalNode,
  sets: readonly SetInList[],
  level: Level,
): { readonly input: RelationalNode; readonly sets: readonly SetInList[] } {
  const columns: Column[] = [];
  const expressions: Expression[] = [];
  const once = (argument: Expression): Expression => {
    if (!someExpression(argument, (part) => part.kind === 'call' && isVolatile(part.name))) return argument;
    const column = newColumn(level, 'argument', argument.type);
    columns.push(column);
    expressions.push(argument);
    return reference(column);
  };
  const computed = sets.map(({ column, source }) => {
    return { column, source: node({ ...source, args: source.args.map(once) }) };
  });
  if (columns.length === 0) return { input, sets };
  const project = node({
    kind: 'project',
    input,
    expressions: [...input.columns.map(reference), ...expressions],
    columns: [...input.columns, ...columns],
  });
  return { input: project, sets: computed };
}
