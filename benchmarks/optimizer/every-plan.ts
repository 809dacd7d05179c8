/** Every plan of a small query: each join tree, with joins in the silos or at the mediator, with each possible semi-join. */
import type { OptimizerContext } from '../../optimizer/context.ts';
import { cutIntoFragments } from '../../optimizer/fragments/cut.ts';
import { assignSites, type PlacedPlan, splitFilters } from '../../optimizer/fragments/sites.ts';
import { rewrite } from '../../optimizer/optimize.ts';
import { MEDIATOR, type PhysicalPlan } from '../../optimizer/physical.ts';
import { islandOf, type JoinTree, joined } from '../../optimizer/placement/island.ts';
import { everyKeyFilter, type KeySurroundings } from '../../optimizer/placement/key-filters.ts';
import type { RelationalNode } from '../../src/plan/nodes.ts';
import { inputsOf, nodesOf, withInputs } from '../../src/plan/traverse.ts';

export function everyPlan(
  bound: RelationalNode,
  context: OptimizerContext,
  around: Pick<KeySurroundings, 'estimate' | 'model'>,
): readonly PhysicalPlan[] {
  const plans = new Map<string, PhysicalPlan>();
  const add = (placed: PlacedPlan): void => {
    const physical = cutIntoFragments(placed, context);
    const text = JSON.stringify(
      physical.fragments.map(({ site, request, inputs }) => [site, request, inputs]),
      (key, value: unknown) => (key === 'most' || typeof value === 'bigint' ? undefined : value),
    );
    plans.set(text, plans.get(text) ?? physical);
  };
  for (const plan of everyOrder(splitFilters(rewrite(bound), context))) {
    for (const raised of [new Set<RelationalNode>(), joinsAndAggregates(plan)]) {
      const sites = assignSites(plan, context, raised);
      const siteOf = (each: RelationalNode): string => sites.get(each) ?? MEDIATOR;
      add({ plan, siteOf });
      const capabilitiesOf = (silo: string) => context.silos.get(silo)?.capabilities;
      const filters = everyKeyFilter(plan, {
        ...around,
        siteOf,
        capabilitiesOf,
        maySendKeys: () => true,
        objective: 'time',
      });
      for (const keys of filters) add({ plan, siteOf, keys });
    }
  }
  return [...plans.values()];
}

const joinsAndAggregates = (plan: RelationalNode): ReadonlySet<RelationalNode> =>
  new Set([...nodesOf(plan)].filter(({ kind }) => kind === 'join' || kind === 'aggregate'));

function everyOrder(plan: RelationalNode): readonly RelationalNode[] {
  const island = islandOf(plan, () => false);
  if (island !== undefined) {
    const all = island.relations.map((_, i) => i);
    return trees(all).map((tree) => joined(island, tree));
  }
  const [only, ...others] = inputsOf(plan);
  if (only === undefined || others.length > 0) return [plan];
  return everyOrder(only).map((input) => withInputs(plan, [input]));
}

/** Every binary tree over the relations, mirror images aside. */
function trees(relations: readonly number[]): readonly JoinTree[] {
  if (relations.length === 1) return [relations[0]!];
  const [first, ...rest] = relations;
  const found: JoinTree[] = [];
  for (let chosen = 0; chosen < 2 ** rest.length - 1; chosen++) {
    const left = [first!, ...rest.filter((_, i) => (chosen & (1 << i)) !== 0)];
    const right = rest.filter((_, i) => (chosen & (1 << i)) === 0);
    for (const l of trees(left)) for (const r of trees(right)) found.push({ left: l, right: r });
  }
  return found;
}
