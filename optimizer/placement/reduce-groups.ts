/**
 * Groups that nobody asks for are not computed (magic sets; Mumick and Pirahesh, SIGMOD 1994): where an aggregate is joined by a
 * group's column with few keys, its input is reduced to the rows of those keys first. The average quantity of every part,
 * joined with 200 parts, becomes the average quantity of 200 parts. Where keys would have to cross a border, this is left to
 * key filters (key-filters.ts).
 */
import type { Column, ColumnId, Expression } from '../../src/plan/expressions.ts';
import { withFreshColumns } from '../../src/plan/fresh-columns.ts';
import { type Aggregate, type Join, node, type RelationalNode } from '../../src/plan/nodes.ts';
import { conjuncts, expressionsOf, nodesOf, outerColumns, transformPlan, withInputs } from '../../src/plan/traverse.ts';
import { scalar } from '../../src/plan/types.ts';
import type { CostModel } from '../cost/model.ts';
import { subtreeWork } from '../cost/node-work.ts';
import { addWork, aggregateWork, secondsFor, work } from '../cost/work.ts';
import type { Site } from '../physical.ts';
import { freshIds } from '../rules/fresh-ids.ts';
import { isStable } from '../rules/properties.ts';
import type { Estimator } from '../statistics/cardinality.ts';
import { EXACT_TYPES } from './exact-types.ts';

export interface GroupSurroundings {
  readonly estimate: Estimator;
  readonly model: CostModel;
  /** The deepest site that can run a plan. */
  readonly siteOf: (plan: RelationalNode) => Site;
  /** True when the plan's rows can be read once more at the site without crossing a border. */
  readonly readableAt: (plan: RelationalNode, site: Site) => boolean;
}

export function reduceGroups(plan: RelationalNode, around: GroupSurroundings): RelationalNode {
  const nextId = freshIds(plan);
  return transformPlan(plan, (each) => (each.kind === 'join' ? reduced(each, nextId, around) : each));
}

/** Sides of a join whose rows are of no use without a partner on the other side. */
const REDUCIBLE: Readonly<Record<Join['type'], readonly ('left' | 'right')[]>> = {
  inner: ['left', 'right'],
  left: ['right'],
  right: ['left'],
  full: [],
  cross: [],
  semi: ['right'],
  anti: ['right'],
};

function reduced(join: Join, nextId: () => ColumnId, around: GroupSurroundings): RelationalNode {
  if (join.lateral === true) return join;
  for (const side of REDUCIBLE[join.type]) {
    const other = join[side === 'left' ? 'right' : 'left'];
    const keys = equalities(join.on, join[side], other);
    const smaller = keys.length === 0 ? undefined : withFewerGroups(join[side], other, keys, nextId, around);
    if (smaller !== undefined) return withInputs(join, side === 'left' ? [smaller, join.right] : [join.left, smaller]);
  }
  return join;
}

interface Pair {
  /** Of the side that may be reduced. */
  readonly own: ColumnId;
  readonly other: ColumnId;
}

function equalities(on: Expression | undefined, side: RelationalNode, other: RelationalNode): readonly Pair[] {
  const inside = new Set(side.columns.map(({ id }) => id));
  const outside = new Set(other.columns.map(({ id }) => id));
  return conjuncts(on).flatMap((part) => {
    const [a, b] = part.kind === 'call' && part.name === '=' ? part.args : [];
    if (a?.kind !== 'column' || b?.kind !== 'column') return [];
    if (a.type.kind !== b.type.kind || !EXACT_TYPES.has(a.type.kind)) return [];
    if (inside.has(a.id) && outside.has(b.id)) return [{ own: a.id, other: b.id }];
    return inside.has(b.id) && outside.has(a.id) ? [{ own: b.id, other: a.id }] : [];
  });
}

