/**
 * Joins of the mediator that are made before the rest of its statement: rows that a silo sent, joined with a table that is read
 * in place and of which they leave little. The mediator's engine orders its joins by what it knows of its tables; of rows that
 * were sent it knows their number, but not that they are a choice of many. Once such a join is made, it sees how few rows are left.
 */
import type { Capabilities } from '../../connectors/capabilities.ts';
import type { RelationalNode } from '../../src/plan/nodes.ts';
import { expressionsOf, hasSubquery, inputsOf, outerColumns } from '../../src/plan/traverse.ts';
import { ANYWHERE } from '../fragments/sites.ts';
import { MEDIATOR, type Site } from '../physical.ts';
import type { Estimator } from '../statistics/cardinality.ts';
import { joinCondition } from '../statistics/joins.ts';

export interface EarlySurroundings {
  readonly estimate: Estimator;
  readonly siteOf: (plan: RelationalNode) => Site;
  readonly capabilitiesOf: (silo: Site) => Capabilities | undefined;
}

/** Of fewer rows any order will do. */
const FEWEST_READ = 100_000;

/** More are not kept for this. */
const MOST_KEPT = 2_000_000;

/** What must go. */
const LEFT = 0.4;

export function earlyJoins(plan: RelationalNode, around: EarlySurroundings): ReadonlySet<RelationalNode> {
  const early = new Set<RelationalNode>();
  const visit = (each: RelationalNode, joinedLater: boolean): void => {
    const site = around.siteOf(each);
    if (site !== MEDIATOR && site !== ANYWHERE) return;
    // Inside a common table expression the reader's own parts are not to be had.
    if (each.kind === 'with') return;
    // The select list above leaves out what only the join itself reads.
    if (joinedLater && leavesLittle(each.kind === 'project' ? each.input : each, around)) {
      early.add(each);
      return;
    }
    for (const input of inputsOf(each)) visit(input, joinedLater || each.kind === 'join');
  };
  visit(plan, false);
  return early;
}

function leavesLittle(plan: RelationalNode, around: EarlySurroundings): boolean {
  if (plan.kind !== 'join' || plan.type !== 'inner' || plan.lateral === true) return false;
  if (around.siteOf(plan) !== MEDIATOR) return false;
  if (expressionsOf(plan).some(hasSubquery) || outerColumns(plan).size > 0) return false;
  const { estimate } = around;
  const { left, right } = plan;
  const read = isRead(left, around) ? left : isRead(right, around) ? right : undefined;
  const other = read === left ? right : left;
  if (read === undefined || !isSent(other, around)) return false;
  if (joinCondition(plan.on, estimate(left).columns, estimate(right).columns).equalities.length === 0) return false;
  const rows = estimate(read).rows;
  const kept = estimate(plan).rows;
  return rows >= FEWEST_READ && kept <= LEFT * rows && kept <= MOST_KEPT;
}

const inPlace = (plan: RelationalNode, { siteOf, capabilitiesOf }: EarlySurroundings): boolean =>
  capabilitiesOf(siteOf(plan))?.inPlace === true;

/** Read in place, select lists and filters of the mediator aside. */
const isRead = (plan: RelationalNode, around: EarlySurroundings): boolean =>
  inPlace(plan, around) ||
  ((plan.kind === 'filter' || plan.kind === 'project') &&
    around.siteOf(plan) === MEDIATOR &&
    isRead(plan.input, around));

/** Made of nothing but what silos send. */
function isSent(plan: RelationalNode, around: EarlySurroundings): boolean {
  const site = around.siteOf(plan);
  if (site !== MEDIATOR && site !== ANYWHERE) return !inPlace(plan, around);
  const inputs = inputsOf(plan);
  return inputs.length > 0 && inputs.every((input) => isSent(input, around));
}
