/** How long a round waits for its slowest silo. */

/** k of median + k · MAD: about four standard deviations of normal times. */
const SPREADS = 6;
/** Short rounds jitter by more than their spread says. */
const LEAST_SECONDS = 5;

/**
 * Seconds after which a silo counts as a straggler, from the times it was expected to take (round 1) or took in the
 * last rounds: median + 6 · MAD of all silos' times, at least twice the median and 5 s. Undefined without any time.
 */
export function deadlineSeconds(times: readonly number[]): number | undefined {
  if (times.length === 0) return undefined;
  const middle = medianOf(times);
  const spread = medianOf(times.map((time) => Math.abs(time - middle)));
  return Math.max(middle + SPREADS * spread, 2 * middle, LEAST_SECONDS);
}

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
}
