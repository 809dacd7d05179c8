/**
 * The cache's encryption at rest: AES-256 in counter mode (NIST SP 800-38A, §6.5) under a key that only this process's memory holds.
 * A byte's key stream depends on its place alone, so any range can be sealed and opened by itself. Each object version
 * has a nonce of its own, and a place in it is only ever written with one content: no key stream is used twice.
 */
import { createCipheriv, randomBytes } from 'node:crypto';

const BLOCK = 16;

export class Seal {
  readonly #key: Buffer;
  readonly #nonce = randomBytes(8);

  constructor(key: Buffer) {
    this.#key = key;
  }

  /** A new key. */
  static key(): Buffer {
    return randomBytes(32);
  }

  /** Seals what is open and opens what is sealed: `bytes` that stand at `offset` of the object. */
  apply(bytes: Uint8Array, offset: number): Uint8Array {
    const counter = Buffer.alloc(BLOCK);
    this.#nonce.copy(counter);
    counter.writeBigUInt64BE(BigInt(Math.floor(offset / BLOCK)), 8);
    const cipher = createCipheriv('aes-256-ctr', this.#key, counter);
    cipher.update(Buffer.alloc(offset % BLOCK));
    return cipher.update(bytes);
  }
}
