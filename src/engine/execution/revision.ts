/** Re-planning for the executor: what it tells of a running plan, answered by the optimizer. */
import type { PlannedStatement, PlanningInput } from '../../../optimizer/plan-statement.ts';
import { isSurprising, type Replanned, replan } from '../../../optimizer/replan.ts';
import type { Revision } from './gather.ts';

/**
 * @param input what the plan was made with
 * @param onReplan called with every plan that replaces the one before
 */
export function revisionOf(
  planned: PlannedStatement,
  input: PlanningInput,
  onReplan?: (planned: Replanned) => void,
): Revision {
  let current = planned;
  return {
    surprising(fragment, shown) {
      return isSurprising(current.cost.fragments.find((each) => each.fragment === fragment)?.rows, shown);
    },
    revise(progress) {
      const revised = replan(current, input, progress);
      if (revised === undefined) return undefined;
      current = revised;
      onReplan?.(revised);
      return revised.physical;
    },
  };
}
