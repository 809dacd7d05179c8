/** Walking and rebuilding plans: children, expressions, and the columns a subtree takes from outside. */
import type { AggregateCall, ColumnId, Expression, FrameBound, SortKey, WindowCall } from './expressions.ts';
import { node, type RelationalNode } from './nodes.ts';
import { sameType, scalar } from './types.ts';

/** The relational inputs of a node, in order; subqueries inside its expressions are not among them. */
export function inputsOf(plan: RelationalNode): readonly RelationalNode[] {
  switch (plan.kind) {
    case 'filter':
    case 'project':
    case 'aggregate':
    case 'window':
    case 'sort':
    case 'limit':
    case 'distinct':
      return [plan.input];
    case 'join':
      return [plan.left, plan.right];
    case 'set-operation':
    case 'mediator-query':
      return plan.inputs;
    case 'with':
      return [plan.definition, plan.body];
    default:
      return [];
  }
}

/** The node over other inputs, given in the order of {@link inputsOf}; the node itself when nothing changed. */
export function withInputs(plan: RelationalNode, inputs: readonly RelationalNode[]): RelationalNode {
  if (inputsOf(plan).every((input, i) => input === inputs[i])) return plan;
  switch (plan.kind) {
    case 'filter':
    case 'project':
    case 'aggregate':
    case 'window':
    case 'sort':
    case 'limit':
    case 'distinct':
      return node({ ...plan, input: inputs[0]! });
    case 'join':
      return node({ ...plan, left: inputs[0]!, right: inputs[1]! });
    case 'set-operation':
    case 'mediator-query':
      return node({ ...plan, inputs: [...inputs] });
    case 'with':
      return node({ ...plan, definition: inputs[0]!, body: inputs[1]! });
    default:
      return plan;
  }
}

type ExpressionMap = (expression: Expression) => Expression;

const mapKey =
  (f: ExpressionMap) =>
  (key: SortKey): SortKey => ({ ...key, expression: f(key.expression) });

const mapAggregate =
  (f: ExpressionMap) =>
  (call: AggregateCall): AggregateCall => ({
    ...call,
    args: call.args.map(f),
    orderBy: call.orderBy.map(mapKey(f)),
    ...(call.filter === undefined ? {} : { filter: f(call.filter) }),
  });

const mapBound = (f: ExpressionMap, bound: FrameBound): FrameBound =>
  'offset' in bound ? { ...bound, offset: f(bound.offset) } : bound;

const mapWindow =
  (f: ExpressionMap) =>
  (call: WindowCall): WindowCall => ({
    ...call,
    args: call.args.map(f),
    partitionBy: call.partitionBy.map(f),
    orderBy: call.orderBy.map(mapKey(f)),
    ...(call.filter === undefined ? {} : { filter: f(call.filter) }),
    ...(call.frame === undefined
      ? {}
      : { frame: { ...call.frame, start: mapBound(f, call.frame.start), end: mapBound(f, call.frame.end) } }),
  });

/** The node with `f` applied to each of its own expressions (whole, not their parts). */
export function mapExpressions(plan: RelationalNode, f: ExpressionMap): RelationalNode {
  switch (plan.kind) {
    case 'values':
      return node({ ...plan, rows: plan.rows.map((row) => row.map(f)) });
    case 'filter':
      return node({ ...plan, predicate: f(plan.predicate) });
    case 'project':
      return node({ ...plan, expressions: plan.expressions.map(f) });
    case 'join':
      return plan.on === undefined ? plan : node({ ...plan, on: f(plan.on) });
    case 'aggregate':
      return node({ ...plan, groups: plan.groups.map(f), aggregates: plan.aggregates.map(mapAggregate(f)) });
    case 'window':
      return node({ ...plan, calls: plan.calls.map(mapWindow(f)) });
    case 'sort':
      return node({ ...plan, keys: plan.keys.map(mapKey(f)) });
    case 'limit':
      return node({
        ...plan,
        ...(plan.count === undefined ? {} : { count: f(plan.count) }),
        ...(plan.offset === undefined ? {} : { offset: f(plan.offset) }),
      });
    case 'distinct':
      return plan.on === undefined ? plan : node({ ...plan, on: plan.on.map(f) });
    case 'table-function':
      return node({ ...plan, args: plan.args.map(f) });
    case 'mediator-query':
      return node({ ...plan, values: plan.values.map(f) });
    default:
      return plan;
  }
}

/** The node's own expressions, whole. */
export function expressionsOf(plan: RelationalNode): readonly Expression[] {
  const found: Expression[] = [];
  mapExpressions(plan, (expression) => {
    found.push(expression);
    return expression;
  });
  return found;
}

/** The direct parts of an expression; a subquery's plan is not among them. */
export function partsOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
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
    default:
      return [];
  }
}

/** The expression with `f` applied to each of its direct parts; subquery plans stay as they are. */
export function mapParts(expression: Expression, f: ExpressionMap): Expression {
  switch (expression.kind) {
    case 'call':
      return { ...expression, args: expression.args.map(f) };
    case 'cast':
      return { ...expression, operand: f(expression.operand) };
    case 'case':
      return {
        ...expression,
        branches: expression.branches.map(({ when, then }) => ({ when: f(when), then: f(then) })),
        ...(expression.otherwise === undefined ? {} : { otherwise: f(expression.otherwise) }),
      };
    case 'subquery':
      return { ...expression, operands: expression.operands.map(f) };
    default:
      return expression;
  }
}

