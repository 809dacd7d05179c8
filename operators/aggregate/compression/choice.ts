/** Whether compressing updates pays. Below a few megabytes it does not: an LSTM of 200 k weights is 0.8 MB. */
import { int8Bytes } from './int8.ts';

export type Compression = 'none' | 'int8' | 'top_k';

/** Int8 costs accuracy and CPU time; it must save this part of a round to be chosen. */
const LEAST_GAIN = 0.1;

/**
 * The compression the cost model picks. `bytesPerSecond` is the slowest silo's uplink, `roundSeconds` the predicted
 * time of everything else in a round. Top-k is never picked by itself: its error feedback is lost with a missed round.
 */
export function compressionFor(parameters: number, bytesPerSecond: number, roundSeconds: number): Compression {
  const plain = (4 * parameters) / bytesPerSecond;
  const compressed = int8Bytes(parameters) / bytesPerSecond;
  return (plain - compressed) / (plain + roundSeconds) > LEAST_GAIN ? 'int8' : 'none';
}
