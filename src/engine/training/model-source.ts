/** A stored model and a bound query that has its columns → what opening trainers needs. */
import { CausewayError, SQLSTATE } from '../../plan/errors.ts';
import type { Column } from '../../plan/expressions.ts';
import { didYouMean } from '../../plan/nearest.ts';
import type { RelationalNode } from '../../plan/nodes.ts';
import type { TrainerSource } from './open-trainers.ts';
import type { ModelSignature } from './signature.ts';

/**
 * All rows count as one part: nothing is held back when a model is used.
 * @throws CausewayError 42703 naming the column that the query lacks
 */
export function modelSource(model: string, signature: ModelSignature, plan: RelationalNode): TrainerSource {
  const column = (name: string): Column => {
    const found = plan.columns.find((candidate) => candidate.name === name);
    if (found !== undefined) return found;
    const hint = didYouMean(
      name,
      plan.columns.map((candidate) => candidate.name),
    );
    throw new CausewayError(
      SQLSTATE.undefinedColumn,
      `model "${model}" needs the column "${name}", which the query does not select`,
      hint === undefined ? {} : { hint },
    );
  };
  const { order, entity, features, targets, sequence, spec } = signature;
  return {
    source: plan,
    order: column(order.name),
    ...(entity === undefined ? {} : { entity: column(entity.name) }),
    features: features.map(({ name, scale, category }) => ({
      name,
      scale,
      ...(category === undefined ? {} : { category }),
      id: column(name).id,
    })),
    targets,
    sequence,
    split: { kind: 'fractions', validate: 0, test: 0 },
    spec,
  };
}
