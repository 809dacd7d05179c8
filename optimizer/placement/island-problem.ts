/** An island as a problem of the search: what reading, joining and sending its relations costs at which site. */
import type { Capabilities } from '../../connectors/capabilities.ts';
import type { Column } from '../../src/plan/expressions.ts';
import type { RelationalNode } from '../../src/plan/nodes.ts';
import type { CostModel } from '../cost/model.ts';
import { subtreeWork } from '../cost/node-work.ts';
import type { Cost, Objective } from '../cost/objective.ts';
import { FREE } from '../cost/objective.ts';
import { addWork, crossWork, joinWork, type PerUnit, secondsFor, shipWork, work } from '../cost/work.ts';
import { expressionSupport } from '../fragments/supports.ts';
import { MEDIATOR, type Site } from '../physical.ts';
import type { Estimator } from '../statistics/cardinality.ts';
import { conditionsBetween, type Island, neededColumns } from './island.ts';
import { islandRows } from './island-rows.ts';
import { acceptsKeys } from './key-filters.ts';
import type { Access, JoinProblem, ShipCost } from './problem.ts';
import { firstOf, members, type RelationSet, single } from './sets.ts';

/** Longer lists of keys are not sent; the executor's own limit is of this order. */
const MOST_KEYS = 50_000;

export interface IslandSurroundings {
  readonly estimate: Estimator;
  readonly model: CostModel;
  readonly objective: Objective;
  readonly capabilitiesOf: (silo: Site) => Capabilities | undefined;
  /** The silo that can run the whole subtree, or the mediator. */
  readonly siteOf: (plan: RelationalNode) => Site;
  /** False where a policy keeps the subtree's rows in. */
  readonly mayLeave: (plan: RelationalNode) => boolean;
  /** Whether values of the relation may go to the silo: of the key column, or of all columns without one. */
  readonly maySendKeys: (by: RelationalNode, to: Site, key?: Column) => boolean;
  /** True for a leaf that stands for rows which are at the mediator already. */
  readonly arrived?: (leaf: RelationalNode) => boolean;
}

/** The equality whose keys reduce one side of a join by the other. */
interface KeyPair {
  readonly by: Column;
  readonly reduced: Column;
}

export interface IslandProblem extends JoinProblem {
  readonly siteNames: readonly Site[];
  /** The key pair that a semi-join between the sets would use. */
  readonly keyPair: (set: RelationSet, by: RelationSet) => KeyPair | undefined;
}

