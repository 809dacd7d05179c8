/** Pseudo-random masks: AES-256-CTR key streams, added modulo 2³². A key is used for one mask only, so the IV is fixed. */
import { createCipheriv } from 'node:crypto';

const ZEROS = new Uint8Array(1 << 16);
const IV = new Uint8Array(16);

/** Adds (or, with `sign` −1, subtracts) the key stream of `key` (32 bytes) to `values`, as little-endian words. */
export function addMask(values: Uint32Array, key: Uint8Array, sign: 1 | -1): void {
  const cipher = createCipheriv('aes-256-ctr', key, IV);
  const words = ZEROS.length / 4;
  for (let from = 0; from < values.length; from += words) {
    const count = Math.min(words, values.length - from);
    const stream = cipher.update(ZEROS.subarray(0, count * 4));
    const mask = new Uint32Array(stream.buffer, stream.byteOffset, count);
    if (sign === 1) for (let i = 0; i < count; i++) values[from + i] = values[from + i]! + mask[i]!;
    else for (let i = 0; i < count; i++) values[from + i] = values[from + i]! - mask[i]!;
  }
}
