/** Accountants against the oracles: exact Gaussian (40 digits), RDP as Opacus computes it, PRV with its bounds. */
import { describe, expect, test } from 'vitest';
import { noiseFor, privacyCost } from './accountant.ts';
import { gaussianDelta } from './gaussian.ts';
import { erfc, logNormalCdf, normalCdf } from './normal.ts';
import { privacyLossEpsilon } from './privacy-loss.ts';
import { rdpAtOrder, rdpEpsilon } from './rdp.ts';

const relative = (got: number, expected: number): number => Math.abs(got / expected - 1);

describe('the normal distribution', () => {
  // Abramowitz & Stegun, table 7.1 and well-known tails.
  test.each([
    [0.5, 0.4795001221869535],
    [2, 0.004677734981047266],
    [3, 2.209049699858544e-5],
    [6, 2.1519736712498913e-17],
    [-1, 1.842700792949715],
  ])('erfc(%f)', (x, expected) => {
    expect(relative(erfc(x), expected)).toBeLessThan(1e-12);
  });

  test('ln Φ joins its asymptotic form', () => {
    expect(relative(logNormalCdf(-29.999999), logNormalCdf(-30.000001))).toBeLessThan(1e-6);
    expect(normalCdf(0)).toBe(0.5);
  });
});

describe('q = 1, exact', () => {
  test.each([
    [1, 1, 4.37717809568],
    [5, 1, 0.725521750858],
    [20, 100, 1.99309140442],
    [8, 100, 5.679586855],
    [5, 50, 6.572970067],
    [2, 20, 11.48002281],
  ])('z = %f, T = %i', (z, steps, expected) => {
    const { epsilon, accountant } = privacyCost([{ q: 1, z, steps }], 1e-5);
    expect(accountant).toBe('exact');
    expect(relative(epsilon, expected)).toBeLessThan(1e-9);
  });

  test('two mechanisms compose like one with the same μ', () => {
    const both = privacyCost(
      [
        { q: 1, z: 3, steps: 9 },
        { q: 1, z: 4, steps: 16 },
      ],
      1e-5,
    );
    expect(relative(both.epsilon, privacyCost([{ q: 1, z: 1, steps: 2 }], 1e-5).epsilon)).toBeLessThan(1e-12);
  });

  test('no noise is no privacy', () => {
    expect(privacyCost([{ q: 1, z: 0, steps: 1 }], 1e-5).epsilon).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('RDP', () => {
  test.each([
    [0.01, 1.1, 2, 1.28510081605162e-4],
    [0.01, 1.1, 8, 5.84070335520251e-4],
    [0.01, 1.1, 32, 8.46941643367593],
    // By Simpson's rule over the definition; Opacus gives 9.5545286e-5.
    [0.01, 1.1, 1.5, 9.554528571876941e-5],
    [0.1, 2, 4, 0.00600328296448965],
    [0.1, 2, 3.7, 0.00550405302453],
    [0.5, 4, 16, 0.163461382728507],
    [1, 1, 8, 4],
  ])('q = %f, z = %f at order %f', (q, z, alpha, expected) => {
    expect(relative(rdpAtOrder(q, z, alpha), expected)).toBeLessThan(1e-9);
  });

  test.each([
    [1, 1, 1, 1e-5, 4.728507],
    [1, 20, 100, 1e-5, 2.165716],
    [0.01, 1.1, 1000, 1e-5, 1.71177],
    [0.01, 1.1, 10000, 1e-5, 5.631992],
    [0.01, 4, 10000, 1e-5, 1.03549],
    [256 / 60000, 1.1, 14062, 1e-5, 2.596556],
    [0.1, 1, 100, 1e-5, 7.899255],
    [0.1, 2, 100, 1e-5, 2.580569],
    [0.5, 4, 100, 1e-5, 6.35018],
    [0.02, 1, 500, 1e-6, 3.602584],
    [0.001, 0.8, 5000, 1e-6, 1.592308],
  ])('q = %f, z = %f, T = %i, δ = %f', (q, z, steps, delta, expected) => {
    // The table's Opacus is 5e-6 off at some fractional orders.
    expect(relative(rdpEpsilon([{ q, z, steps }], delta), expected)).toBeLessThan(1e-5);
  });

  test('unlike rounds', () => {
    const mechanisms = [
      { q: 0.1, z: 2, steps: 50 },
      { q: 1, z: 10, steps: 10 },
    ];
    expect(relative(rdpEpsilon(mechanisms, 1e-5), 2.292935)).toBeLessThan(1e-5);
    expect(privacyCost(mechanisms, 1e-5).epsilon).toBeLessThan(2.292935);
  });
});

describe('privacy loss variables', () => {
  test.each([
    [0.01, 1.1, 1000, 1e-5, 1.51536, 1.51425, 1.51647],
    [0.01, 1.1, 10000, 1e-5, 5.19258, 5.182, 5.203],
    [0.01, 4, 10000, 1e-5, 0.94687, 0.937, 0.957],
    [256 / 60000, 1.1, 14062, 1e-5, 2.3816, 2.371, 2.392],
    [0.1, 1, 100, 1e-5, 7.0466, 7.036, 7.057],
    [0.1, 2, 100, 1e-5, 2.3374, 2.33625, 2.33855],
    [0.5, 4, 100, 1e-5, 5.86872, 5.86741, 5.87003],
    [0.02, 1, 500, 1e-6, 3.21357, 3.21239, 3.21476],
    [0.001, 0.8, 5000, 1e-6, 0.73357, 0.723, 0.744],
  ])('q = %f, z = %f, T = %i, δ = %f', (q, z, steps, delta, expected, low, high) => {
    const found = privacyLossEpsilon([{ q, z, steps }], delta);
    expect(found?.estimate).toBeGreaterThan(low);
    expect(found?.estimate).toBeLessThan(high);
    expect(relative(found!.estimate, expected)).toBeLessThan(1e-3);
    expect(found!.upper).toBeGreaterThan(expected);
    expect(found!.upper - expected).toBeLessThan(0.012);
  });

  test('agree with the exact Gaussian at q = 1', () => {
    const { epsilon } = privacyCost([{ q: 1, z: 8, steps: 100 }], 1e-5);
    expect(privacyLossEpsilon([{ q: 1, z: 8, steps: 100 }], 1e-5)?.estimate).toBeCloseTo(epsilon, 3);
  });
});

test('the noise for a budget spends it and no more', () => {
  const exact = noiseFor(2, 1e-5, 1, 100);
  expect(privacyCost([{ q: 1, z: exact, steps: 100 }], 1e-5).epsilon).toBeCloseTo(2, 6);
  const sampled = noiseFor(2, 1e-5, 0.1, 100);
  const spent = privacyCost([{ q: 0.1, z: sampled, steps: 100 }], 1e-5).epsilon;
  expect(spent).toBeLessThanOrEqual(2);
  expect(spent).toBeGreaterThan(1.95);
});

test('δ(ε) falls with ε', () => {
  expect(gaussianDelta(1, 1)).toBeGreaterThan(gaussianDelta(1, 2));
});
