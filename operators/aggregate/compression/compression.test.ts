import { expect, test } from 'vitest';
import { compressionFor } from './choice.ts';
import { decodeInt8, encodeInt8, int8Bytes } from './int8.ts';
import { densify, sparsify } from './top-k.ts';

const seed = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const values = Float32Array.from({ length: 700 }, (_, i) => Math.sin(i) * (i < 256 ? 1 : 1e-3));

test('int8 errs by less than a step of its block', () => {
  const bytes = encodeInt8(values, seed(1));
  expect(bytes).toHaveLength(int8Bytes(700));
  const decoded = decodeInt8(bytes, 700);
  decoded.forEach((value, i) => {
    const step = (i < 256 ? 1 : 1e-3) / 127;
    expect(Math.abs(value - values[i]!)).toBeLessThan(step * 1.0001);
  });
  expect(encodeInt8(values, seed(1))).toEqual(bytes);
});

test('int8 keeps the mean', () => {
  const value = Float32Array.of(1, 0.3);
  let sum = 0;
  const times = 2000;
  for (let k = 0; k < times; k++) {
    const key = seed(0);
    new DataView(key.buffer).setUint32(0, k);
    sum += decodeInt8(encodeInt8(value, key), 2)[1]!;
  }
  // A step is 1 / 127 wide; six standard errors of its uniform rounding.
  expect(Math.abs(sum / times - Math.fround(0.3))).toBeLessThan((6 * 0.5) / 127 / Math.sqrt(times));
});

test('int8 of zeros, and of the wrong length', () => {
  expect(decodeInt8(encodeInt8(new Float32Array(3), seed(1)), 3)).toEqual(new Float32Array(3));
  expect(() => decodeInt8(new Uint8Array(9), 3)).toThrow(/not 3 int8 weights/);
});

test('top-k sends the largest and remembers the rest', () => {
  const first = sparsify(Float32Array.of(1, -5, 2, 0.5), new Float32Array(4), 2);
  expect([...first.sent.indices]).toEqual([1, 2]);
  expect([...first.error]).toEqual([1, 0, 0, 0.5]);
  const second = sparsify(Float32Array.of(1, 0, 0, 1), first.error, 2);
  expect([...densify(second.sent, 4)]).toEqual([2, 0, 0, 1.5]);
  expect([...second.error]).toEqual([0, 0, 0, 0]);
  expect(() => densify(first.sent, 2)).toThrow(/index 2 is outside/);
});

test('compression is chosen where the link is the bottleneck only', () => {
  expect(compressionFor(200_000, 10e6, 5)).toBe('none');
  expect(compressionFor(50_000_000, 1e6, 5)).toBe('int8');
});
