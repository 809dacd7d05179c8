/**
 * A region of inner joins, cut loose from the order in which it was written: relations, and conditions between them.
 * Outer joins, aggregates, limits and everything else are relations of the region; what they contain is a region of its own.
 */
import type { Column, ColumnId, Expression } from '../../src/plan/expressions.ts';
import { type Join, node, type RelationalNode } from '../../src/plan/nodes.ts';
import { columnsOf, conjunction, conjuncts } from '../../src/plan/traverse.ts';
import { isStable } from '../rules/properties.ts';
import { closed, type EqualColumns, representative } from './equal-columns.ts';
import { firstOf, MAX_RELATIONS, type RelationSet, single } from './sets.ts';

export interface IslandCondition {
  readonly expression: Expression;
  /** The relations whose columns it reads, at least two. */
  readonly relations: RelationSet;
  readonly columns: ReadonlySet<ColumnId>;
  /** Columns that must be equal, this condition's among them: of those that hold between two sets, one says it all. */
  readonly equal?: EqualColumns;
  /** It was not written, but follows from others. */
  readonly implied?: true;
}

export interface Island {
  /** Each with the conditions on it alone already applied. */
  readonly relations: readonly RelationalNode[];
  readonly conditions: readonly IslandCondition[];
  /** Conditions that must stay above all joins: subqueries, volatile functions. */
  readonly above: readonly Expression[];
  readonly output: readonly Column[];
}

/** The written form of a join tree over the relations of an island. */
export type JoinTree = number | { readonly left: JoinTree; readonly right: JoinTree };

/**
 * The island whose top is `root`; undefined when there is no join at the top.
 * @param whole nodes that must stay as they are, with all that is below them
 */
export function islandOf(root: RelationalNode, whole: (plan: RelationalNode) => boolean): Island | undefined {
  const leaves: RelationalNode[] = [];
  const conditions: Expression[] = [];
  let joins = 0;
  const collect = (plan: RelationalNode): void => {
    if (!whole(plan)) {
      if (isFree(plan) && leaves.length + 2 <= MAX_RELATIONS) {
        joins++;
        conditions.push(...conjuncts(plan.on));
        collect(plan.left);
        collect(plan.right);
        return;
      }
      if (plan.kind === 'filter' && leadsToJoin(plan.input, whole)) {
        conditions.push(...conjuncts(plan.predicate));
        collect(plan.input);
        return;
      }
      if (isSelection(plan) && leadsToJoin(plan.input, whole)) {
        collect(plan.input);
        return;
      }
    }
    leaves.push(plan);
  };
  collect(root);
  if (joins === 0) return undefined;
  return islandFrom(leaves, conditions, root.columns);
}

const isFree = (plan: RelationalNode): plan is Join =>
  plan.kind === 'join' && (plan.type === 'inner' || plan.type === 'cross') && plan.lateral !== true;

/** A projection that only leaves columns out. */
const isSelection = (plan: RelationalNode): plan is Extract<RelationalNode, { kind: 'project' }> =>
  plan.kind === 'project' &&
  plan.expressions.every((expression, i) => expression.kind === 'column' && expression.id === plan.columns[i]!.id);

function leadsToJoin(plan: RelationalNode, whole: (plan: RelationalNode) => boolean): boolean {
  if (whole(plan)) return false;
  return isFree(plan) || ((plan.kind === 'filter' || isSelection(plan)) && leadsToJoin(plan.input, whole));
}