export function islandProblem(island: Island, around: IslandSurroundings): IslandProblem {
  const { estimate, model, objective } = around;
  const homes = island.relations.map((relation) => around.siteOf(relation));
  const siteNames = [...new Set(homes.filter((site) => site !== MEDIATOR)), MEDIATOR];
  const mediator = siteNames.length - 1;
  const mayLeave = island.relations.map(around.mayLeave);
  const arrived = (relation: RelationalNode): boolean =>
    relation.kind === 'filter' || relation.kind === 'project'
      ? arrived(relation.input)
      : around.arrived?.(relation) === true;
  const rows = islandRows(island, estimate);
  const widths = new Map<RelationSet, number>();
  const widthOf = (set: RelationSet): number => {
    const known = widths.get(set);
    if (known !== undefined) return known;
    let width = 0;
    for (const { id } of neededColumns(island, set)) width += columnOf(id)?.width ?? 8;
    widths.set(set, Math.max(1, width));
    return Math.max(1, width);
  };
  const columnOf = (id: number) => {
    for (const relation of island.relations) {
      const column = estimate(relation).columns.get(id);
      if (column !== undefined) return column;
    }
    return undefined;
  };
  const cost = (site: number, amounts: PerUnit, bytes = 0): Cost => {
    const profile = model.profile(siteNames[site]!);
    const seconds = secondsFor(amounts, profile.seconds);
    return { seconds, bytes, money: bytes * profile.moneyPerByte + seconds * profile.moneyPerSecond };
  };

  const shipped = (site: number, amounts: PerUnit, bytes: number): ShipCost => ({
    ...cost(site, amounts, bytes),
    latency: model.profile(siteNames[site]!).seconds.startup,
  });

  const relations = island.relations.map((relation, i): readonly Access[] => {
    const site = siteNames.indexOf(homes[i]!);
    // What already is at the mediator costs the same in every plan.
    return [{ site, cost: site === mediator ? FREE : cost(site, subtreeWork(relation, estimate)) }];
  });

  const edges: (readonly [number, number])[] = [];
  for (const { relations: set } of island.conditions) {
    const all = [...members(set)];
    for (const [i, a] of all.entries()) for (const b of all.slice(i + 1)) edges.push([a, b]);
  }

  const canJoin = (left: RelationSet, right: RelationSet, site: number): boolean => {
    if (site === mediator) return true;
    const capabilities = around.capabilitiesOf(siteNames[site]!);
    if (capabilities?.language !== 'sql' || capabilities.operations.join !== 'exact') return false;
    return conditionsBetween(island, left, right).every(
      ({ expression }) => expressionSupport(expression, capabilities) === 'exact',
    );
  };

  const hashable = (left: RelationSet, right: RelationSet): boolean =>
    conditionsBetween(island, left, right).some(
      ({ expression }) => expression.kind === 'call' && expression.name === '=',
    );

  const keyPair = (set: RelationSet, by: RelationSet): KeyPair | undefined => {
    const own = new Map(neededColumns(island, set).map((column) => [column.id, column]));
    const other = new Map(neededColumns(island, by).map((column) => [column.id, column]));
    for (const { expression } of conditionsBetween(island, set, by)) {
      if (expression.kind !== 'call' || expression.name !== '=') continue;
      const [a, b] = expression.args;
      if (a?.kind !== 'column' || b?.kind !== 'column') continue;
      const reduced = own.get(a.id) ?? own.get(b.id);
      const keys = other.get(a.id) ?? other.get(b.id);
      if (reduced !== undefined && keys !== undefined) return { by: keys, reduced };
    }
    return undefined;
  };

  const sent = (set: RelationSet): boolean => {
    for (const relation of members(set)) if (!mayLeave[relation]) return false;
    return true;
  };

  return {
    siteNames,
    sites: siteNames.length,
    objective,
    relations,
    edges,
    rows,
    keyPair,
    join(left, right, site) {
      if (!canJoin(left, right, site)) return undefined;
      const shape = hashable(left, right) ? joinWork : crossWork;
      return cost(site, shape(rows(left), rows(right), rows(left | right)));
    },
    ship(set, from, to) {
      if (to !== mediator || !sent(set)) return undefined;
      const amounts = shipWork(rows(set), widthOf(set));
      return shipped(from, amounts, amounts.bytes);
    },
    shipReduced(set, from, to, by) {
      if (to !== mediator || !sent(set)) return undefined;
      const home = homes[firstOf(by)]!;
      // Keys come from rows that one silo sent: those are at hand before the mediator's own statement runs.
      for (const relation of members(by)) if (homes[relation] !== home) return undefined;
      if (home === MEDIATOR && !(by === single(firstOf(by)) && arrived(island.relations[firstOf(by)]!)))
        return undefined;
      const pair = keyPair(set, by);
      if (pair === undefined) return undefined;
      const capabilities = around.capabilitiesOf(siteNames[from]!);
      if (
        capabilities === undefined ||
        !acceptsKeys(pair.reduced, capabilities) ||
        pair.reduced.type.kind !== pair.by.type.kind
      )
        return undefined;
      const keys = Math.min(columnOf(pair.by.id)?.distinct ?? Number.POSITIVE_INFINITY, rows(by));
      if (keys > MOST_KEYS) return undefined;
      // A joined key source shows by its keys what its other columns matched.
      const key = by === single(firstOf(by)) ? pair.by : undefined;
      for (const relation of members(by)) {
        if (!around.maySendKeys(island.relations[relation]!, siteNames[from]!, key)) return undefined;
      }
      const fraction = Math.min(1, keys / Math.max(1, columnOf(pair.reduced.id)?.distinct ?? 1));
      const batches = Math.ceil(Math.max(1, keys) / (capabilities.maxListLength ?? 1000));
      const reply = shipWork(rows(set) * fraction, widthOf(set));
      // Every batch of keys is a statement of its own that reads the relations once more.
      const again = times(batches - 1, set);
      const keyBytes = keys * (columnOf(pair.by.id)?.width ?? 8);
      const amounts = addWork(
        addWork(reply, again),
        work({ startup: batches - 1, probed: rows(set), bytes: keyBytes }),
      );
      return shipped(from, amounts, reply.bytes + keyBytes);
    },
  };

  function times(factor: number, set: RelationSet): PerUnit {
    let scanned = 0;
    for (const relation of members(set)) scanned += subtreeWork(island.relations[relation]!, estimate).scanned;
    return work({ scanned: scanned * factor });
  }
}
