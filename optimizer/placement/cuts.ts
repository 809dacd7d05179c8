/**
 * Where a silo's part of the plan ends: of all nodes that a silo could run, those that are cheaper at the mediator. A join
 * that multiplies rows, for example, is better done after the exchange than before it.
 */
import type { RelationalNode } from '../../src/plan/nodes.ts';
import { expressionsOf, hasSubquery, inputsOf, outerColumns } from '../../src/plan/traverse.ts';
import type { CostModel } from '../cost/model.ts';
import { nodeWork, resultWork, subtreeWork } from '../cost/node-work.ts';
import { type Cost, inSequence, leading, type Objective } from '../cost/objective.ts';
import { type PerUnit, secondsFor } from '../cost/work.ts';
import { MEDIATOR, type Site } from '../physical.ts';
import type { Estimator } from '../statistics/cardinality.ts';

export interface CutSurroundings {
  readonly estimate: Estimator;
  readonly model: CostModel;
  readonly objective: Objective;
  /** The deepest site that can run the node. */
  readonly siteOf: (plan: RelationalNode) => Site;
  readonly mayLeave: (plan: RelationalNode) => boolean;
}

interface Cut {
  readonly cost: Cost;
  /** Nodes that run at the mediator although the silo could. */
  readonly raised: readonly RelationalNode[];
}

/** The nodes that are better run at the mediator, in the whole plan. */
export function raisedNodes(plan: RelationalNode, around: CutSurroundings): ReadonlySet<RelationalNode> {
  const raised = new Set<RelationalNode>();
  const visit = (each: RelationalNode): void => {
    const site = around.siteOf(each);
    if (site === MEDIATOR || site === '') {
      inputsOf(each).forEach(visit);
      return;
    }
    for (const lifted of bestCut(each, site, around)?.raised ?? []) raised.add(lifted);
  };
  visit(plan);
  return raised;
}

function bestCut(plan: RelationalNode, silo: Site, around: CutSurroundings): Cut | undefined {
  const { estimate, objective } = around;
  const whole: Cut | undefined = around.mayLeave(plan)
    ? {
        cost: inSequence(
          priced(silo, subtreeWork(plan, estimate), around),
          priced(silo, resultWork(plan, estimate), around),
        ),
        raised: [],
      }
    : undefined;
  if (!canBeRaised(plan)) return whole;
  let cost = priced(MEDIATOR, nodeWork(plan, estimate), around);
  const raised: RelationalNode[] = [plan];
  const startup = around.model.profile(silo).seconds.startup;
  for (const [i, input] of inputsOf(plan).entries()) {
    const below = bestCut(input, silo, around);
    if (below === undefined) return whole;
    // The silo's statements wait for their first answers side by side.
    const waited = i === 0 ? 0 : Math.min(startup, below.cost.seconds);
    cost = inSequence(cost, { ...below.cost, seconds: below.cost.seconds - waited });
    raised.push(...below.raised);
  }
  return whole !== undefined && !worthRaising(whole.cost, cost, objective) ? whole : { cost, raised };
}

/**
 * A silo's own engine answers in its own types, streams straight through and needs no memory of ours. So a silo keeps what
 * it can run unless the mediator is better by this part, and by what it takes the mediator to begin.
 */
const CLEARLY = 1.1;
const MEDIATOR_SECONDS = 0.005;

function worthRaising(whole: Cost, raised: Cost, objective: Objective): boolean {
  const margin = objective === 'time' ? MEDIATOR_SECONDS : 0;
  return leading(whole, objective) > CLEARLY * leading(raised, objective) + margin;
}

/** Only what does not depend on its surroundings may change its place alone. */
function canBeRaised(plan: RelationalNode): boolean {
  switch (plan.kind) {
    case 'filter':
    case 'project':
    case 'join':
    case 'aggregate':
    case 'window':
    case 'sort':
    case 'limit':
    case 'distinct':
    case 'set-operation':
      return !expressionsOf(plan).some(hasSubquery) && outerColumns(plan).size === 0;
    default:
      return false;
  }
}

function priced(site: Site, amounts: PerUnit, { model }: CutSurroundings): Cost {
  const profile = model.profile(site);
  const seconds = secondsFor(amounts, profile.seconds);
  const bytes = site === MEDIATOR ? 0 : amounts.bytes;
  return { seconds, bytes, money: bytes * profile.moneyPerByte + seconds * profile.moneyPerSecond };
}
