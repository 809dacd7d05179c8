/** Sites by cost: policies first, then join order and sites in one search, then where each silo's part ends. */
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';
import type { ColumnId } from '../../src/plan/expressions.ts';
import type { RelationalNode } from '../../src/plan/nodes.ts';
import { inputsOf, nodesOf } from '../../src/plan/traverse.ts';
import type { OptimizerContext } from '../context.ts';
import type { CostModel } from '../cost/model.ts';
import type { Objective } from '../cost/objective.ts';
import { ANYWHERE, assignSites, type PlacedPlan, splitFilters } from '../fragments/sites.ts';
import { MEDIATOR, type Site } from '../physical.ts';
import type { PolicyBook } from '../policy/book.ts';
import { leaksOf, onlyColumn } from '../policy/check.ts';
import { type Constrained, constrain, mayLeave } from '../policy/constrain.ts';
import type { Estimator } from '../statistics/cardinality.ts';
import { raisedNodes } from './cuts.ts';
import { earlyJoins } from './early-joins.ts';
import type { IslandSurroundings } from './island-problem.ts';
import { keyFilters } from './key-filters.ts';
import { reorder } from './reorder.ts';

export interface Knowledge {
  readonly estimate: Estimator;
  readonly model: CostModel;
  readonly objective: Objective;
  readonly policies: PolicyBook;
}

/** How far the search may go; the alternatives that EXPLAIN shows are searches with less freedom. */
export interface Freedom {
  /** Choose the join order anew. */
  readonly order: boolean;
  /** Reduce rows by the keys of another silo's rows; `unchecked`: even where policies keep them in. */
  readonly keys: boolean | 'unchecked';
  /** Run at the mediator what a silo could run. */
  readonly raise: boolean;
}

export const FREE_SEARCH: Freedom = { order: true, keys: true, raise: true };

export interface Choice extends PlacedPlan {
  /** What of it may leave its silo although the rows below may not. */
  readonly released: Constrained['released'];
  /** What policies keep back, for the user. */
  readonly notices: readonly string[];
  readonly considered: number;
  readonly exact: boolean;
}

/**
 * The cheapest legal placement.
 * @throws CausewayError CW001 when policies leave no plan
 */
export function chooseSites(
  plan: RelationalNode,
  context: OptimizerContext,
  knowledge: Knowledge,
  freedom: Freedom = FREE_SEARCH,
): Choice {
  const split = context.pushdown === 'off' ? plan : splitFilters(plan, context);
  return placed(constrain(split, knowledge.policies, freshIds(split)), context, knowledge, freedom);
}

/**
 * The cheapest legal placement of a plan that policies have constrained.
 * @throws CausewayError CW001 when there is none
 */
export function placed(
  constrained: Constrained,
  context: OptimizerContext,
  knowledge: Knowledge,
  freedom: Freedom = FREE_SEARCH,
): Choice {
  const { policies } = knowledge;
  const deepest = siteLookup(context);
  const done = context.underWay?.done;
  /** What the rows of a leaf that stands for a fragment were made of. */
  const behind = (leaf: RelationalNode): RelationalNode | undefined =>
    leaf.kind === 'memory-table' ? done?.get(leaf.name)?.plan : undefined;
  const surroundings: IslandSurroundings = {
    ...knowledge,
    capabilitiesOf: (silo) => context.silos.get(silo)?.capabilities,
    siteOf: deepest,
    mayLeave: (each) => mayLeave(each, constrained, policies),
    maySendKeys: (by, to, key) =>
      freedom.keys === 'unchecked' ||
      (freedom.keys && leaksOf(key === undefined ? by : onlyColumn(by, key), to, policies, behind).length === 0),
    arrived: (leaf) => behind(leaf) !== undefined,
  };
  const whole = (each: RelationalNode): boolean => constrained.released.has(each);
  const reordered = freedom.order
    ? reorder(constrained.plan, surroundings, whole)
    : { plan: constrained.plan, hints: [], considered: 0, exact: true };
  if (reordered === undefined) throw noPlace();

  const sites = assignSites(reordered.plan, context);
  const raised =
    freedom.raise && context.pushdown === 'on'
      ? raisedNodes(reordered.plan, { ...surroundings, siteOf: (each) => sites.get(each) ?? MEDIATOR })
      : { nodes: new Set<RelationalNode>(), hints: [] };
  const final = raised.nodes.size === 0 ? sites : assignSites(reordered.plan, context, raised.nodes);
  const siteOf = (each: RelationalNode): Site => final.get(each) ?? MEDIATOR;
  requireLawful(reordered.plan, siteOf, constrained, policies);
  return {
    plan: reordered.plan,
    released: constrained.released,
    siteOf,
    keys:
      freedom.keys === false
        ? new Map()
        : keyFilters(reordered.plan, [...reordered.hints, ...raised.hints], { ...surroundings, siteOf }),
    ...(freedom.raise ? { early: earlyJoins(reordered.plan, { ...surroundings, siteOf }) } : {}),
    notices: constrained.notices,
    considered: reordered.considered,
    exact: reordered.exact,
  };
}

/** The silo that could run a whole subtree, each answered once. */
export function siteLookup(context: OptimizerContext): (plan: RelationalNode) => Site {
  const known = new Map<RelationalNode, Site>();
  return (plan) => {
    let site = known.get(plan);
    if (site === undefined) {
      site = assignSites(plan, context).get(plan) ?? MEDIATOR;
      if (site === ANYWHERE) site = MEDIATOR;
      known.set(plan, site);
    }
    return site;
  };
}

function freshIds(plan: RelationalNode): () => ColumnId {
  let last = 0;
  for (const each of nodesOf(plan)) for (const { id } of each.columns) if (id > last) last = id;
  return () => ++last;
}

/** The subtrees that silos send, with the site of each. */
function* sentSubtrees(plan: RelationalNode, siteOf: (each: RelationalNode) => Site): Generator<RelationalNode> {
  const site = siteOf(plan);
  if (site !== MEDIATOR && site !== ANYWHERE) yield plan;
  else for (const input of inputsOf(plan)) yield* sentSubtrees(input, siteOf);
}

function requireLawful(
  plan: RelationalNode,
  siteOf: (each: RelationalNode) => Site,
  constrained: Constrained,
  policies: PolicyBook,
): void {
  if (policies.empty) return;
  for (const subtree of sentSubtrees(plan, siteOf)) {
    if (mayLeave(subtree, constrained, policies)) continue;
    throw noPlace(siteOf(subtree));
  }
}

const noPlace = (silo?: Site): CausewayError =>
  new CausewayError(
    SQLSTATE.policyViolation,
    silo === undefined
      ? 'policies let none of the plans for this statement run'
      : `policies of ${silo} let only aggregates leave, and ${silo} cannot compute this aggregate by itself`,
    {
      hint: 'Aggregate with functions that the silo itself has (count, sum, avg), over its own tables alone.',
      ...(silo === undefined ? {} : { silo }),
    },
  );
