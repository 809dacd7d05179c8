import { expect, test } from 'vitest';
import { aggregate } from '../aggregate.ts';
import { resolveOptions } from '../options.ts';
import type { ServerState } from '../strategy.ts';
import { nextControl, scaffold } from './scaffold.ts';

const options = resolveOptions(scaffold, {});

test('the server takes unweighted means and scales c by |S| / N', () => {
  const updates = [
    { silo: 'a', delta: Float32Array.of(2), control: Float32Array.of(1), count: 1, loss: 1 },
    { silo: 'b', delta: Float32Array.of(4), control: Float32Array.of(3), count: 99, loss: 1 },
  ];
  const input = { strategy: scaffold, options, global: Float32Array.of(10), updates, state: {}, population: 4 };
  const { weights, state } = aggregate(input);
  expect([...weights]).toEqual([13]);
  expect([...state.control!]).toEqual([1]);
  expect(() => aggregate({ ...input, updates: [updates[0]!, { ...updates[1]!, control: undefined! }] })).toThrow(
    /silo b has no control variate/,
  );
});

/**
 * Two silos with F_i(v) = ½ a_i (v − b_i)², one step sizes away from each other. FedAvg with several local steps stops
 * away from the joint minimum (Σ a_i b_i / Σ a_i); SCAFFOLD must reach it.
 */
test('reaches the joint minimum where plain averaging drifts', () => {
  const silos = [
    { name: 'a', curvature: 1, at: 0 },
    { name: 'b', curvature: 4, at: 10 },
  ];
  const [steps, rate] = [10, 0.1];
  const own = new Map<string, Float64Array>(silos.map(({ name }) => [name, Float64Array.of(0)]));
  let [weights, state]: [Float32Array, ServerState] = [Float32Array.of(3), {}];
  let plain = 3;
  for (let round = 0; round < 200; round++) {
    const server = state.control ?? Float64Array.of(0);
    const updates = silos.map(({ name, curvature, at }) => {
      let v = weights[0]!;
      const mine = own.get(name)!;
      for (let k = 0; k < steps; k++) v -= rate * (curvature * (v - at) - mine[0]! + server[0]!);
      const delta = Float32Array.of(v - weights[0]!);
      const next = nextControl(mine, server, delta, steps, rate);
      const control = Float32Array.of(next[0]! - mine[0]!);
      own.set(name, next);
      return { silo: name, delta, control, count: 1, loss: 1 };
    });
    ({ weights, state } = aggregate({ strategy: scaffold, options, global: weights, updates, state, population: 2 }));
    const locals = silos.map(({ curvature, at }) => at + (plain - at) * (1 - rate * curvature) ** steps);
    plain = (locals[0]! + locals[1]!) / 2;
  }
  expect(weights[0]).toBeCloseTo(8, 2);
  expect(Math.abs(plain - 8)).toBeGreaterThan(1);
});