/** Rebuilds an expression from its leaves up; `f` sees each part after its own parts. Subquery plans stay as they are. */
export function mapExpression(expression: Expression, f: ExpressionMap): Expression {
  return f(mapParts(expression, (part) => mapExpression(part, f)));
}

/** True when `test` holds for the expression or any part of it (subquery plans not entered). */
export const someExpression = (expression: Expression, test: (part: Expression) => boolean): boolean =>
  test(expression) || partsOf(expression).some((part) => someExpression(part, test));

/** True when the expression holds a subquery. */
export const hasSubquery = (expression: Expression): boolean =>
  someExpression(expression, (part) => part.kind === 'subquery');

/** Rebuilds a plan from its leaves up, plans of subqueries included; `f` sees each node after its inputs. */
export function transformPlan(plan: RelationalNode, f: (plan: RelationalNode) => RelationalNode): RelationalNode {
  const inSubqueries = (expression: Expression): Expression =>
    hasSubquery(expression)
      ? mapExpression(expression, (part) =>
          part.kind === 'subquery' ? { ...part, plan: transformPlan(part.plan, f) } : part,
        )
      : expression;
  const inputs = inputsOf(plan).map((input) => transformPlan(input, f));
  const rebuilt = withInputs(plan, inputs);
  return f(expressionsOf(rebuilt).some(hasSubquery) ? mapExpressions(rebuilt, inSubqueries) : rebuilt);
}

/** Replaces column references (also inside subqueries' plans) by what `replacement` gives for their ids. */
export function substitute(expression: Expression, replacement: (id: ColumnId) => Expression | undefined): Expression {
  return mapExpression(expression, (part) => {
    if (part.kind === 'column') return replacement(part.id) ?? part;
    if (part.kind === 'subquery') {
      return {
        ...part,
        plan: transformPlan(part.plan, (inner) => mapExpressions(inner, (own) => substitute(own, replacement))),
      };
    }
    return part;
  });
}

/** The node itself and every node below it, plans of subqueries included; parents before children. */
export function* nodesOf(plan: RelationalNode): Generator<RelationalNode> {
  yield plan;
  for (const input of inputsOf(plan)) yield* nodesOf(input);
  for (const expression of expressionsOf(plan)) yield* nodesInExpression(expression);
}

/** The plans of the subqueries inside a node's own expressions, not those nested in them. */
export function* subqueriesOf(plan: RelationalNode): Generator<RelationalNode> {
  const stack = [...expressionsOf(plan)];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    if (next.kind === 'subquery') yield next.plan;
    stack.push(...partsOf(next));
  }
}

function* nodesInExpression(expression: Expression): Generator<RelationalNode> {
  if (expression.kind === 'subquery') yield* nodesOf(expression.plan);
  for (const part of partsOf(expression)) yield* nodesInExpression(part);
}

/** The columns an expression reads, those that its subqueries take from outside included. */
export function columnsOf(expression: Expression, into: Set<ColumnId> = new Set()): Set<ColumnId> {
  if (expression.kind === 'column') into.add(expression.id);
  if (expression.kind === 'subquery') for (const id of outerColumns(expression.plan)) into.add(id);
  for (const part of partsOf(expression)) columnsOf(part, into);
  return into;
}

/** The columns a plan reads but does not make: it is correlated when there are any. */
export function outerColumns(plan: RelationalNode): Set<ColumnId> {
  const made = new Set<ColumnId>();
  const read = new Set<ColumnId>();
  for (const inner of nodesOf(plan)) {
    for (const column of inner.columns) made.add(column.id);
    for (const expression of expressionsOf(inner)) columnsOf(expression, read);
  }
  for (const id of made) read.delete(id);
  return read;
}

/** The parts of a conjunction, nested ANDs flattened. */
export function conjuncts(predicate: Expression | undefined): Expression[] {
  if (predicate === undefined) return [];
  return predicate.kind === 'call' && predicate.name === 'and' ? predicate.args.flatMap(conjuncts) : [predicate];
}

/** One AND of all predicates; undefined for none. */
export function conjunction(predicates: readonly Expression[]): Expression | undefined {
  if (predicates.length < 2) return predicates[0];
  return Object.freeze({ kind: 'call', name: 'and', args: Object.freeze([...predicates]), type: scalar('boolean') });
}

/** True when two expressions are the same but for object identity; subqueries are the same only when they are one. */
export function sameExpression(a: Expression, b: Expression): boolean {
  if (a === b) return true;
  if (a.kind !== b.kind || !sameType(a.type, b.type)) return false;
  switch (a.kind) {
    case 'column':
      return a.id === (b as typeof a).id;
    case 'literal':
      return a.value === (b as typeof a).value;
    case 'parameter':
      return a.index === (b as typeof a).index;
    case 'subquery':
      return (
        a.plan === (b as typeof a).plan && a.form === (b as typeof a).form && a.operator === (b as typeof a).operator
      );
    default: {
      if (a.kind === 'call' && a.name !== (b as typeof a).name) return false;
      const [left, right] = [partsOf(a), partsOf(b)];
      return left.length === right.length && left.every((part, i) => sameExpression(part, right[i]!));
    }
  }
}
