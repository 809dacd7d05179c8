/** Waiting for another thread. */

/** Looks this often before going to sleep: a few microseconds, so that short steps need no wake-up. */
const SPINS = 4000;

/** Returns once `words[index]` is no longer `value`: spins briefly, then sleeps. */
export function waitForChange(words: Int32Array, index: number, value: number): void {
  for (let spin = 0; spin < SPINS; spin++) if (Atomics.load(words, index) !== value) return;
  while (Atomics.load(words, index) === value) Atomics.wait(words, index, value);
}
