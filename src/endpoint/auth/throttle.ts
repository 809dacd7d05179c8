/** Slows down those who guess passwords: each failure from an address makes its next answer wait longer. */

const FIRST_DELAY_MS = 50;
const LONGEST_DELAY_MS = 5000;
const FORGET_MS = 60_000;
const MOST_ADDRESSES = 10_000;

export class LoginThrottle {
  readonly #failures = new Map<string, { count: number; at: number }>();

  /** Milliseconds to wait before the next answer to `address`. */
  delay(address: string): number {
    const known = this.#failures.get(address);
    if (known === undefined) return 0;
    if (Date.now() - known.at > FORGET_MS) {
      this.#failures.delete(address);
      return 0;
    }
    return Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (known.count - 1));
  }

  failed(address: string): void {
    const count = (this.#failures.get(address)?.count ?? 0) + 1;
    this.#failures.delete(address);
    this.#failures.set(address, { count, at: Date.now() });
    if (this.#failures.size > MOST_ADDRESSES) this.#failures.delete(this.#failures.keys().next().value!);
  }

  succeeded(address: string): void {
    this.#failures.delete(address);
  }
}
