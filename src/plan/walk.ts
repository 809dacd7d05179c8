/** Looking into plans and expressions: children, the columns that are read, conjuncts. Nothing here changes a plan. */
import type { ColumnId, Expression } from './expressions.ts';
import type { RelationalNode } from './nodes.ts';
import { scalar } from './types.ts';

/** The relational inputs of a node, left to right. A WITH has its definition and its body. */
export function inputsOf(node: RelationalNode): readonly RelationalNode[] {
  switch (node.kind) {
    case 'scan':
    case 'values':
    case 'cte-reference':
    case 'table-function':
    case 'native-query':
    case 'memory-table':
      return [];
    case 'join':
      return [node.left, node.right];
    case 'set-operation':
    case 'mediator-query':
      return node.inputs;
    case 'with':
      return [node.definition, node.body];
    default:
      return [node.input];
  }
}

/** The expressions a node itself evaluates, those of its inputs and subqueries aside. */
export function expressionsOf(node: RelationalNode): readonly Expression[] {
  switch (node.kind) {
    case 'values':
      return node.rows.flat();
    case 'filter':
      return [node.predicate];
    case 'project':
      return node.expressions;
    case 'join':
      return node.on === undefined ? [] : [node.on];
    case 'aggregate':
      return [
        ...node.groups,
        ...node.aggregates.flatMap((call) => [
          ...call.args,
          ...(call.filter === undefined ? [] : [call.filter]),
          ...call.orderBy.map((key) => key.expression),
        ]),
      ];
    case 'window':
      return node.calls.flatMap((call) => [
        ...call.args,
        ...(call.filter === undefined ? [] : [call.filter]),
        ...call.partitionBy,
        ...call.orderBy.map((key) => key.expression),
      ]);
    case 'sort':
      return node.keys.map((key) => key.expression);
    case 'limit':
      return [node.count, node.offset].filter((expression) => expression !== undefined);
    case 'distinct':
      return node.on ?? [];
    case 'table-function':
      return node.args;
    default:
      return [];
  }
}

/** The direct operands of an expression; a subquery's plan is not among them. */
export function operandsOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case 'column':
    case 'literal':
    case 'parameter':
      return [];
    case 'call':
      return expression.args;
    case 'cast':
      return [expression.operand];
    case 'case':
      return [
        ...expression.branches.flatMap((branch) => [branch.when, branch.then]),
        ...(expression.otherwise === undefined ? [] : [expression.otherwise]),
      ];
    case 'subquery':
      return expression.operands;
  }
}

/** Every node of a plan in pre-order, those inside subqueries too. */
export function* nodesOf(root: RelationalNode): Generator<RelationalNode> {
  yield root;
  for (const expression of expressionsOf(root)) {
    for (const subquery of subqueriesOf(expression)) yield* nodesOf(subquery);
  }
  for (const input of inputsOf(root)) yield* nodesOf(input);
}

/** The plans of the subqueries inside an expression, not those nested in them. */
export function* subqueriesOf(expression: Expression): Generator<RelationalNode> {
  if (expression.kind === 'subquery') yield expression.plan;
  for (const operand of operandsOf(expression)) yield* subqueriesOf(operand);
}

/** The columns an expression reads, with everything a subquery inside reads, its own columns too. */
export function columnsIn(expression: Expression, into: Set<ColumnId> = new Set()): Set<ColumnId> {
  if (expression.kind === 'column') into.add(expression.id);
  if (expression.kind === 'subquery') {
    for (const node of nodesOf(expression.plan)) for (const inner of expressionsOf(node)) columnsIn(inner, into);
  }
  for (const operand of operandsOf(expression)) columnsIn(operand, into);
  return into;
}

/** The parts of a conjunction, nested ANDs flattened; an absent predicate has none. */
export function conjuncts(predicate: Expression | undefined): readonly Expression[] {
  if (predicate === undefined) return [];
  return predicate.kind === 'call' && predicate.name === 'and' ? predicate.args.flatMap(conjuncts) : [predicate];
}

/** The conjunction of `predicates`; undefined when there are none. */
export function conjunction(predicates: readonly Expression[]): Expression | undefined {
  if (predicates.length < 2) return predicates[0];
  return Object.freeze({ kind: 'call', name: 'and', args: Object.freeze([...predicates]), type: scalar('boolean') });
}
