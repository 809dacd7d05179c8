import { expect, test } from 'vitest';
import { normals, uniforms } from '../random.ts';
import { norm } from '../vectors.ts';
import { poissonSample, privateGradient } from './per-example.ts';

const seed = new Uint8Array(32).fill(3);

test('every unit is clipped by itself and the divisor is fixed', () => {
  const units = [Float32Array.of(6, 8), Float32Array.of(0.3, 0.4), Float32Array.of(0, 0)];
  const step = { clip: 1, noiseMultiplier: 0, expectedBatch: 4, normal: () => 0 };
  const gradient = privateGradient(units, 2, step);
  expect(gradient[0]).toBeCloseTo((0.6 + 0.3) / 4, 6);
  expect(gradient[1]).toBeCloseTo((0.8 + 0.4) / 4, 6);
});

test('an empty batch is noise of deviation z · C / batch', () => {
  const step = { clip: 2, noiseMultiplier: 1.5, expectedBatch: 10, normal: normals(seed) };
  const deviation = norm(privateGradient([], 10_000, step)) / 100;
  expect(Math.abs(deviation / 0.3 - 1)).toBeLessThan(6 / Math.sqrt(2 * 10_000));
});

test('a Poisson sample takes each unit with chance q', () => {
  const taken = poissonSample(10_000, 0.2, uniforms(seed));
  expect(Math.abs(taken.length - 2000)).toBeLessThan(6 * Math.sqrt(10_000 * 0.2 * 0.8));
});
