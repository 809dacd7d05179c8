/** Statistics and scaling of the row buffer. */

import type { FeatureSpec } from '../../src/plan/training.ts';
import type { RowStore } from './row-store.ts';
import type { Scale, Scales } from './scales.ts';
import { byFrequency, type FeatureMoments, type FeatureStatistics, type Moments } from './statistics.ts';
import type { Segment } from './windows.ts';

/** Exact moments of every feature over the training rows, in two passes of float64. `origin` is added back. */
export function trainingMoments(values: Float32Array, origin: Float64Array, segments: readonly Segment[]): Moments[] {
  const width = origin.length;
  const sums = new Float64Array(width);
  const squares = new Float64Array(width);
  const training = segments.filter((segment) => segment.part === 'train');
  const n = training.reduce((rows, segment) => rows + segment.end - segment.start, 0);
  for (const { start, end } of training) {
    for (let at = start * width; at < end * width; at += width) {
      for (let f = 0; f < width; f++) sums[f]! += values[at + f]!;
    }
  }
  const means = sums.map((sum) => (n === 0 ? 0 : sum / n));
  for (const { start, end } of training) {
    for (let at = start * width; at < end * width; at += width) {
      for (let f = 0; f < width; f++) {
        const difference = values[at + f]! - means[f]!;
        squares[f]! += difference * difference;
      }
    }
  }
  return Array.from(means, (mean, f) => ({ n, mean: mean + origin[f]!, m2: squares[f]! }));
}

/** Longer names, in bytes of JSON, are told to nobody. */
export const LONGEST_NAME = 200;

/** More entities than this are not told one by one. */
export const MOST_ENTITIES = 10_000;

const isShort = (name: string): boolean => Buffer.byteLength(JSON.stringify(name)) <= LONGEST_NAME;

/**
 * All that a silo tells of its rows before training: moments per feature; categories, and entities where features are
 * scaled by entity, of at least `minRows` training rows.
 */
export function toldStatistics(
  features: readonly FeatureSpec[],
  store: RowStore,
  segments: readonly Segment[],
  minRows: number,
): FeatureStatistics {
  const { origin, values } = store;
  const all = trainingMoments(values, origin, segments);
  const perEntity = features.some(({ scale }) => scale === 'entity')
    ? entityMoments(store, segments).filter(([name, [moments]]) => moments!.n >= minRows && isShort(name))
    : [];
  return features.map(({ category, scale }, f): FeatureMoments => {
    const { n } = all[f]!;
    if (category !== undefined) {
      const counts = categoryCounts(store, f, segments).filter(([name, rows]) => rows >= minRows && isShort(name));
      return { n, mean: 0, m2: 0, counts: byFrequency(counts).slice(0, category.most) };
    }
    if (scale !== 'entity') return all[f]!;
    return { ...all[f]!, entities: perEntity.slice(0, MOST_ENTITIES).map(([name, moments]) => [name, moments[f]!]) };
  });
}

function entityMoments({ entities, origin, rows, values }: RowStore, segments: readonly Segment[]) {
  let next = 0;
  return entities.map(({ name }, e): readonly [string, readonly Moments[]] => {
    const end = entities[e + 1]?.start ?? rows;
    const first = next;
    while (next < segments.length && segments[next]!.start < end) next++;
    return [name, trainingMoments(values, origin, segments.slice(first, next))];
  });
}

/** Training rows per category; those of none are left out. */
function categoryCounts(store: RowStore, feature: number, segments: readonly Segment[]): [string, number][] {
  const { names } = store.dictionaries[feature]!;
  const { values } = store;
  const width = store.columns.features.length;
  const counts = new Float64Array(names.length);
  for (const { end, part, start } of segments) {
    if (part !== 'train') continue;
    for (let at = start * width + feature; at < end * width; at += width) counts[values[at]!]!++;
  }
  return names.flatMap((name, code): [string, number][] =>
    code === 0 || counts[code] === 0 ? [] : [[name, counts[code]!]],
  );
}

/** How a kept feature's stored values become what is trained on: scaled, or as the model's number of the category. */
export interface KeptFeature {
  /** Index into the feature list. */
  readonly feature: number;
  /** By the column's own numbers. */
  readonly codes?: Float32Array;
}

/** The model's number of each of a column's own categories: 0 for those it does not know. */
export function categoryCodes(names: readonly string[], vocabulary: readonly string[]): Float32Array {
  const numbers = new Map(vocabulary.map((name, i) => [name, i + 1]));
  return Float32Array.from(names, (name, code) => (code === 0 ? 0 : (numbers.get(name) ?? 0)));
}

/**
 * Scales in place and closes the gaps that dropped features leave: afterwards a row has `kept` values. Returns the view of
 * the shortened buffer.
 */
export function scaleRows(
  values: Float32Array,
  origin: Float64Array,
  kept: readonly KeptFeature[],
  { entities, features }: Scales,
): Float32Array {
  const rows = values.length / origin.length;
  let to = 0;
  const scale = (from: number, end: number, scales: readonly Scale[]) => {
    to = scaleRange(values, origin, kept, scales, from, end, to);
  };
  if (entities === undefined) scale(0, rows, features);
  else {
    for (const [e, start] of entities.starts.entries()) {
      scale(start, entities.starts[e + 1] ?? rows, entities.scales[e]!);
    }
  }
  return values.subarray(0, to);
}

function scaleRange(
  values: Float32Array,
  origin: Float64Array,
  kept: readonly KeptFeature[],
  scales: readonly Scale[],
  first: number,
  end: number,
  to: number,
): number {
  const width = origin.length;
  const columns = Int32Array.from(kept, ({ feature }) => feature);
  const shift = Float64Array.from(kept, ({ feature }, k) => origin[feature]! - scales[k]!.mean);
  const factor = Float64Array.from(scales, ({ deviation }) => 1 / deviation);
  const codes = kept.map((feature) => feature.codes);
  const coded = codes.some((each) => each !== undefined);
  for (let row = first; row < end; row++) {
    for (let k = 0; k < columns.length; k++) {
      const value = values[row * width + columns[k]!]!;
      const own = coded ? codes[k] : undefined;
      values[to++] = own === undefined ? (value + shift[k]!) * factor[k]! : own[value]!;
    }
  }
  return to;
}
