/**
 * Several silos may be one place: schemas of one database, reached as one role. Their tables are then read through one of
 * them, so that joins between them are its engine's work.
 */
import { node, type RelationalNode } from '../../plan/nodes.ts';
import { mapExpression, mapExpressions, transformPlan } from '../../plan/traverse.ts';

/** What makes silos one place. */
export interface Place {
  /** Server, database and role; silos that have it in common are one place. */
  readonly context: string;
  /** The schema of the silo's tables that name none. */
  readonly schema: string;
}

/** @param places of the silos that may be read through another; the first of a place is the one that is asked */
export function readTogether(plan: RelationalNode, places: ReadonlyMap<string, Place>): RelationalNode {
  const first = new Map<string, string>();
  for (const [silo, { context }] of places) if (!first.has(context)) first.set(context, silo);
  if (first.size === places.size) return plan;
  const moved = (each: RelationalNode): RelationalNode => {
    if (each.kind === 'scan') {
      const place = places.get(each.silo);
      const through = place === undefined ? undefined : first.get(place.context);
      if (place === undefined || through === undefined || through === each.silo) return each;
      return node({ ...each, silo: through, schema: each.schema ?? place.schema });
    }
    return mapExpressions(each, (whole) =>
      mapExpression(whole, (part) =>
        part.kind === 'subquery' ? { ...part, plan: transformPlan(part.plan, moved) } : part,
      ),
    );
  };
  return transformPlan(plan, moved);
}
