/** Coordinate-wise robust statistics over updates. */
import type { Vector } from './strategy.ts';

/** w + statistic of the k-th coordinate over all `deltas`, which `statistic` gets in ascending order. */
export function perCoordinate(
  global: Vector,
  deltas: readonly Vector[],
  statistic: (ascending: Float64Array) => number,
): Float64Array {
  const out = new Float64Array(global.length);
  const column = new Float64Array(deltas.length);
  for (let i = 0; i < out.length; i++) {
    for (let k = 0; k < column.length; k++) insert(column, k, deltas[k]![i]!);
    out[i] = global[i]! + statistic(column);
  }
  return out;
}

/** Insertion sort's step: puts `value` into its place among the `length` ascending values before it. Cohorts are small. */
function insert(column: Float64Array, length: number, value: number): void {
  let at = length;
  while (at > 0 && column[at - 1]! > value) {
    column[at] = column[at - 1]!;
    at--;
  }
  column[at] = value;
}

/** The mean of the two middle values, or the middle one. */
export function medianOf(ascending: Float64Array): number {
  const middle = ascending.length >> 1;
  return ascending.length % 2 === 1 ? ascending[middle]! : (ascending[middle - 1]! + ascending[middle]!) / 2;
}

/** The mean of ascending[from … to). */
export function meanBetween(ascending: Float64Array, from: number, to: number): number {
  let sum = 0;
  for (let k = from; k < to; k++) sum += ascending[k]!;
  return sum / (to - from);
}
