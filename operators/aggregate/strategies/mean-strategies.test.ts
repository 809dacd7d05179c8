/** The strategies that need the mean only, against the published vectors (two scalar rounds from w = 0). */
import { expect, test } from 'vitest';
import { resolveOptions } from '../options.ts';
import type { MeanStrategy, ServerState } from '../strategy.ts';
import { fedadagrad } from './fedadagrad.ts';
import { fedadam } from './fedadam.ts';
import { fedavg } from './fedavg.ts';
import { fedavgm } from './fedavgm.ts';
import { fedprox } from './fedprox.ts';
import { fedyogi } from './fedyogi.ts';

/** The weight after each mean update. */
function run(strategy: MeanStrategy, given: Record<string, number>, means: readonly number[]): number[] {
  const options = resolveOptions(strategy, given);
  let state: ServerState = {};
  let weights = Float64Array.of(0);
  return means.map((value) => {
    const mean = { delta: Float64Array.of(value), cohort: 2, population: 2 };
    const step = strategy.step(weights, mean, state, options);
    state = step.state;
    weights = Float64Array.from(step.weights);
    return weights[0]!;
  });
}

const means = [0.5, -0.25];

test.each([
  [fedavg, {}, [0.5, 0.25]],
  [fedprox, { mu: 0.1 }, [0.5, 0.25]],
  [fedavgm, { momentum: 0.9 }, [0.5, 0.7]],
  [fedadagrad, { server_learning_rate: 0.1, initial: 0 }, [0.099800399202, 0.055158896799]],
  [fedadam, { server_learning_rate: 0.1, initial: 0 }, [0.098039215686, 0.133326497796]],
  [fedyogi, { server_learning_rate: 0.01, initial: 0 }, [0.009803921569, 0.013318755079]],
] as const)('$name meets its vector', (strategy, options, expected) => {
  run(strategy, options, means).forEach((weight, round) => {
    expect(weight).toBeCloseTo(expected[round]!, 11);
  });
});

test('the paper’s v before round 1 is τ²', () => {
  // m = 0.1 · 0.5, v = 0.99 · 1e-6 + 0.01 · 0.25
  const expected = (0.01 * 0.05) / (Math.sqrt(0.99e-6 + 0.0025) + 1e-3);
  expect(run(fedadam, {}, [0.5])[0]).toBeCloseTo(expected, 15);
});

test('FedProx tells the silo its mu', () => {
  expect(fedprox.local?.(resolveOptions(fedprox, { mu: 0.3 }))).toEqual({ proximal: 0.3 });
});
