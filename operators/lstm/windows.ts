/** Windows as start offsets into the row buffer: never across an entity, a gap, a NULL row or a split border. */
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';
import type { SequenceSpec, SplitSpec } from '../../src/plan/training.ts';

export type Part = 'train' | 'validation' | 'test';

export const PARTS: readonly Part[] = ['train', 'validation', 'test'];

/** A run of rows inside which every window of consecutive rows is legal. Rows [start, end). */
export interface Segment {
  readonly start: number;
  readonly end: number;
  readonly part: Part;
  /** It begins where a part of the split begins: rows before it are there, but may not be seen. */
  readonly afterSplit?: boolean;
}

/** What decides where sequences break. */
export interface RowOrder {
  readonly times: Float64Array;
  /** First rows of the entities, ascending. */
  readonly entityStarts: readonly number[];
  /** Rows before which a row is missing. */
  readonly breaks: ReadonlySet<number>;
}

/**
 * The times at which validation and test begin. With fractions: of the silo's n rows in time order the first
 * ⌊(1 − validate − test)·n⌋ train and the next ⌊validate·n⌋ validate; rows of one time are never parted, so that all
 * entities of a silo are cut at the same moment.
 */
export function splitTimes(times: Float64Array, split: SplitSpec): readonly [validate: number, test: number] {
  if (split.kind === 'calendar') return [Number(split.validateFrom), Number(split.testFrom)];
  // Half a millionth of a row absorbs the rounding of 1 − 0.1 − 0.1.
  const rows = (fraction: number) => Math.floor(fraction * times.length + 5e-7);
  const train = rows(1 - split.validate - split.test);
  const at = (row: number) => (row < times.length ? ranked(times, row) : Number.POSITIVE_INFINITY);
  return [at(train), at(train + rows(split.validate))];
}

const BUCKETS = 4096;

/** The value that would stand at `rank` if `values` were sorted: found by narrowing its range, without a sorted copy. */
function ranked(values: Float64Array, rank: number): number {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  for (let before = 0; low < high; ) {
    const width = Math.max(high / BUCKETS - low / BUCKETS, Number.MIN_VALUE);
    const counts = new Float64Array(BUCKETS);
    const least = new Float64Array(BUCKETS).fill(Number.POSITIVE_INFINITY);
    const most = new Float64Array(BUCKETS).fill(Number.NEGATIVE_INFINITY);
    for (const value of values) {
      if (value < low || value > high) continue;
      const bucket = Math.min(BUCKETS - 1, Math.floor((value - low) / width));
      counts[bucket]!++;
      if (value < least[bucket]!) least[bucket] = value;
      if (value > most[bucket]!) most[bucket] = value;
    }
    let bucket = 0;
    while (before + counts[bucket]! <= rank) before += counts[bucket++]!;
    [low, high] = [least[bucket]!, most[bucket]!];
  }
  return low;
}

/** Cuts rows into segments, in row order. */
export function segments(
  order: RowOrder,
  [validate, test]: readonly [number, number],
  maxGap = Number.POSITIVE_INFINITY,
): Segment[] {
  const { times, entityStarts, breaks } = order;
  const partOf = (time: number): Part => (time < validate ? 'train' : time < test ? 'validation' : 'test');
  const found: Segment[] = [];
  let start = 0;
  let afterSplit = false;
  let entity = 1;
  for (let row = 1; row <= times.length; row++) {
    const newEntity = entityStarts[entity] === row;
    while (entityStarts[entity] === row) entity++;
    const broken = row === times.length || newEntity || breaks.has(row) || times[row]! - times[row - 1]! > maxGap;
    const split = !broken && partOf(times[row]!) !== partOf(times[row - 1]!);
    if (!broken && !split) continue;
    found.push({ start, end: row, part: partOf(times[start]!), ...(afterSplit ? { afterSplit } : {}) });
    start = row;
    afterSplit = split;
  }
  return found;
}

/**
 * Start offsets of all windows of `part`: inputs are rows s … s+L−1, the last target is row s+L−1+H. With `minWindow` the first
 * windows of a sequence begin before it (modulo 2³²), so that at least so many of their rows are there; not behind a split border.
 */
export function windowStarts(all: readonly Segment[], part: Part, sequence: SequenceSpec): Uint32Array {
  const { horizon, minWindow = sequence.window, stride, window } = sequence;
  const firstOf = ({ afterSplit, start }: Segment) => (afterSplit === true ? start : start - (window - minWindow));
  const counts = all.map((segment) => {
    const last = segment.end - window - horizon;
    return segment.part === part && last >= firstOf(segment) ? Math.floor((last - firstOf(segment)) / stride) + 1 : 0;
  });
  const starts = new Uint32Array(new SharedArrayBuffer(4 * counts.reduce((sum, count) => sum + count, 0)));
  let next = 0;
  all.forEach((segment, i) => {
    for (let k = 0; k < counts[i]!; k++) starts[next++] = firstOf(segment) + k * stride;
  });
  return starts;
}

/** What is wrong with a silo's rows when none of them begins a training window. */
export function tooFewRows(silo: string, rows: number, sequence: SequenceSpec, all: readonly Segment[]): CausewayError {
  const { horizon, minWindow = sequence.window } = sequence;
  const longest = all.reduce((most, s) => Math.max(most, s.part === 'train' ? s.end - s.start : 0), 0);
  return new CausewayError(SQLSTATE.trainingFailed, `silo ${silo} has not one training window`, {
    silo,
    detail: `A window needs ${minWindow + horizon} consecutive rows (window ${minWindow}, horizon ${horizon}); the longest run among its ${rows} rows has ${longest} in the training part.`,
    hint: 'Select more rows, or make WINDOW or HORIZON smaller.',
  });
}
