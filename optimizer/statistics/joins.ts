/** How many pairs a join keeps. */
import type { ColumnId, Expression } from '../../src/plan/expressions.ts';
import { conjuncts } from '../../src/plan/traverse.ts';
import type { ColumnEstimate, RelationEstimate } from './estimate.ts';
import { selectivity } from './selectivity.ts';

/** `left = right`, a column of each side. */
export interface Equality {
  readonly left: ColumnId;
  readonly right: ColumnId;
}

/** A join condition cut into what can be hashed and the rest. */
export interface JoinCondition {
  readonly equalities: readonly Equality[];
  readonly residual: readonly Expression[];
}

/** Cuts a condition between a relation that has `left`'s columns and one that has `right`'s. */
export function joinCondition(
  on: Expression | undefined,
  left: ReadonlyMap<ColumnId, unknown>,
  right: ReadonlyMap<ColumnId, unknown>,
): JoinCondition {
  const equalities: Equality[] = [];
  const residual: Expression[] = [];
  for (const part of conjuncts(on)) {
    const [a, b] = part.kind === 'call' && part.name === '=' ? part.args : [];
    if (a?.kind === 'column' && b?.kind === 'column') {
      if (left.has(a.id) && right.has(b.id)) equalities.push({ left: a.id, right: b.id });
      else if (left.has(b.id) && right.has(a.id)) equalities.push({ left: b.id, right: a.id });
      else residual.push(part);
    } else residual.push(part);
  }
  return { equalities, residual };
}

/**
 * The fraction of the cross product that satisfies all `equalities`: 1 / max(distinct) by containment of the smaller
 * value set in the larger one (Selinger et al., SIGMOD 1979), a composite key's distinct count bounded by its rows;
 * for a single pair, most-common values that both sides know are matched one by one.
 */
export function equalitySelectivity(
  left: RelationEstimate,
  right: RelationEstimate,
  equalities: readonly Equality[],
): number {
  if (equalities.length === 0) return 1;
  let notNull = 1;
  let distinctLeft = 1;
  let distinctRight = 1;
  for (const pair of equalities) {
    const l = left.columns.get(pair.left);
    const r = right.columns.get(pair.right);
    if (equalities.length === 1 && l !== undefined && r !== undefined) return matchedPairs(l, r);
    notNull *= (1 - (l?.nullFraction ?? 0)) * (1 - (r?.nullFraction ?? 0));
    distinctLeft *= l?.distinct ?? 1;
    distinctRight *= r?.distinct ?? 1;
  }
  const keys = Math.max(Math.min(distinctLeft, left.rows), Math.min(distinctRight, right.rows), 1);
  return notNull / keys;
}

function matchedPairs(left: ColumnEstimate, right: ColumnEstimate): number {
  const others = new Map((right.mostCommon ?? []).map((entry) => [String(entry.value), entry.frequency]));
  let matched = 0;
  let leftCommon = 0;
  let leftMatched = 0;
  let rightMatched = 0;
  for (const { value, frequency } of left.mostCommon ?? []) {
    leftCommon += frequency;
    const other = others.get(String(value));
    if (other === undefined) continue;
    matched += frequency * other;
    leftMatched += frequency;
    rightMatched += other;
  }
  const rightCommon = (right.mostCommon ?? []).reduce((sum, entry) => sum + entry.frequency, 0);
  const notNullLeft = 1 - left.nullFraction;
  const notNullRight = 1 - right.nullFraction;
  if (leftCommon === 0 || rightCommon === 0) {
    return (notNullLeft * notNullRight) / Math.max(left.distinct, right.distinct, 1);
  }
  // Values that are common on one side alone, and the rare ones, meet by containment.
  const restLeft = Math.max(0, notNullLeft - leftMatched);
  const restRight = Math.max(0, notNullRight - rightMatched);
  const unmatched = others.size > 0 ? leftMatchCount(left, others) : 0;
  const keys = Math.max(left.distinct - unmatched, right.distinct - unmatched, 1);
  return matched + (restLeft * restRight) / keys;
}

const leftMatchCount = (left: ColumnEstimate, others: ReadonlyMap<string, number>): number =>
  (left.mostCommon ?? []).filter((entry) => others.has(String(entry.value))).length;

/** The fraction of left rows that find at least one partner, by containment. */
export function matchFraction(
  left: RelationEstimate,
  right: RelationEstimate,
  equalities: readonly Equality[],
): number {
  let fraction = 1;
  for (const pair of equalities) {
    const l = left.columns.get(pair.left);
    const r = right.columns.get(pair.right);
    if (l === undefined || r === undefined) continue;
    fraction = Math.min(fraction, (1 - l.nullFraction) * Math.min(1, Math.min(r.distinct, right.rows) / l.distinct));
  }
  return fraction;
}

/** The columns of both sides side by side, a join key's distinct count the smaller of the two. */
function joinedColumns(
  left: RelationEstimate,
  right: RelationEstimate,
  equalities: readonly Equality[],
): Map<ColumnId, ColumnEstimate> {
  const columns = new Map([...left.columns, ...right.columns]);
  for (const pair of equalities) {
    const l = columns.get(pair.left);
    const r = columns.get(pair.right);
    if (l === undefined || r === undefined) continue;
    const distinct = Math.min(l.distinct, r.distinct);
    columns.set(pair.left, { ...l, distinct, nullFraction: 0 });
    columns.set(pair.right, { ...r, distinct, nullFraction: 0 });
  }
  return columns;
}

/** An inner join of two relations. */
export function innerJoin(
  left: RelationEstimate,
  right: RelationEstimate,
  on: Expression | undefined,
): RelationEstimate {
  const { equalities, residual } = joinCondition(on, left.columns, right.columns);
  const matched = left.rows * right.rows * equalitySelectivity(left, right, equalities);
  const columns = joinedColumns(left, right, equalities);
  const both: RelationEstimate = { rows: matched, columns };
  const rows = residual.reduce((sum, predicate) => sum * selectivity(predicate, both), matched);
  const capped = new Map<ColumnId, ColumnEstimate>();
  for (const [id, column] of columns) {
    capped.set(id, column.distinct <= rows ? column : { ...column, distinct: Math.max(1, rows) });
  }
  return { rows, columns: capped };
}
