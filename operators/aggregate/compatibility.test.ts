import { expect, test } from 'vitest';
import { type FederationChoice, incompatibility } from './compatibility.ts';
import { STRATEGIES, strategyNamed } from './strategies.ts';

const choice = (over: Partial<FederationChoice>): FederationChoice => ({
  strategy: strategyNamed('fedavg'),
  secure: false,
  centralNoise: false,
  compression: 'none',
  silos: 5,
  tree: false,
  ...over,
});

test('every strategy goes with plain aggregation', () => {
  for (const strategy of STRATEGIES) expect(incompatibility(choice({ strategy, compression: 'int8' }))).toBeUndefined();
});

test('robust strategies and secure aggregation are refused by name', () => {
  for (const name of ['krum', 'multi_krum', 'bulyan', 'median', 'trimmed_mean', 'qfedavg', 'fedbuff']) {
    const error = incompatibility(choice({ strategy: strategyNamed(name), secure: true }));
    expect(error?.message).toContain(`strategy ${name} must see each silo’s update`);
  }
  expect(incompatibility(choice({ strategy: strategyNamed('fedadam'), secure: true }))).toBeUndefined();
});

test.each([
  [{ secure: true, silos: 2 }, /at least 3 silos, this statement has 2/],
  [{ secure: true, strategy: strategyNamed('scaffold') }, /scaffold follows each silo’s control variate/],
  [{ secure: true, compression: 'top_k' }, /top_k compression/],
  [{ secure: true, compression: 'int8' }, /int8 compression/],
  [{ secure: true, tree: true }, /the sum of each branch/],
  [{ tree: true, strategy: strategyNamed('median') }, /median compares single updates/],
  [{ tree: true, centralNoise: true }, /not by a tree/],
  [{ centralNoise: true, strategy: strategyNamed('krum') }, /krum is no mean/],
  [{ centralNoise: true, strategy: strategyNamed('scaffold') }, /control variates/],
] as const)('refusal %#', (over, message) => {
  expect(incompatibility(choice(over))?.message).toMatch(message);
});
