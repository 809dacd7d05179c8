/**
 * Every plan of a query: each join tree without products of unlinked relations (all trees of its first island of inner joins, as
 * written elsewhere), with joins in the silos or at the mediator, with each possible semi-join and each two of them.
 */
import type { OptimizerContext } from '../../optimizer/context.ts';
import { cutIntoFragments } from '../../optimizer/fragments/cut.ts';
import { assignSites, type KeyFilter, type PlacedPlan, splitFilters } from '../../optimizer/fragments/sites.ts';
import { rewrite } from '../../optimizer/optimize.ts';
import { MEDIATOR, type PhysicalPlan } from '../../optimizer/physical.ts';
import { type Island, islandOf, type JoinTree, joined } from '../../optimizer/placement/island.ts';
import { everyKeyFilter, type KeySurroundings } from '../../optimizer/placement/key-filters.ts';
import type { RelationalNode } from '../../src/plan/nodes.ts';
import { inputsOf, nodesOf, withInputs } from '../../src/plan/traverse.ts';

/** What tells plans apart: everything, or only what silos are asked, which decides the bytes that leave them. */
export type Distinct = 'plans' | 'exchanges';

export function everyPlan(
  bound: RelationalNode,
  context: OptimizerContext,
  around: Pick<KeySurroundings, 'estimate' | 'model'>,
  distinct: Distinct = 'plans',
): readonly PhysicalPlan[] {
  const plans = new Map<string, PhysicalPlan>();
  /** @returns false for a plan that was there before */
  const add = (placed: PlacedPlan): boolean => {
    const physical = cutIntoFragments(placed, context);
    const told = physical.fragments.flatMap(({ id, site, request, inputs }) =>
      distinct === 'exchanges' && site === MEDIATOR
        ? []
        : [{ site, request, inputs: inputs.map((each) => ({ ...each, most: undefined })), id }],
    );
    const text = distinct === 'plans' ? textOf(told) : textOf(unnumbered(told));
    if (plans.has(text)) return false;
    plans.set(text, physical);
    return true;
  };
  for (const plan of everyOrder(splitFilters(rewrite(bound), context))) {
    for (const raised of [new Set<RelationalNode>(), joinsAndAggregates(plan)]) {
      const sites = assignSites(plan, context, raised);
      const siteOf = (each: RelationalNode): string => sites.get(each) ?? MEDIATOR;
      // Where only exchanges count, another order of the mediator's joins is no other plan.
      if (!add({ plan, siteOf }) && distinct === 'exchanges') continue;
      const capabilitiesOf = (silo: string) => context.silos.get(silo)?.capabilities;
      const surroundings = { ...around, siteOf, capabilitiesOf, maySendKeys: () => true, objective: 'time' } as const;
      const filters = everyKeyFilter(plan, surroundings);
      for (const keys of filters) add({ plan, siteOf, keys });
      if (distinct === 'plans') continue;
      for (const [i, a] of filters.entries()) {
        for (const b of filters.slice(i + 1))
          if (areCompatible(a, b)) add({ plan, siteOf, keys: new Map([...a, ...b]) });
      }
    }
  }
  return [...plans.values()];
}

const textOf = (told: unknown): string =>
  JSON.stringify(told, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));

interface Told {
  readonly id: number;
  readonly site: string;
  readonly request: unknown;
  readonly inputs: readonly { readonly from: number }[];
}

/** Requests by themselves, in one order, with the requests whose keys they wait for. */
function unnumbered(told: readonly Told[]): readonly string[] {
  const byId = new Map(told.map((each) => [each.id, each]));
  const whole = ({ site, request, inputs }: Told): string =>
    textOf([site, request, inputs.map((each) => [each, whole(byId.get(each.from)!)].slice(1))]);
  return told.map(whole).sort();
}

/** Two semi-joins of different rows, neither of which waits for the other in a circle. */
function areCompatible(a: ReadonlyMap<RelationalNode, KeyFilter>, b: ReadonlyMap<RelationalNode, KeyFilter>): boolean {
  const [[readerA, { by: byA }]] = [...a] as [[RelationalNode, KeyFilter]];
  const [[readerB, { by: byB }]] = [...b] as [[RelationalNode, KeyFilter]];
  return readerA !== readerB && !(byA === readerB && byB === readerA);
}

const joinsAndAggregates = (plan: RelationalNode): ReadonlySet<RelationalNode> =>
  new Set([...nodesOf(plan)].filter(({ kind }) => kind === 'join' || kind === 'aggregate'));

function everyOrder(plan: RelationalNode): readonly RelationalNode[] {
  const island = islandOf(plan, () => false);
  if (island !== undefined) {
    const all = (1 << island.relations.length) - 1;
    return treesOf(all, linked(island)).map((tree) => joined(island, tree));
  }
  const [only, ...others] = inputsOf(plan);
  if (only === undefined || others.length > 0) return [plan];
  return everyOrder(only).map((input) => withInputs(plan, [input]));
}

/** The relations that a condition links to a set. */
const linked =
  ({ conditions, relations }: Island) =>
  (left: number, right: number): boolean =>
    relations.length < 3 || conditions.some(({ relations: set }) => (set & left) !== 0 && (set & right) !== 0);

/**
 * Every binary tree over the relations, mirror images aside, whose joins have a condition; with one product at the top where
 * the relations fall in two.
 */
function treesOf(all: number, link: (left: number, right: number) => boolean): readonly JoinTree[] {
  const known = new Map<number, readonly JoinTree[]>();
  const build = (set: number): readonly JoinTree[] => {
    const found = known.get(set);
    if (found !== undefined) return found;
    const joins = halves(set).filter(([left, right]) => link(left, right));
    const trees = (set & -set) === set ? [31 - Math.clz32(set)] : pairs(joins);
    known.set(set, trees);
    return trees;
  };
  const pairs = (joins: readonly (readonly [number, number])[]): readonly JoinTree[] =>
    joins.flatMap(([l, r]) => build(l).flatMap((left) => build(r).map((right) => ({ left, right }))));
  const trees = build(all);
  return trees.length > 0 ? trees : pairs(halves(all));
}

/** A set in two parts, in every way. */
function halves(set: number): readonly (readonly [number, number])[] {
  const first = set & -set;
  const rest = set & ~first;
  const found: [number, number][] = [];
  for (let right = rest; right !== 0; right = (right - 1) & rest) found.push([set & ~right, right]);
  return found;
}
