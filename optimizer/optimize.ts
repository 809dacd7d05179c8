/** One logical plan in, one physical plan out: rewrite by rules, choose a site per node, cut into fragments. */
import type { RelationalNode } from '../src/plan/nodes.ts';
import type { OptimizerContext } from './context.ts';
import { cutIntoFragments } from './fragments/cut.ts';
import { type ChooseSites, deepestSites } from './fragments/sites.ts';
import type { PhysicalPlan } from './physical.ts';

/**
 * @param choose the step that decides where each node runs
 * @throws CausewayError when the plan names a silo that the context does not know
 */
export function optimize(
  plan: RelationalNode,
  context: OptimizerContext,
  choose: ChooseSites = deepestSites,
): PhysicalPlan {
  return cutIntoFragments(choose(plan, context), context);
}
