/** Repeatable random streams: what a crash interrupts must come out the same when it is done again. */
import { createCipheriv } from 'node:crypto';

/** Uniform numbers in (0, 1), 53 bits each, from the AES-256-CTR key stream of `seed` (32 bytes). */
export function uniforms(seed: Uint8Array): () => number {
  const cipher = createCipheriv('aes-256-ctr', seed, new Uint8Array(16));
  const zeros = new Uint8Array(8192);
  let block = Buffer.alloc(0);
  let at = 0;
  return () => {
    if (at === block.length) {
      block = cipher.update(zeros);
      at = 0;
    }
    const high = block.readUInt32LE(at) >>> 5;
    const low = block.readUInt32LE(at + 4) >>> 6;
    at += 8;
    return (high * 2 ** 26 + low + 0.5) / 2 ** 53;
  };
}

/** Standard normal numbers by Box and Muller's method. */
export function normals(seed: Uint8Array): () => number {
  const uniform = uniforms(seed);
  let spare: number | undefined;
  return () => {
    if (spare !== undefined) {
      const value = spare;
      spare = undefined;
      return value;
    }
    const radius = Math.sqrt(-2 * Math.log(uniform()));
    const angle = 2 * Math.PI * uniform();
    spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  };
}