/** An island of these relations under conditions of any kind. */
export function islandFrom(
  leaves: readonly RelationalNode[],
  all: readonly Expression[],
  output: readonly Column[],
): Island {
  const owner = new Map<ColumnId, number>();
  leaves.forEach((leaf, i) => {
    for (const { id } of leaf.columns) owner.set(id, i);
  });
  const alone: Expression[][] = leaves.map(() => []);
  const conditions: IslandCondition[] = [];
  const above: Expression[] = [];
  for (const expression of all) {
    const columns = columnsOf(expression);
    let relations = 0;
    for (const id of columns) if (owner.has(id)) relations |= single(owner.get(id)!);
    if (!isStable(expression) || relations === 0) above.push(expression);
    else if ((relations & (relations - 1)) !== 0) conditions.push({ expression, relations, columns });
    else alone[Math.log2(relations)]!.push(expression);
  }
  const relations = leaves.map((leaf, i) => {
    const predicate = conjunction(alone[i]!);
    return predicate === undefined ? leaf : node({ kind: 'filter', input: leaf, predicate, columns: leaf.columns });
  });
  // Pruning may leave a join a column that nobody reads and nothing below makes.
  return { relations, conditions: closed(conditions, owner), above, output: output.filter(({ id }) => owner.has(id)) };
}

/** The columns of a set of relations that anything outside the set reads. */
export function neededColumns(island: Island, set: RelationSet): readonly Column[] {
  const wanted = new Set(island.output.map((column) => column.id));
  for (const condition of island.conditions) {
    if ((condition.relations & ~set) === 0) continue;
    const one = condition.equal === undefined ? undefined : representative(condition.equal, set);
    for (const id of one === undefined ? condition.columns : [one]) wanted.add(id);
  }
  for (const expression of island.above) columnsOf(expression, wanted);
  const columns: Column[] = [];
  island.relations.forEach((relation, i) => {
    if ((set & single(i)) !== 0) columns.push(...relation.columns.filter(({ id }) => wanted.has(id)));
  });
  // Rows without columns cannot be told apart from no rows on their way: one column goes along.
  const spare = island.relations[firstOf(set)]!.columns[0];
  return columns.length > 0 || spare === undefined ? columns : [spare];
}

/** The conditions that a join of two disjoint sets applies: those that no smaller set could. */
export const conditionsBetween = (island: Island, left: RelationSet, right: RelationSet): readonly IslandCondition[] =>
  island.conditions.filter(
    ({ relations, columns, equal }) =>
      (relations & ~(left | right)) === 0 &&
      (relations & ~left) !== 0 &&
      (relations & ~right) !== 0 &&
      (equal === undefined || [left, right].every((set) => columns.has(representative(equal, set)!))),
  );

/** The island joined as the tree says: no column is carried further than it is read. */
export function joined(island: Island, tree: JoinTree): RelationalNode {
  const build = (part: JoinTree): { readonly plan: RelationalNode; readonly set: RelationSet } => {
    if (typeof part === 'number') {
      const set = single(part);
      return { plan: selected(island.relations[part]!, neededColumns(island, set)), set };
    }
    const left = build(part.left);
    const right = build(part.right);
    const set = left.set | right.set;
    const on = conjunction(conditionsBetween(island, left.set, right.set).map(({ expression }) => expression));
    const columns = [...left.plan.columns, ...right.plan.columns];
    const join = node({
      kind: 'join',
      type: on === undefined ? 'cross' : 'inner',
      left: left.plan,
      right: right.plan,
      columns,
      ...(on === undefined ? {} : { on }),
    });
    return { plan: selected(join, neededColumns(island, set)), set };
  };
  const { plan } = build(tree);
  const predicate = conjunction(island.above);
  const filtered =
    predicate === undefined ? plan : node({ kind: 'filter', input: plan, predicate, columns: plan.columns });
  return island.output.length === 0 ? filtered : selected(filtered, island.output);
}

/** Exactly these columns in this order. */
function selected(plan: RelationalNode, columns: readonly Column[]): RelationalNode {
  const same = plan.columns.length === columns.length && columns.every(({ id }, i) => plan.columns[i]!.id === id);
  if (same) return plan;
  return node({
    kind: 'project',
    input: plan,
    expressions: columns.map(({ id, type }): Expression => ({ kind: 'column', id, type })),
    columns,
  });
}
