/** How features are scaled: alike in the whole federation, or each silo or entity by its own mean and deviation. */
import type { FeatureSpec } from '../../src/plan/training.ts';
import { deviation, type FeatureMoments, type FeatureStatistics, isConstant, type Moments } from './statistics.ts';
import type { TrainedFeatures } from './trained-features.ts';

/** x ↦ (x − mean) / deviation. */
export interface Scale {
  readonly mean: number;
  readonly deviation: number;
}

/** The scales of one silo's rows. */
export interface Scales {
  /** One per kept feature, for rows of no entity that has its own. */
  readonly features: readonly Scale[];
  /** First rows of all entities, ascending, and the scales of each one's kept features. */
  readonly entities?: { readonly starts: Uint32Array; readonly scales: readonly (readonly Scale[])[] };
}

export const scaleOf = (moments: Moments): Scale => ({ mean: moments.mean, deviation: deviation(moments) });

/** The scale of a kept feature in one row. */
export function scaleAt({ entities, features }: Scales, row: number, feature: number): Scale {
  if (entities === undefined) return features[feature]!;
  const { scales, starts } = entities;
  let low = 0;
  for (let high = starts.length - 1; low < high; ) {
    const middle = (low + high + 1) >> 1;
    if (starts[middle]! <= row) low = middle;
    else high = middle - 1;
  }
  return scales[low]![feature]!;
}

/**
 * What a silo's rows are scaled with.
 * @param own the silo's statistics, as they were told when the model was trained; absent for a silo that was not there
 */
export function localScales(
  features: readonly FeatureSpec[],
  { kept, scales }: TrainedFeatures,
  own: FeatureStatistics | undefined,
  entities: readonly { readonly name: string; readonly start: number }[],
): Scales {
  const silo = kept.map((i, k) => {
    const { category, scale } = features[i]!;
    const local = category === undefined && (scale === 'silo' || scale === 'entity');
    return local ? within(own?.[i], scales[k]!) : scales[k]!;
  });
  if (!kept.some((i) => features[i]!.scale === 'entity')) return { features: silo };
  const told = kept.map((i) => new Map(features[i]!.scale === 'entity' ? own?.[i]?.entities : []));
  return {
    features: silo,
    entities: {
      starts: Uint32Array.from(entities, ({ start }) => start),
      scales: entities.map(({ name }) => kept.map((_, k) => within(told[k]!.get(name), silo[k]!))),
    },
  };
}

/** Its own mean, and its own deviation where it has one: what does not vary here is scaled as it is around it. */
function within(moments: FeatureMoments | undefined, around: Scale): Scale {
  if (moments === undefined || moments.n === 0) return around;
  return isConstant(moments) ? { mean: moments.mean, deviation: around.deviation } : scaleOf(moments);
}
