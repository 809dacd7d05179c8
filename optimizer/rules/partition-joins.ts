/** Partition-wise joins: two unions joined on the column that tells their branches apart are joined branch by branch. */
import type { Column, ColumnId, Expression } from '../../src/plan/expressions.ts';
import { type Join, node, type RelationalNode } from '../../src/plan/nodes.ts';
import { conjuncts, substitute, transformPlan } from '../../src/plan/traverse.ts';
import { equatedColumns } from './equalities.ts';
import { freshIds } from './fresh-ids.ts';
import { isStable } from './properties.ts';
import { distinguishing, intoBranch, isUnionAll, referenceTo, type UnionAll } from './union-branches.ts';

export function partitionJoins(plan: RelationalNode): RelationalNode {
  const nextId = freshIds(plan);
  return transformPlan(plan, (each) => (each.kind === 'join' ? partitioned(each, nextId) : each));
}

function partitioned(join: Join, nextId: () => ColumnId): RelationalNode {
  const { left, right, type, on } = join;
  // A right or full join would also need the branches that only the right side has.
  if (type === 'right' || type === 'full' || type === 'cross' || join.lateral === true) return join;
  if (!isUnionAll(left) || !isUnionAll(right) || left.inputs.length < 2 || !conjuncts(on).every(isStable)) return join;
  const partner = partners(left, right, on);
  if (partner === undefined) return join;

  const branches = left.inputs.map((own, i): RelationalNode => {
    const n = partner[i];
    const other = n === undefined ? emptyLike(right, nextId) : right.inputs[n]!;
    const intoLeft = intoBranch(left, i);
    const intoRight = n === undefined ? renamed(right, other) : intoBranch(right, n);
    const translate = (expression: Expression): Expression => intoRight(intoLeft(expression));
    const columns = type === 'semi' || type === 'anti' ? own.columns : [...own.columns, ...other.columns];
    const joined = node({ ...join, left: own, right: other, columns, on: translate(on!) });
    const expressions = join.columns.map((column) => translate(referenceTo(column)));
    return node({
      kind: 'project',
      input: joined,
      expressions,
      columns: join.columns.map((column): Column => ({ ...column, id: nextId() })),
    });
  });
  return node({ ...left, inputs: branches, columns: join.columns });
}

/** For each branch of `left` the one of `right` with the same constant; undefined when they are not joined on one. */
function partners(
  left: UnionAll,
  right: UnionAll,
  on: Expression | undefined,
): readonly (number | undefined)[] | undefined {
  const [ofLeft, ofRight] = [distinguishing(left), distinguishing(right)];
  for (const [a, b] of equatedColumns(conjuncts(on))) {
    const values = ofLeft.get(a.id) ?? ofLeft.get(b.id);
    const others = ofRight.get(b.id) ?? ofRight.get(a.id);
    if (values === undefined || others === undefined) continue;
    return values.map((value) => {
      const place = others.indexOf(value);
      return place < 0 ? undefined : place;
    });
  }
  return undefined;
}

const emptyLike = ({ columns }: RelationalNode, nextId: () => ColumnId): RelationalNode =>
  node({ kind: 'values', rows: [], columns: columns.map((column) => ({ ...column, id: nextId() })) });

/** Reads `from`'s columns, by position, from `to`. */
function renamed(from: RelationalNode, to: RelationalNode): (expression: Expression) => Expression {
  const own = new Map(from.columns.map(({ id }, i) => [id, referenceTo(to.columns[i]!)]));
  return (expression) => substitute(expression, (id) => own.get(id));
}
