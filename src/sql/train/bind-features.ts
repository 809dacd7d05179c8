/** The columns of a feature query as features: which are numbers, which are categories, and how each is scaled. */
import type { CausewayError } from '../../plan/errors.ts';
import type { Column } from '../../plan/expressions.ts';
import { didYouMean } from '../../plan/nearest.ts';
import type { FeatureSpec, Train } from '../../plan/training.ts';
import { isNumeric, isText, typeName } from '../../plan/types.ts';
import type { USING } from './clauses.ts';
import type { OptionsOf } from './options.ts';

type Using = Pick<
  OptionsOf<typeof USING>,
  'standardize' | 'scale' | 'one_hot' | 'embedding' | 'embedding_size' | 'vocabulary'
>;

type Refuse = (message: string, hint: string | undefined) => CausewayError;

/** The column that federated tables have on top (docs/design.md §3): SELECT * brings it, and a model has no use for it. */
const isSiloColumn = ({ name, type }: Column): boolean => name === 'silo' && type.kind === 'text';

/** Every column but the time, the entity, and the silo's name. @throws what `refuse` makes of a message */
export function bindFeatures(
  columns: readonly Column[],
  order: Column,
  entity: Column | undefined,
  using: Using,
  refuse: Refuse,
): Train['features'] {
  const { embedding = [], one_hot: oneHot = [], scale, standardize } = using;
  const rest = columns.filter((column) => column.id !== order.id && column.id !== entity?.id && !isSiloColumn(column));
  const names = rest.map((feature) => feature.name);
  for (const [option, list] of Object.entries({ standardize, one_hot: oneHot, embedding })) {
    const stranger = list?.find((name) => !names.includes(name));
    if (stranger !== undefined) {
      throw refuse(`${option} names "${stranger}", which is no feature`, didYouMean(stranger, names));
    }
  }
  const both = oneHot.find((name) => embedding.includes(name));
  if (both !== undefined) throw refuse(`"${both}" cannot be one_hot and an embedding`, 'Name it in one of them.');
  if (scale === 'entity' && entity === undefined) {
    throw refuse("scale => 'entity' needs entities", 'Add PER and the entity column to FORECAST BY.');
  }
  return rest.map(({ id, name, type }) => {
    const category = categoryOf(name, type, using);
    if (category === undefined && !isNumeric(type) && type.kind !== 'boolean') {
      throw refuse(
        `feature "${name}" is of type ${typeName(type)}, a model takes numbers, booleans and text`,
        'Leave it out of the SELECT, or turn it into a number (extract) or text (cast).',
      );
    }
    if (category !== undefined && standardize?.includes(name) === true) {
      throw refuse(`standardize names "${name}", which holds categories`, 'Only numbers have a mean.');
    }
    const standard =
      category === undefined && (standardize === undefined ? isNumeric(type) : standardize.includes(name));
    return {
      id,
      name,
      scale: !standard ? 'none' : scale === 'federation' ? 'standard' : scale,
      ...(category === undefined ? {} : { category }),
    };
  });
}

/** Text is always a category; numbers and booleans are where the statement says so. */
function categoryOf(
  name: string,
  type: Column['type'],
  { embedding = [], embedding_size: dimension, one_hot: oneHot = [], vocabulary: most }: Using,
): FeatureSpec['category'] {
  const possible = isText(type) || isNumeric(type) || type.kind === 'boolean' || type.kind === 'uuid';
  if (embedding.includes(name) && possible) return { most, dimension };
  return isText(type) || (oneHot.includes(name) && possible) ? { most } : undefined;
}
