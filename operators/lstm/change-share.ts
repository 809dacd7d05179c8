/**
 * How much of what a network adds to a naive rule is proven by a silo's validation rows. A rule of thumb is hard to beat
 * where the future is not like the past; a silo gets of the network what its own rows speak for, and else the rule.
 */

/** Sums over blocks of consecutive windows: neighbours have nearly the same error and say little more than one. */
export interface ChangeSums {
  readonly blocks: number;
  /** Least squares of the actual change by the predicted one, through 0. */
  readonly slope: number;
  /** Its standard error, from the sums of the blocks (White 1980, by cluster). */
  readonly slopeError: number;
  /** Mean over blocks of (squared error of the rule − squared error of the network), and its standard error. */
  readonly gain: number;
  readonly gainError: number;
}

/** Standard errors that count as a proof. */
const PROOF = 3;
/** With fewer blocks nothing can be said: the network is taken as it is. */
const LEAST_BLOCKS = 4;

/** `predicted` and `actual` are changes from the naive rule, window by window. */
export function changeSums(predicted: ArrayLike<number>, actual: ArrayLike<number>, block: number): ChangeSums {
  const count = predicted.length;
  const blocks = Math.ceil(count / block);
  let [product, square] = [0, 0];
  for (let i = 0; i < count; i++) {
    product += predicted[i]! * actual[i]!;
    square += predicted[i]! ** 2;
  }
  const slope = square === 0 ? 0 : product / square;
  const scores = new Float64Array(blocks);
  const gains = new Float64Array(blocks);
  for (let i = 0; i < count; i++) {
    const b = Math.floor(i / block);
    scores[b]! += predicted[i]! * (actual[i]! - slope * predicted[i]!);
    gains[b]! += actual[i]! ** 2 - (actual[i]! - predicted[i]!) ** 2;
  }
  const gain = gains.reduce((sum, each) => sum + each, 0) / Math.max(1, blocks);
  const spread = gains.reduce((sum, each) => sum + (each - gain) ** 2, 0);
  return {
    blocks,
    slope,
    slopeError: square === 0 ? 0 : Math.sqrt(scores.reduce((sum, each) => sum + each ** 2, 0)) / square,
    gain,
    gainError: Math.sqrt(spread / Math.max(1, blocks * (blocks - 1))),
  };
}

/** All of the network where its gain is proven, else the part that surely helps: the slope's lower bound, 0 … 1. */
function provenShare({ blocks, gain, gainError, slope, slopeError }: ChangeSums): number {
  if (blocks < LEAST_BLOCKS || gain > PROOF * gainError) return 1;
  return Math.min(1, Math.max(0, slope - PROOF * slopeError));
}

/** Of several targets the one that is proven least. */
export const leastShare = (targets: readonly { readonly change?: ChangeSums }[]): number =>
  Math.min(1, ...targets.map(({ change }) => (change === undefined ? 1 : provenShare(change))));
