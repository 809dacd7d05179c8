/**
 * Semi and anti joins below the inner joins whose rows they test, where fewer rows are tested there and none crosses a border
 * for it: `(customer ⋈ orders ⋈ lineitem) ⋉ big` on an order's key becomes `customer ⋈ (orders ⋉ big) ⋈ lineitem`.
 */
import type { ColumnId, Expression } from '../../src/plan/expressions.ts';
import { type Join, node, type RelationalNode } from '../../src/plan/nodes.ts';
import { columnsOf, conjuncts, substitute, transformPlan, withInputs } from '../../src/plan/traverse.ts';
import { isStable } from '../rules/properties.ts';
import type { Estimator } from '../statistics/cardinality.ts';
import { EXACT_TYPES } from './exact-types.ts';

export interface SemiJoinSurroundings {
  readonly estimate: Estimator;
  /** True when rows of both plans can meet without crossing a border that they do not cross anyway. */
  readonly together: (a: RelationalNode, b: RelationalNode) => boolean;
}

export const lowerSemiJoins = (plan: RelationalNode, around: SemiJoinSurroundings): RelationalNode =>
  transformPlan(plan, (each) => {
    const tests = each.kind === 'join' && (each.type === 'semi' || each.type === 'anti') && each.lateral !== true;
    if (!tests || each.on === undefined || !isStable(each.on)) return each;
    const places = [...placesBelow(each.left, each, each.on, around)];
    const here = around.estimate(each.left).rows;
    const better = places.filter(({ rows }) => rows < here);
    // Of equal ones the deepest: what is joined above it keeps the choice of its order.
    const best = better.reduce<Place | undefined>((a, b) => (a !== undefined && a.rows < b.rows ? a : b), undefined);
    return best?.plan ?? each;
  });

interface Place {
  /** The left side with the semi join in it. */
  readonly plan: RelationalNode;
  /** Rows that it tests there. */
  readonly rows: number;
}

/** Every way to put the join deeper into the inner joins of `plan`. */
function* placesBelow(
  plan: RelationalNode,
  semi: Join,
  on: Expression,
  around: SemiJoinSurroundings,
): Generator<Place> {
  if (plan.kind === 'filter' || (plan.kind === 'project' && onlyLeavesOut(plan))) {
    for (const { plan: input, rows } of placesBelow(plan.input, semi, on, around))
      yield { plan: withInputs(plan, [input]), rows };
    return;
  }
  if (plan.kind !== 'join' || (plan.type !== 'inner' && plan.type !== 'cross') || plan.lateral === true) return;
  for (const side of ['left', 'right'] as const) {
    const below = plan[side];
    const other = plan[side === 'left' ? 'right' : 'left'];
    const same = equalColumns(plan.on, other, below);
    const own = substitute(on, (id) => same.get(id));
    const foreign = new Set(other.columns.map(({ id }) => id));
    if ([...columnsOf(own)].some((id) => foreign.has(id))) continue;
    const rebuilt = (input: RelationalNode): RelationalNode =>
      withInputs(plan, side === 'left' ? [input, plan.right] : [plan.left, input]);
    if (around.together(below, semi.right)) {
      const lowered = node({ ...semi, left: below, on: own, columns: below.columns });
      yield { plan: rebuilt(lowered), rows: around.estimate(below).rows };
    }
    for (const { plan: input, rows } of placesBelow(below, semi, own, around)) yield { plan: rebuilt(input), rows };
  }
}

const onlyLeavesOut = (plan: Extract<RelationalNode, { kind: 'project' }>): boolean =>
  plan.expressions.every((expression, i) => expression.kind === 'column' && expression.id === plan.columns[i]!.id);

/** Columns of `to` by the columns of `from` that the condition says they equal. */
function equalColumns(
  on: Expression | undefined,
  from: RelationalNode,
  to: RelationalNode,
): ReadonlyMap<ColumnId, Expression> {
  const sources = new Set(from.columns.map(({ id }) => id));
  const targets = new Set(to.columns.map(({ id }) => id));
  const found = new Map<ColumnId, Expression>();
  for (const part of conjuncts(on)) {
    const [a, b] = part.kind === 'call' && part.name === '=' ? part.args : [];
    if (a?.kind !== 'column' || b?.kind !== 'column') continue;
    if (a.type.kind !== b.type.kind || !EXACT_TYPES.has(a.type.kind)) continue;
    if (sources.has(a.id) && targets.has(b.id)) found.set(a.id, b);
    else if (sources.has(b.id) && targets.has(a.id)) found.set(b.id, a);
  }
  return found;
}