/** The side with the aggregate in it over fewer rows; undefined when that does not pay. */
function withFewerGroups(
  side: RelationalNode,
  other: RelationalNode,
  pairs: readonly Pair[],
  nextId: () => ColumnId,
  around: GroupSurroundings,
): RelationalNode | undefined {
  // Filters and select lists over an aggregate see each group by itself.
  if (side.kind === 'filter' || side.kind === 'project') {
    if (expressionsOf(side).some((expression) => !isStable(expression))) return undefined;
    const below = pairs.filter(({ own }) => passes(side, own));
    const input = below.length === 0 ? undefined : withFewerGroups(side.input, other, below, nextId, around);
    return input === undefined ? undefined : withInputs(side, [input]);
  }
  if (side.kind !== 'aggregate' || side.groupingSets !== undefined || outerColumns(side).size > 0) return undefined;
  const site = around.siteOf(side);
  let best: { readonly reducer: Reducer; readonly group: Expression; readonly gain: number } | undefined;
  for (const pair of pairs) {
    const group = side.groups[side.columns.findIndex(({ id }) => id === pair.own)];
    if (group?.kind !== 'column') continue;
    for (const reducer of reducersOf(other, pair.other)) {
      if (!isPlain(reducer.plan) || !around.readableAt(reducer.plan, site)) continue;
      const gain = gainOf(side, group.id, reducer, site, around);
      if (gain > (best?.gain ?? 0)) best = { reducer, group, gain };
    }
  }
  return best === undefined ? undefined : overFewer(side, best.group, best.reducer, nextId);
}

/** True when the column comes through as it is. */
const passes = (plan: RelationalNode, id: ColumnId): boolean =>
  plan.kind !== 'project' ||
  plan.columns.every(({ id: own }, i) => {
    const expression = plan.expressions[i];
    return own !== id || (expression?.kind === 'column' && expression.id === id);
  });

interface Reducer {
  readonly plan: RelationalNode;
  readonly column: Column;
}

/** Subtrees in whose column all of the plan's values of column `id` occur. */
function* reducersOf(plan: RelationalNode, id: ColumnId): Generator<Reducer> {
  const column = plan.columns.find((each) => each.id === id);
  if (column === undefined) return;
  yield { plan, column };
  switch (plan.kind) {
    case 'filter':
    case 'sort':
    case 'limit':
    case 'distinct':
      yield* reducersOf(plan.input, id);
      return;
    case 'project':
      if (passes(plan, id)) yield* reducersOf(plan.input, id);
      return;
    case 'join': {
      const { type } = plan;
      const left = type === 'inner' || type === 'cross' || type === 'left' || type === 'semi' || type === 'anti';
      const right = type === 'inner' || type === 'cross' || type === 'right';
      if (left) yield* reducersOf(plan.left, id);
      if (right) yield* reducersOf(plan.right, id);
      if (type !== 'inner' && type !== 'semi') return;
      // What equals the column bounds its values as well.
      for (const { own, other } of equalities(plan.on, plan.left, plan.right)) {
        if (own === id) yield* reducersOf(plan.right, other);
        if (other === id) yield* reducersOf(plan.left, own);
      }
    }
  }
}

/** Reads tables, and nothing that may answer otherwise the second time. */
const isPlain = (plan: RelationalNode): boolean =>
  [...nodesOf(plan)].every(
    (each) =>
      (each.kind === 'scan' || each.kind === 'filter' || each.kind === 'project' || each.kind === 'join') &&
      expressionsOf(each).every(isStable),
  ) && outerColumns(plan).size === 0;

/** Seconds saved: fewer rows are folded into groups, for which the keys are read once more and looked up for every row. */
function gainOf(
  aggregate: Aggregate,
  group: ColumnId,
  { plan, column }: Reducer,
  site: Site,
  { estimate, model }: GroupSurroundings,
): number {
  const input = estimate(aggregate.input);
  const groups = estimate(aggregate).rows;
  const keys = estimate(plan).columns.get(column.id)?.distinct ?? estimate(plan).rows;
  const share = Math.min(1, keys / Math.max(1, input.columns.get(group)?.distinct ?? 1));
  const saved = aggregateWork((1 - share) * input.rows, (1 - share) * groups);
  // Groups are built into a hash table of the join above as well.
  const paid = addWork(subtreeWork(plan, estimate), work({ built: keys, probed: input.rows }));
  const { seconds } = model.profile(site);
  return secondsFor(addWork(saved, work({ built: (1 - share) * groups })), seconds) - secondsFor(paid, seconds);
}

function overFewer(aggregate: Aggregate, group: Expression, reducer: Reducer, nextId: () => ColumnId): RelationalNode {
  const copy = withFreshColumns(reducer.plan, nextId);
  const key: Column = { ...reducer.column, id: copy.idOf(reducer.column.id) };
  const expression: Expression = { kind: 'column', id: key.id, type: key.type };
  const keys = node({ kind: 'project', input: copy.plan, expressions: [expression], columns: [key] });
  const on: Expression = { kind: 'call', name: '=', args: [group, expression], type: scalar('boolean') };
  const { input } = aggregate;
  return node({
    ...aggregate,
    input: node({ kind: 'join', type: 'semi', left: input, right: keys, on, columns: input.columns }),
  });
}
