/** Rows of every subset of an island's relations, whatever the order of joining. */
import type { ColumnId } from '../../src/plan/expressions.ts';
import type { Estimator } from '../statistics/cardinality.ts';
import type { ColumnEstimate, RelationEstimate } from '../statistics/estimate.ts';
import { type Equality, equalitySelectivity } from '../statistics/joins.ts';
import { selectivity } from '../statistics/selectivity.ts';
import type { Island } from './island.ts';
import { members, type RelationSet, single } from './sets.ts';

/** A factor that applies once all its relations are joined. */
interface Factor {
  readonly relations: RelationSet;
  readonly fraction: number;
}

/** Columns that equalities make equal, with the relation and the distinct values of each. */
interface EqualClass {
  readonly members: readonly { readonly relation: number; readonly distinct: number; readonly notNull: number }[];
}

/**
 * The product of all relations' rows and of what the conditions inside the set keep. Equalities that follow from each
 * other (a = b, b = c, a = c) count once; several equalities between the same two relations are one composite key.
 */
export function islandRows(island: Island, estimate: Estimator): (set: RelationSet) => number {
  const relations = island.relations.map(estimate);
  const { factors, classes } = analyse(island, relations);
  const known = new Map<RelationSet, number>();
  return (set) => {
    const found = known.get(set);
    if (found !== undefined) return found;
    let rows = 1;
    for (const relation of members(set)) rows *= relations[relation]!.rows;
    for (const factor of factors) if ((factor.relations & ~set) === 0) rows *= factor.fraction;
    for (const each of classes) rows *= classFraction(each, set);
    known.set(set, rows);
    return rows;
  };
}

/** All but the smallest number of distinct values divide, by containment of the smaller value sets in the larger. */
function classFraction({ members: all }: EqualClass, set: RelationSet): number {
  const inside = all.filter(({ relation }) => (set & single(relation)) !== 0);
  if (inside.length < 2) return 1;
  const distinct = inside.map((member) => member.distinct).sort((a, b) => a - b);
  const notNull = inside.reduce((product, member) => product * member.notNull, 1);
  return distinct.slice(1).reduce((fraction, values) => fraction / Math.max(1, values), notNull);
}

function analyse(
  island: Island,
  relations: readonly RelationEstimate[],
): { factors: readonly Factor[]; classes: readonly EqualClass[] } {
  const ownerOf = new Map<ColumnId, number>();
  const columns = new Map<ColumnId, ColumnEstimate>();
  relations.forEach((relation, i) => {
    for (const [id, column] of relation.columns) {
      ownerOf.set(id, i);
      columns.set(id, column);
    }
  });
  const pairs = new Map<string, { relations: RelationSet; left: number; right: number; equalities: Equality[] }>();
  const factors: Factor[] = [];
  for (const { expression, relations: set, implied } of island.conditions) {
    if (implied === true) continue;
    const [a, b] = expression.kind === 'call' && expression.name === '=' ? expression.args : [];
    if (a?.kind === 'column' && b?.kind === 'column') {
      const [x, y] = [ownerOf.get(a.id)!, ownerOf.get(b.id)!];
      const [left, right] = x < y ? [a.id, b.id] : [b.id, a.id];
      const key = `${Math.min(x, y)} ${Math.max(x, y)}`;
      const pair = pairs.get(key) ?? { relations: set, left: Math.min(x, y), right: Math.max(x, y), equalities: [] };
      pair.equalities.push({ left, right });
      pairs.set(key, pair);
    } else {
      const all: RelationEstimate = { rows: 1, columns };
      factors.push({ relations: set, fraction: selectivity(expression, all) });
    }
  }
  const classes = new Map<ColumnId, ColumnId>();
  const rootOf = (id: ColumnId): ColumnId => {
    const up = classes.get(id);
    return up === undefined || up === id ? id : rootOf(up);
  };
  const simple = [...pairs.values()].filter(({ equalities }) => equalities.length === 1);
  for (const { equalities } of simple) classes.set(rootOf(equalities[0]!.left), rootOf(equalities[0]!.right));
  const grouped = new Map<ColumnId, Set<ColumnId>>();
  for (const { equalities } of simple) {
    for (const id of [equalities[0]!.left, equalities[0]!.right]) {
      const root = rootOf(id);
      grouped.set(root, (grouped.get(root) ?? new Set()).add(id));
    }
  }
  const equalClasses: EqualClass[] = [];
  for (const { relations: set, left, right, equalities } of pairs.values()) {
    const lonely = equalities.length === 1 && grouped.get(rootOf(equalities[0]!.left))!.size === 2;
    // Only a pair of columns knows of values that are common on both sides.
    if (equalities.length > 1 || lonely) {
      factors.push({ relations: set, fraction: equalitySelectivity(relations[left]!, relations[right]!, equalities) });
    }
  }
  for (const ids of grouped.values()) {
    if (ids.size < 3) continue;
    const byRelation = new Map<number, { relation: number; distinct: number; notNull: number }>();
    for (const id of ids) {
      const { distinct, nullFraction } = columns.get(id)!;
      byRelation.set(ownerOf.get(id)!, { relation: ownerOf.get(id)!, distinct, notNull: 1 - nullFraction });
    }
    equalClasses.push({ members: [...byRelation.values()] });
  }
  return { factors, classes: equalClasses };
}
