/**
 * Eight bits per weight: each block of 256 is scaled by max|x| / 127 and rounded at random to one of the two nearest
 * steps, so that the mean is kept (QSGD, Alistarh et al. 2017, arXiv 1610.02132). The error is below one step.
 */
import { uniforms } from '../random.ts';
import type { Vector } from '../strategy.ts';

const BLOCK = 256;

/** The bytes `encodeInt8` makes of `length` weights: a float32 scale per block, a byte per weight. */
export const int8Bytes = (length: number): number => length + 4 * Math.ceil(length / BLOCK);

/** Layout: all scales (float32, little endian), then all weights (int8). `seed` (32 bytes) makes it repeatable. */
export function encodeInt8(values: Vector, seed: Uint8Array): Uint8Array {
  const blocks = Math.ceil(values.length / BLOCK);
  const bytes = new Uint8Array(int8Bytes(values.length));
  const scales = new DataView(bytes.buffer, 0, 4 * blocks);
  const weights = new Int8Array(bytes.buffer, 4 * blocks);
  const uniform = uniforms(seed);
  for (let block = 0; block < blocks; block++) {
    const from = block * BLOCK;
    const to = Math.min(from + BLOCK, values.length);
    let largest = 0;
    for (let i = from; i < to; i++) largest = Math.max(largest, Math.abs(values[i]!));
    const scale = Math.fround(largest / 127);
    scales.setFloat32(4 * block, scale, true);
    for (let i = from; i < to; i++) {
      const exact = scale === 0 ? 0 : values[i]! / scale;
      const low = Math.floor(exact);
      weights[i] = Math.max(-127, Math.min(127, low + (uniform() < exact - low ? 1 : 0)));
    }
  }
  return bytes;
}

/** @throws RangeError when `bytes` cannot hold `length` weights. */
export function decodeInt8(bytes: Uint8Array, length: number): Float32Array {
  if (bytes.length !== int8Bytes(length)) throw new RangeError(`${bytes.length} bytes are not ${length} int8 weights`);
  const blocks = Math.ceil(length / BLOCK);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const out = new Float32Array(length);
  for (let i = 0; i < length; i++) {
    out[i] = view.getInt8(4 * blocks + i) * view.getFloat32(4 * Math.floor(i / BLOCK), true);
  }
  return out;
}
