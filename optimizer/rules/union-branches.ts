/** Work on the branches of a UNION ALL: each branch's own columns in place of the union's, constants that tell branches apart. */
import type { ColumnId, Expression, LiteralValue } from '../../src/plan/expressions.ts';
import { node, type RelationalNode, type SetOperation } from '../../src/plan/nodes.ts';
import { substitute } from '../../src/plan/traverse.ts';

export type UnionAll = SetOperation & { readonly operator: 'union'; readonly all: true };

export const isUnionAll = (plan: RelationalNode): plan is UnionAll =>
  plan.kind === 'set-operation' && plan.operator === 'union' && plan.all;

export const referenceTo = ({ id, type }: RelationalNode['columns'][number]): Expression => ({
  kind: 'column',
  id,
  type,
});

/** Translates expressions over the union into expressions over its input number `branch`. */
export function intoBranch(union: UnionAll, branch: number): (expression: Expression) => Expression {
  const own = new Map<ColumnId, Expression>(
    union.columns.map(({ id }, i) => [id, referenceTo(union.inputs[branch]!.columns[i]!)]),
  );
  return (expression) => substitute(expression, (id) => own.get(id));
}

/** The union's column that holds another constant in each branch (as `silo` does), with those constants. */
export function distinguishing(union: UnionAll): ReadonlyMap<ColumnId, readonly LiteralValue[]> {
  const found = new Map<ColumnId, readonly LiteralValue[]>();
  union.columns.forEach(({ id }, i) => {
    const values = union.inputs.map((input) => constantOf(input, input.columns[i]!.id));
    if (values.every((value) => value !== undefined && value !== null) && new Set(values).size === values.length) {
      found.set(id, values as readonly LiteralValue[]);
    }
  });
  return found;
}

/** The value that a column has in every row; undefined when it is no constant. */
function constantOf(plan: RelationalNode, id: ColumnId): LiteralValue | undefined {
  switch (plan.kind) {
    case 'filter':
    case 'sort':
    case 'limit':
      return constantOf(plan.input, id);
    case 'project': {
      const expression = plan.expressions[plan.columns.findIndex((column) => column.id === id)];
      if (expression?.kind === 'literal') return expression.value;
      return expression?.kind === 'column' ? constantOf(plan.input, expression.id) : undefined;
    }
    default:
      return undefined;
  }
}

/** The silos that a plan reads. */
export function silosOf(plan: RelationalNode, into: Set<string> = new Set()): ReadonlySet<string> {
  if (plan.kind === 'scan' || plan.kind === 'native-query') into.add(plan.silo);
  const inputs =
    'inputs' in plan
      ? plan.inputs
      : 'input' in plan
        ? [plan.input]
        : plan.kind === 'join'
          ? [plan.left, plan.right]
          : [];
  for (const input of inputs) silosOf(input, into);
  return into;
}

/** A union of the same silos as before over new branches. */
export const unionOf = (
  union: UnionAll,
  inputs: readonly RelationalNode[],
  columns: RelationalNode['columns'],
): RelationalNode => node({ ...union, inputs, columns });
