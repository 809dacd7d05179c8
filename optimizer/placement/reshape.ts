/** Rewrites that pay by the number of rows, before order and sites are searched. */

import type { RelationalNode } from '../../src/plan/nodes.ts';
import { nodesOf } from '../../src/plan/traverse.ts';
import type { OptimizerContext } from '../context.ts';
import { MEDIATOR, type Site } from '../physical.ts';
import { type Knowledge, siteLookup } from './choose.ts';
import { lowerSemiJoins } from './lower-semi-joins.ts';
import { reduceGroups } from './reduce-groups.ts';

/** Policies judge each table where it is read: where there are any, nothing is read twice or joined elsewhere. */
export function reshape(plan: RelationalNode, context: OptimizerContext, knowledge: Knowledge): RelationalNode {
  if (context.pushdown === 'off' || !knowledge.policies.empty) return plan;
  const { estimate, model } = knowledge;
  const inPlace = (silo: Site): boolean => context.silos.get(silo)?.capabilities.inPlace === true;
  const together = (a: RelationalNode, b: RelationalNode): boolean => {
    const silos = new Set([...silosOf(a), ...silosOf(b)]);
    return silos.size === 1 || [...silos].every(inPlace);
  };
  const readableAt = (each: RelationalNode, site: Site): boolean => {
    const silos = [...silosOf(each)];
    if (silos.every((silo) => silo === site)) return true;
    return (site === MEDIATOR || inPlace(site)) && silos.every(inPlace);
  };
  const reduced = reduceGroups(plan, { estimate, model, siteOf: siteLookup(context), readableAt });
  return lowerSemiJoins(reduced, { estimate, together });
}

function silosOf(plan: RelationalNode): ReadonlySet<Site> {
  const silos = new Set<Site>();
  for (const each of nodesOf(plan)) if (each.kind === 'scan' || each.kind === 'native-query') silos.add(each.silo);
  return silos;
}
