/** One logical plan in, one physical plan out: rewrite by rules, choose a site per node, cut into fragments. */
import type { RelationalNode } from '../src/plan/nodes.ts';
import type { OptimizerContext } from './context.ts';
import { cutIntoFragments } from './fragments/cut.ts';
import { type ChooseSites, deepestSites } from './fragments/sites.ts';
import type { PhysicalPlan } from './physical.ts';
import { decorrelate } from './rules/decorrelate.ts';
import { foldConstants } from './rules/fold-constants.ts';
import { inlineCtes } from './rules/inline-ctes.ts';
import { liftJoinSubqueries } from './rules/join-subqueries.ts';
import { aggregatePartially } from './rules/partial-aggregation.ts';
import { partitionJoins } from './rules/partition-joins.ts';
import { pruneColumns } from './rules/prune-columns.ts';
import { pruneEmpty } from './rules/prune-empty.ts';
import { pushIntoUnions } from './rules/push-into-unions.ts';
import { pushLimits } from './rules/push-limits.ts';
import { pushPredicates } from './rules/push-predicates.ts';
import { releaseGuards } from './rules/release-guards.ts';
import { shareCtePredicates } from './rules/share-cte-predicates.ts';
import { expandWithTies } from './rules/with-ties.ts';

type Rule = (plan: RelationalNode) => RelationalNode;

/** In order: what one rule makes, the next one needs. */
export const RULES: readonly Rule[] = [
  inlineCtes,
  foldConstants,
  decorrelate,
  pushPredicates,
  foldConstants,
  pruneEmpty,
  shareCtePredicates,
  partitionJoins,
  pushPredicates,
  releaseGuards,
  pushIntoUnions,
  aggregatePartially,
  pushLimits,
  pruneColumns,
];

export const NORMAL_FORM: readonly Rule[] = [expandWithTies, liftJoinSubqueries];

/** What must be rewritten even when nothing is pushed down: not every engine of ours has these words. */
export const normalize = (plan: RelationalNode): RelationalNode =>
  NORMAL_FORM.reduce((before, rule) => rule(before), plan);

/** The plan rewritten by all rules: the same rows in the same columns, asked for more cleverly. */
export const rewrite = (plan: RelationalNode): RelationalNode =>
  RULES.reduce((before, rule) => rule(before), normalize(plan));

/**
 * @param choose the step that decides where each node runs
 * @throws CausewayError when the plan names a silo that the context does not know
 */
export function optimize(
  plan: RelationalNode,
  context: OptimizerContext,
  choose: ChooseSites = deepestSites,
): PhysicalPlan {
  const rewritten = context.pushdown === 'on' ? rewrite(plan) : normalize(plan);
  return cutIntoFragments(choose(rewritten, context), context);
}
