/** What is told of a silo's features before training: (n, mean, M2) of its training rows, and the categories in them. */

/** Moments of one feature: count, mean, and M2 = Σ (x − mean)². */
export interface Moments {
  readonly n: number;
  readonly mean: number;
  readonly m2: number;
}

/** A feature's moments in one silo, or merged; of categories only `n` counts. */
export interface FeatureMoments extends Moments {
  /** One silo's categories that may be told: rows of each. */
  readonly counts?: readonly (readonly [name: string, rows: number])[];
  /** Merged: names of all silos' categories, the most frequent first. */
  readonly vocabulary?: readonly string[];
  /** Rows of categories that no silo told, and of none. */
  readonly others?: number;
  /** One silo's entities, for features that are scaled by entity. */
  readonly entities?: readonly (readonly [name: string, moments: Moments])[];
}

/** Moments of all features, in the order of the feature list. */
export type FeatureStatistics = readonly FeatureMoments[];

export const NONE: Moments = { n: 0, mean: 0, m2: 0 };

/** Chan, Golub and LeVeque (1983): M2 = M2a + M2b + δ² · na · nb / (na + nb). */
function merge(a: Moments, b: Moments): Moments {
  const n = a.n + b.n;
  if (n === 0) return NONE;
  const delta = b.mean - a.mean;
  return { n, mean: a.mean + (delta * b.n) / n, m2: a.m2 + b.m2 + (delta * delta * a.n * b.n) / n };
}

/**
 * Statistics of all silos' rows together; the caller gives them in a fixed order so that the sums repeat bit for bit. What
 * single silos told of categories and entities is not in it: the result goes to every silo.
 */
export function mergeStatistics(silos: readonly FeatureStatistics[]): FeatureStatistics {
  const width = silos[0]?.length ?? 0;
  return Array.from({ length: width }, (_, feature) => {
    const told = silos.map((statistics): FeatureMoments => statistics[feature] ?? NONE);
    const moments = told.reduce<Moments>(merge, NONE);
    return told.some(({ counts }) => counts !== undefined) ? { ...moments, ...mergeCategories(told) } : moments;
  });
}

/** The most frequent first; of equally frequent ones the first in C order. */
function mergeCategories(silos: readonly FeatureMoments[]): Pick<FeatureMoments, 'vocabulary' | 'others'> {
  const rows = new Map<string, number>();
  let others = 0;
  for (const { counts = [], n } of silos) {
    others += n;
    for (const [name, count] of counts) {
      rows.set(name, (rows.get(name) ?? 0) + count);
      others -= count;
    }
  }
  return { vocabulary: byFrequency([...rows]).map(([name]) => name), others };
}

export const byFrequency = <T extends readonly [name: string, rows: number]>(counts: readonly T[]): T[] =>
  counts.toSorted(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));

/** Population standard deviation (ddof 0). */
export const deviation = ({ n, m2 }: Moments): number => (n === 0 ? 0 : Math.sqrt(m2 / n));

/** No spread beyond float32 rounding of the values. */
export const isConstant = (moments: Moments): boolean => deviation(moments) <= Math.abs(moments.mean) * 2 ** -23;
