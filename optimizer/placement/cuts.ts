/**
 * Where a silo's part of the plan ends: of all nodes that a silo could run, those that are cheaper at the mediator. A join
 * that multiplies rows, for example, is better done after the exchange than before it.
 */

import type { Capabilities } from '../../connectors/capabilities.ts';
import type { Column } from '../../src/plan/expressions.ts';
import type { Join, RelationalNode } from '../../src/plan/nodes.ts';
import { expressionsOf, hasSubquery, inputsOf, outerColumns } from '../../src/plan/traverse.ts';
import type { CostModel } from '../cost/model.ts';
import { nodeWork, resultWork, subtreeWork } from '../cost/node-work.ts';
import { type Cost, inSequence, leading, type Objective } from '../cost/objective.ts';
import { type PerUnit, secondsFor } from '../cost/work.ts';
import { MEDIATOR, type Site } from '../physical.ts';
import type { Estimator } from '../statistics/cardinality.ts';
import { acceptsKeys, joinKeys } from './key-filters.ts';
import type { KeyHint } from './reorder.ts';

export interface CutSurroundings {
  readonly estimate: Estimator;
  readonly model: CostModel;
  readonly objective: Objective;
  /** The deepest site that can run the node. */
  readonly siteOf: (plan: RelationalNode) => Site;
  readonly mayLeave: (plan: RelationalNode) => boolean;
  readonly capabilitiesOf: (silo: Site) => Capabilities | undefined;
  readonly maySendKeys: (by: RelationalNode, to: Site, key?: Column) => boolean;
}

interface Cut {
  readonly cost: Cost;
  /** Nodes that run at the mediator although the silo could. */
  readonly raised: readonly RelationalNode[];
  readonly hints: readonly KeyHint[];
}

export interface Raised {
  readonly nodes: ReadonlySet<RelationalNode>;
  /** Semi-joins between the parts that a silo then sends one after the other. */
  readonly hints: readonly KeyHint[];
}

/** The nodes that are better run at the mediator, in the whole plan. */
export function raisedNodes(plan: RelationalNode, around: CutSurroundings): Raised {
  const nodes = new Set<RelationalNode>();
  const hints: KeyHint[] = [];
  const visit = (each: RelationalNode): void => {
    const site = around.siteOf(each);
    if (site === MEDIATOR || site === '') {
      inputsOf(each).forEach(visit);
      return;
    }
    const best = bestCut(each, site, around);
    for (const lifted of best?.raised ?? []) nodes.add(lifted);
    hints.push(...(best?.hints ?? []));
  };
  visit(plan);
  return { nodes, hints };
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
        hints: [],
      }
    : undefined;
  if (!canBeRaised(plan)) return whole;
  let cost = priced(MEDIATOR, nodeWork(plan, estimate), around);
  const raised: RelationalNode[] = [plan];
  const hints: KeyHint[] = [];
  const startup = around.model.profile(silo).seconds.startup;
  for (const [i, input] of inputsOf(plan).entries()) {
    const below = bestCut(input, silo, around);
    if (below === undefined) return whole;
    // The silo's statements wait for their first answers side by side.
    const waited = i === 0 ? 0 : Math.min(startup, below.cost.seconds);
    cost = inSequence(cost, { ...below.cost, seconds: below.cost.seconds - waited });
    raised.push(...below.raised);
    hints.push(...below.hints);
  }
  // For time a silo's own join is nearly always better than asking it twice.
  if (plan.kind === 'join' && raised.length === 1 && objective !== 'time') {
    for (const { hint, saved } of keyHints(plan, silo, around)) {
      if (saved.bytes <= 0 || hints.length > 0) continue;
      cost = { ...cost, bytes: cost.bytes - saved.bytes, money: cost.money - saved.money };
      hints.push(hint);
    }
  }
  return whole !== undefined && !worthRaising(whole.cost, cost, objective) ? whole : { cost, raised, hints };
}

/** The ways to ask for one input of a join only by the keys of the other, with what each saves; the best one first. */
function keyHints(
  join: Join,
  silo: Site,
  around: CutSurroundings,
): readonly { readonly hint: KeyHint; readonly saved: Pick<Cost, 'bytes' | 'money'> }[] {
  const { estimate, model } = around;
  const { moneyPerByte } = model.profile(silo);
  return joinKeys(join)
    .flatMap(({ side, own, other }) => {
      const reader = join[side];
      const by = join[side === 'left' ? 'right' : 'left'];
      const key = by.columns.find(({ id }) => id === other);
      const column = reader.columns.find(({ id }) => id === own);
      const capabilities = around.capabilitiesOf(silo);
      if (key === undefined || column === undefined || capabilities === undefined) return [];
      if (!acceptsKeys(column, capabilities) || !around.maySendKeys(by, silo, key)) return [];
      const keys = estimate(by).columns.get(other);
      const distinct = Math.max(1, estimate(reader).columns.get(own)?.distinct ?? 1);
      const share = Math.min(1, (keys?.distinct ?? distinct) / distinct);
      const bytes = (1 - share) * resultWork(reader, estimate).bytes - (keys?.distinct ?? 0) * (keys?.width ?? 8);
      return [{ hint: { reduced: own, keys: other }, saved: { bytes, money: bytes * moneyPerByte } }];
    })
    .sort((a, b) => b.saved.bytes - a.saved.bytes);
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
