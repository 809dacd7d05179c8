/** Training over networks that are slow, lossy, cut, half open or reset all the time: the same weights, bit for bit. */
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, test } from 'vitest';
import { BadNetwork, type Weather } from './bad-network.ts';
import { FaultyFederation, LARGE } from './faults/federation.ts';

const SEED = Number(process.env.CAUSEWAY_FAULT_SEED ?? 1);
const ABSENCE_MS = 20_000;
const VICTIM = 'oslo';

let expected: Buffer;

beforeAll(async () => {
  await using federation = await FaultyFederation.open(LARGE, ABSENCE_MS);
  expected = Buffer.from((await federation.train()).weights!.buffer);
}, 60_000);

/** Trains with each agent behind a network of its own; `during` says what happens once round 1 is under way. */
async function train(
  weather: Weather,
  during: (victim: BadNetwork) => Promise<void> = async () => {},
): Promise<{ weights: Buffer; resets: number }> {
  const networks = new Map<string, BadNetwork>();
  using closing = new DisposableStack();
  await using federation = await FaultyFederation.open(LARGE, ABSENCE_MS, async (silo, port) => {
    const network = await BadNetwork.open(port, weather, SEED + networks.size);
    networks.set(silo, closing.use(network));
    return network.port;
  });
  const began = Promise.withResolvers<void>();
  federation.taps.trained = async (silo) => {
    if (silo === VICTIM) began.resolve();
  };
  const happening = began.promise.then(() => during(networks.get(VICTIM)!));
  const { error, weights } = await federation.train();
  await happening;
  expect(error, `seed ${SEED}`).toBeUndefined();
  const resets = [...networks.values()].reduce((sum, network) => sum + network.resets, 0);
  return { weights: Buffer.from(weights!.buffer), resets };
}

test.concurrent('40 ± 10 ms each way, 2 % of the pieces late by a retransmission, 8 MB/s', async () => {
  const loss = { share: 0.02, retransmitMs: 200 };
  const { weights } = await train({ delay: [30, 50], loss, bytesPerSecond: 8e6 });
  expect(weights.equals(expected)).toBe(true);
}, 60_000);

test.concurrent('connections that are reset within every two megabytes', async () => {
  const { resets, weights } = await train({ resetAfter: [4e5, 2e6] });
  expect(resets, `seed ${SEED}`).toBeGreaterThan(0);
  expect(weights.equals(expected)).toBe(true);
}, 60_000);

test.concurrent('one silo is cut off while it answers, for a second', async () => {
  const { weights } = await train({}, async (network) => {
    network.partition(true);
    await sleep(1000);
    network.partition(false);
  });
  expect(weights.equals(expected)).toBe(true);
}, 60_000);

test.concurrent('one silo’s connection is half open: what it says is lost until it is reset', async () => {
  const { weights } = await train({}, async (network) => {
    network.swallow(true);
    await sleep(500);
    network.swallow(false);
  });
  expect(weights.equals(expected)).toBe(true);
}, 60_000);
