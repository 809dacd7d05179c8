/** What random.ts takes of node:crypto, in the language alone: SHA-256 (FIPS 180-4). */

const whole = (fraction: number): number => (fraction - Math.floor(fraction)) * 2 ** 32;

const PRIMES = Array.from({ length: 312 }, (_, n) => n).filter(
  (n) => n > 1 && !Array.from({ length: n }, (_, d) => d).some((d) => d > 1 && n % d === 0),
);
/** The first bits of the fractions of the primes' cube roots. */
const K = Uint32Array.from(PRIMES.slice(0, 64), (prime) => whole(Math.cbrt(prime)));

const turned = (x: number, by: number): number => (x >>> by) | (x << (32 - by));

/** One block of sixteen words into the state. */
function mix(state: Uint32Array, block: Uint32Array): void {
  const w = new Uint32Array(64);
  w.set(block);
  for (let i = 16; i < 64; i++) {
    const [x, y] = [w[i - 15]!, w[i - 2]!];
    const low = turned(x, 7) ^ turned(x, 18) ^ (x >>> 3);
    w[i] = w[i - 16]! + low + w[i - 7]! + (turned(y, 17) ^ turned(y, 19) ^ (y >>> 10));
  }
  let [a, b, c, d, e, f, g, h] = state as unknown as [number, number, number, number, number, number, number, number];
  for (let i = 0; i < 64; i++) {
    const choice = (e & f) ^ (~e & g);
    const first = (h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + choice + K[i]! + w[i]!) | 0;
    const majority = (a & b) ^ (a & c) ^ (b & c);
    const second = ((turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + majority) | 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) | 0, c, b, a, (first + second) | 0];
  }
  [a, b, c, d, e, f, g, h].forEach((word, i) => {
    state[i]! += word;
  });
}

function sha256(bytes: readonly number[]): Uint32Array {
  const padded = [...bytes, 0x80];
  while (padded.length % 64 !== 56) padded.push(0);
  const words = new Uint32Array(padded.length / 4 + 2);
  padded.forEach((byte, i) => {
    words[i >> 2]! |= byte << (24 - 8 * (i & 3));
  });
  words[words.length - 1] = bytes.length * 8;
  const state = Uint32Array.from(PRIMES.slice(0, 8), (prime) => whole(Math.sqrt(prime)));
  for (let at = 0; at < words.length; at += 16) mix(state, words.subarray(at, at + 16));
  return state;
}

/** UTF-8 */
const bytesOfText = (text: string): number[] =>
  [
    ...encodeURIComponent(text).replace(/%(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
  ].map((each) => each.charCodeAt(0));

export const createHash = (_algorithm: 'sha256') => ({
  update: (text: string) => ({
    digest: () => ({
      /** Of the first word, the only one that is read: its bytes stand the other way round. */
      readUInt32LE: (_offset: 0): number => {
        const word = sha256(bytesOfText(text))[0]!;
        return ((word >>> 24) | ((word >>> 8) & 0xff00) | ((word << 8) & 0xff0000) | (word << 24)) >>> 0;
      },
    }),
  }),
});
