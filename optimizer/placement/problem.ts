/**
 * The joint search for join order and sites, freed from everything it does not need: relations are bits, sites are
 * numbers, and all knowledge of rows, speeds, capabilities and policies stands behind a few functions. A step that is
 * not possible or not permitted has no cost, so the search cannot take it.
 */
import type { Cost, Objective } from '../cost/objective.ts';
import type { RelationSet } from './sets.ts';

export interface JoinProblem {
  /** For each relation, the sites where its rows can be read and what reading costs there. */
  readonly relations: readonly (readonly Access[])[];
  /** Pairs of relations that a condition links. */
  readonly edges: readonly (readonly [number, number])[];
  readonly sites: number;
  readonly objective: Objective;
  /** Rows of the join of a set; it must not depend on the order of joining. */
  rows(set: RelationSet): number;
  /** Joining two sets that are both at `site`; undefined when the site cannot. */
  join(left: RelationSet, right: RelationSet, site: number): Cost | undefined;
  /** Sending the rows of a set; undefined when there is no way, or a policy forbids it. */
  ship(set: RelationSet, from: number, to: number): ShipCost | undefined;
  /**
   * Sending only those rows of `set` that match keys of `by`, which is at `to` already: the keys there, the rows back.
   * Its cost replaces that of {@link ship}.
   */
  shipReduced?(set: RelationSet, from: number, to: number, by: RelationSet): ShipCost | undefined;
}

/** Of the seconds, `latency` pass without anybody working: the statements of one silo wait side by side. */
export interface ShipCost extends Cost {
  readonly latency?: number;
}

export interface Access {
  readonly site: number;
  readonly cost: Cost;
}
