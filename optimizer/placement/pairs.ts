/**
 * All pairs of connected, disjoint, adjacent sets of relations — the joins without cross products — each once, smaller
 * sets first where it matters: DPccp (Moerkotte and Neumann, VLDB 2006).
 */
import { firstOf, type RelationSet, single } from './sets.ts';

/** For each relation, the set of its neighbours. */
export type Adjacency = readonly RelationSet[];

export function adjacencyOf(relations: number, edges: readonly (readonly [number, number])[]): Adjacency {
  const adjacency = new Array<RelationSet>(relations).fill(0);
  for (const [a, b] of edges) {
    if (a === b) continue;
    adjacency[a] = adjacency[a]! | single(b);
    adjacency[b] = adjacency[b]! | single(a);
  }
  return adjacency;
}

/** The relations next to a set. */
export function neighbours(adjacency: Adjacency, set: RelationSet): RelationSet {
  let found = 0;
  for (let rest = set; rest !== 0; rest &= rest - 1) found |= adjacency[firstOf(rest)]!;
  return found & ~set;
}

/** The maximal connected sets. */
export function components(adjacency: Adjacency): readonly RelationSet[] {
  const found: RelationSet[] = [];
  let seen = 0;
  for (let i = 0; i < adjacency.length; i++) {
    if ((seen & single(i)) !== 0) continue;
    let component = single(i);
    for (let grown = neighbours(adjacency, component); grown !== 0; grown = neighbours(adjacency, component)) {
      component |= grown;
    }
    seen |= component;
    found.push(component);
  }
  return found;
}

/**
 * Calls `visit` for every pair.
 * @returns false when there are more than `budget` pairs, as soon as that is known
 */
export function forEachPair(
  adjacency: Adjacency,
  visit: (left: RelationSet, right: RelationSet) => void,
  budget = Number.POSITIVE_INFINITY,
): boolean {
  const relations = adjacency.length;
  let left = budget;
  const below = (relation: number): RelationSet => 2 * single(relation) - 1;

  const complements = (first: RelationSet): boolean => {
    const excluded = below(firstOf(first)) | first;
    const around = neighbours(adjacency, first) & ~excluded;
    for (let i = relations - 1; i >= 0; i--) {
      if ((around & single(i)) === 0) continue;
      if (--left < 0) return false;
      visit(first, single(i));
      if (!extendComplement(first, single(i), excluded | (below(i) & around))) return false;
    }
    return true;
  };

  const extendComplement = (first: RelationSet, second: RelationSet, excluded: RelationSet): boolean => {
    const around = neighbours(adjacency, second) & ~excluded;
    for (let part = around & -around; part !== 0; part = (part - around) & around) {
      if (--left < 0) return false;
      visit(first, second | part);
    }
    for (let part = around & -around; part !== 0; part = (part - around) & around) {
      if (!extendComplement(first, second | part, excluded | around)) return false;
    }
    return true;
  };

  const extend = (set: RelationSet, excluded: RelationSet): boolean => {
    const around = neighbours(adjacency, set) & ~excluded;
    for (let part = around & -around; part !== 0; part = (part - around) & around) {
      if (!complements(set | part)) return false;
    }
    for (let part = around & -around; part !== 0; part = (part - around) & around) {
      if (!extend(set | part, excluded | around)) return false;
    }
    return true;
  };

  for (let i = relations - 1; i >= 0; i--) {
    if (!complements(single(i))) return false;
    if (!extend(single(i), below(i))) return false;
  }
  return true;
}
