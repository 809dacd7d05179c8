/** Real processes, killed outright in the middle of a training and started again: the same weights, bit for bit. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FederationOfProcesses, SILOS, TRAIN } from './processes.ts';

const SECURE = 'PRIVACY (secure => true)';
let federation: FederationOfProcesses;

beforeAll(async () => {
  federation = await FederationOfProcesses.open();
  await federation.sql(TRAIN('whole'), TRAIN('whole_secure', SECURE));
  await federation.until('whole');
  await federation.until('whole_secure');
}, 240_000);

afterAll(() => federation[Symbol.asyncDispose]());

test.each([
  ['plain', 'whole', ''],
  ['secure', 'whole_secure', SECURE],
])(
  'kill -9 of the coordinator in a %s training: started again, it goes on by itself',
  async (_, whole, privacy) => {
    const model = `${whole}_killed`;
    await federation.sql(TRAIN(model, privacy));
    await federation.until(model, 2);
    await federation.kill('serve');
    await federation.serve();
    await federation.until(model);
    expect(federation.weights(model).equals(federation.weights(whole))).toBe(true);
  },
  180_000,
);

test('kill -9 of an agent in a training: started again, it does the round again', async () => {
  await federation.sql(TRAIN('agent_killed'));
  await federation.until('agent_killed', 2);
  await federation.kill('oslo');
  await federation.agent('oslo');
  await federation.until('agent_killed');
  expect(federation.weights('agent_killed').equals(federation.weights('whole'))).toBe(true);
}, 180_000);

test('what left is in both ledgers after all that, with receipts', () => {
  for (const silo of SILOS) {
    const state = federation.agentState(silo);
    const verdict = federation.causeway('audit', 'verify', '--agent', state, '--dir', federation.catalog);
    expect(verdict).toContain('the ledger holds');
  }
}, 60_000);
