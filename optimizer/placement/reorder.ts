/** Replaces the written order of every island of inner joins by the cheapest one that the search finds. */
import type { ColumnId } from '../../src/plan/expressions.ts';
import type { RelationalNode } from '../../src/plan/nodes.ts';
import { inputsOf, withInputs } from '../../src/plan/traverse.ts';
import { compareCosts } from '../cost/objective.ts';
import { costOf, type Entry } from './entry.ts';
import { type Island, islandOf, type JoinTree, joined } from './island.ts';
import { type IslandProblem, type IslandSurroundings, islandProblem } from './island-problem.ts';
import { search } from './search.ts';
import { firstOf } from './sets.ts';

/** A semi-join that the search chose: rows that carry `reduced` are wanted only where `by`'s values of `keys` occur. */
export interface KeyHint {
  readonly reduced: ColumnId;
  readonly keys: ColumnId;
}

export interface Reordered {
  readonly plan: RelationalNode;
  readonly hints: readonly KeyHint[];
  /** Joins that were considered, over all islands. */
  readonly considered: number;
  /** False when an island was too large to be searched exactly. */
  readonly exact: boolean;
}

/**
 * @param whole nodes that must stay as they are
 * @returns undefined when an island has no legal plan at all
 */
export function reorder(
  plan: RelationalNode,
  around: IslandSurroundings,
  whole: (plan: RelationalNode) => boolean,
): Reordered | undefined {
  const hints: KeyHint[] = [];
  let considered = 0;
  let exact = true;
  let possible = true;

  const visit = (each: RelationalNode): RelationalNode => {
    if (whole(each)) return each;
    const island = islandOf(each, whole);
    if (island === undefined) return withInputs(each, inputsOf(each).map(visit));
    const inner: Island = { ...island, relations: island.relations.map(visit) };
    const problem = islandProblem(inner, around);
    const result = search(problem);
    considered += result.considered;
    exact &&= result.exact;
    const best = result.plans.flat().toSorted((a, b) => compareCosts(costOf(a), costOf(b), around.objective))[0];
    if (best === undefined) {
      possible = false;
      return each;
    }
    hints.push(...hintsOf(best, problem));
    return joined(inner, treeOf(best));
  };
  const reordered = visit(plan);
  return possible ? { plan: reordered, hints, considered, exact } : undefined;
}

function treeOf({ step, set }: Entry): JoinTree {
  switch (step.kind) {
    case 'read':
      return firstOf(set);
    case 'ship':
      return treeOf(step.input);
    case 'join':
      return { left: treeOf(step.left), right: treeOf(step.right) };
  }
}

function hintsOf({ step }: Entry, problem: IslandProblem): readonly KeyHint[] {
  switch (step.kind) {
    case 'read':
      return [];
    case 'ship': {
      const pair = step.by === undefined ? undefined : problem.keyPair(step.input.set, step.by.set);
      const own = pair === undefined ? [] : [{ reduced: pair.reduced.id, keys: pair.by.id }];
      return [...hintsOf(step.input, problem), ...own];
    }
    case 'join':
      return [...hintsOf(step.left, problem), ...hintsOf(step.right, problem)];
  }
}
