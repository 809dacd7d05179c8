/** Random numbers that repeat: everything random in training is a function of seeds written down in the job. */
import { createHash } from 'node:crypto';

const N = 624;
const M = 397;

/** MT19937 (Matsumoto and Nishimura 1998), PyTorch's CPU generator. */
export class MersenneTwister {
  readonly #state = new Uint32Array(N);
  #next = N;

  constructor(seed: number) {
    this.#state[0] = seed >>> 0;
    for (let i = 1; i < N; i++) {
      const previous = this.#state[i - 1]! ^ (this.#state[i - 1]! >>> 30);
      this.#state[i] = Math.imul(1812433253, previous) + i;
    }
  }

  /** 32 random bits. */
  uint32(): number {
    if (this.#next === N) this.#twist();
    let y = this.#state[this.#next++]!;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  /** Uniform in [0, 1) with 24 random bits: exact in float32. */
  uniform24(): number {
    return (this.uint32() & 0xffffff) / 0x1000000;
  }

  /** Uniform whole number in [0, bound), without bias (rejection). */
  below(bound: number): number {
    const limit = 0x100000000 - (0x100000000 % bound);
    let draw = this.uint32();
    while (draw >= limit) draw = this.uint32();
    return draw % bound;
  }

  #twist(): void {
    const s = this.#state;
    for (let i = 0; i < N; i++) {
      const y = (s[i]! & 0x80000000) | (s[(i + 1) % N]! & 0x7fffffff);
      s[i] = s[(i + M) % N]! ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.#next = 0;
  }
}

/** A 32-bit seed that depends on every part; used to give each silo, round and epoch its own stream. */
export const deriveSeed = (...parts: readonly (string | number)[]): number =>
  createHash('sha256').update(JSON.stringify(parts)).digest().readUInt32LE(0);

/** Shuffles in place (Fisher–Yates). */
export function shuffle(items: Uint32Array, random: MersenneTwister): void {
  for (let i = items.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    const swapped = items[i]!;
    items[i] = items[j]!;
    items[j] = swapped;
  }
}

/**
 * Is this activation dropped? A hash of (seed, index), so that the mask is the same in every backend and however a
 * batch is split between threads. The mixing is MurmurHash3's finalizer (Appleby).
 */
export function dropped(seed: number, index: number, probability: number): boolean {
  let h = Math.imul(seed ^ Math.imul(index, 0x9e3779b1), 1);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return ((h ^ (h >>> 16)) >>> 0) / 0x100000000 < probability;
}
