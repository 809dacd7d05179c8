/** Weights as the payloads in which they travel. */
import { CausewayError, SQLSTATE } from '../plan/errors.ts';

/** The same object for the same weights, so that what goes to many silos is digested once. */
export function bytesOfWeights(weights: Float32Array): Uint8Array {
  const bytes = views.get(weights) ?? new Uint8Array(weights.buffer, weights.byteOffset, weights.byteLength);
  views.set(weights, bytes);
  return bytes;
}

const views = new WeakMap<Float32Array, Uint8Array>();

/** The same memory, where it is aligned. @throws CausewayError XX001 when the bytes are no whole number of weights. */
export function weightsOfBytes(bytes: Uint8Array | undefined): Float32Array {
  if (bytes !== undefined && bytes.length % 4 === 0) {
    const { buffer, byteOffset } = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes);
    return new Float32Array(buffer, byteOffset, bytes.length / 4);
  }
  throw new CausewayError(SQLSTATE.dataCorrupted, `${bytes?.length ?? 'no'} bytes are no weights`);
}

/** Gives an update's memory back now: left to the collector, those of a round would wait for it together. */
export function release({ buffer }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}
