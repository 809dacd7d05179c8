/**
 * The payloads that last went over a link, kept at both ends alike: weights that a silo has just evaluated are what it
 * trains from next, and need not travel twice. Where the two ends differ, the payload is fetched.
 */
import { CHUNK_BYTES } from './payload-store.ts';

const MOST_BYTES = 8 * CHUNK_BYTES;

export class RecentPayloads<T extends { readonly length: number }> {
  readonly #kept = new Map<string, T>();
  #bytes = 0;

  get(digest: string): T | undefined {
    return this.#kept.get(digest);
  }

  add(digest: string, payload: T): void {
    if (this.#kept.has(digest)) return;
    this.#kept.set(digest, payload);
    this.#bytes += payload.length;
    for (const [oldest, { length }] of this.#kept) {
      if (this.#bytes <= MOST_BYTES) return;
      this.#kept.delete(oldest);
      this.#bytes -= length;
    }
  }
}
