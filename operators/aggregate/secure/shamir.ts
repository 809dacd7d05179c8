/**
 * Shamir's secret sharing (1979), byte by byte over GF(2⁸) with AES's polynomial x⁸ + x⁴ + x³ + x + 1: at most 255
 * shares, each as long as the secret.
 */
import { randomBytes } from 'node:crypto';

/** A point of every byte's polynomial: `values[i]` at `x`, 1 … 255. */
export interface Share {
  readonly x: number;
  readonly values: Uint8Array;
}

const EXP = new Uint8Array(510);
const LOG = new Uint8Array(256);
for (let i = 0, power = 1; i < 255; i++) {
  EXP[i] = power;
  EXP[i + 255] = power;
  LOG[power] = i;
  // 3 generates the multiplicative group: power · 3 = (power · 2) + power.
  power ^= (power << 1) ^ (power & 0x80 ? 0x11b : 0);
}

const multiply = (a: number, b: number): number => (a === 0 || b === 0 ? 0 : EXP[LOG[a]! + LOG[b]!]!);
const divide = (a: number, b: number): number => (a === 0 ? 0 : EXP[LOG[a]! + 255 - LOG[b]!]!);

/** `count` shares of which any `threshold` give the secret back and fewer tell nothing. */
export function split(secret: Uint8Array, count: number, threshold: number): Share[] {
  if (threshold < 1 || threshold > count || count > 255) throw new RangeError(`cannot split ${threshold} of ${count}`);
  const coefficients = Array.from({ length: threshold - 1 }, () => randomBytes(secret.length));
  return Array.from({ length: count }, (_, k) => {
    const x = k + 1;
    const values = new Uint8Array(secret.length);
    for (let i = 0; i < values.length; i++) {
      let y = 0;
      for (let power = coefficients.length - 1; power >= 0; power--) y = multiply(y ^ coefficients[power]![i]!, x);
      values[i] = y ^ secret[i]!;
    }
    return { x, values };
  });
}

/** The secret, by Lagrange interpolation at 0. Fewer shares than the threshold give noise. */
export function combine(shares: readonly Share[]): Uint8Array {
  const secret = new Uint8Array(shares[0]?.values.length ?? 0);
  for (const share of shares) {
    let basis = 1;
    for (const other of shares) if (other !== share) basis = multiply(basis, divide(other.x, other.x ^ share.x));
    for (let i = 0; i < secret.length; i++) secret[i] = secret[i]! ^ multiply(share.values[i]!, basis);
  }
  return secret;
}
