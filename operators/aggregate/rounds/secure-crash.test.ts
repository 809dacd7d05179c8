/** Secure rounds whose coordinator or silos are killed: the same weights, or an end that says why. */
import { generateKeyPairSync } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { resolveOptions } from '../options.ts';
import { cohortLedger } from '../secure/cohort-ledger.ts';
import { rawPublic } from '../secure/keys.ts';
import { strategyNamed } from '../strategies.ts';
import { type RunPlan, runRounds } from './driver.ts';
import { RoundJournal } from './journal.ts';
import type { LocalResult, RoundParticipant, RoundTask } from './participant.ts';
import { LocalParty } from './secure-party.ts';
import type { SecureParty } from './secure-round.ts';

const NAMES = ['a', 'b', 'c', 'd'];
const STEPS = ['advertise', 'share', 'train', 'confirm', 'unmask'] as const;
const signal = new AbortController().signal;

const pairs = new Map(NAMES.map((name) => [name, generateKeyPairSync('ed25519')]));
const identities = new Map(NAMES.map((name) => [name, rawPublic(pairs.get(name)!.publicKey)]));
const strategy = strategyNamed('fedavgm');

const plan = (minSilos: number): RunPlan => ({
  run: 'run',
  strategy,
  options: resolveOptions(strategy, {}),
  rounds: 2,
  minSilos,
  initial: Float32Array.of(0.5, -1, 2),
  secure: { identities, shares: new Map(NAMES.map((name) => [name, 1 / NAMES.length])) },
});

/** Silos as a process has them after its start: what they agreed to is on disk, keys are in memory. */
function silos(
  ledgers: ReadonlyMap<string, DatabaseSync>,
  wrap: (silo: string, party: SecureParty) => SecureParty = (_, party) => party,
): RoundParticipant[] {
  return NAMES.map((silo) => {
    const train = async ({ round, weights }: RoundTask): Promise<LocalResult> => {
      const pull = silo.charCodeAt(0) / 100;
      return { delta: weights.map((value) => (pull - value) / (round + 1)), count: 1, loss: 1, seconds: 0 };
    };
    const ledger = cohortLedger(ledgers.get(silo)!);
    const party = new LocalParty({ silo, identity: pairs.get(silo)!.privateKey, ledger, train });
    return { silo, train, validate: async () => ({ lossSum: 1, lossWeight: 1 }), secure: wrap(silo, party) };
  });
}

const disks = () => new Map(NAMES.map((name) => [name, new DatabaseSync(':memory:')]));

async function finish(participants: readonly RoundParticipant[], journal: RoundJournal, minSilos = NAMES.length) {
  const rounds = runRounds(plan(minSilos), participants, journal, signal);
  for (;;) {
    const next = await rounds.next();
    if (next.done === true) return next.value.weights;
  }
}

type Step = (typeof STEPS)[number];

/** A party that tells `watch` before and after each step it does; what `watch` throws is the step's end. */
function watched(party: SecureParty, watch: (step: Step, place: 'before' | 'after') => void): SecureParty {
  const step =
    (name: Step) =>
    async (...asked: never[]): Promise<unknown> => {
      watch(name, 'before');
      const answer = await (party[name] as (...all: never[]) => Promise<unknown>)(...asked);
      watch(name, 'after');
      return answer;
    };
  return Object.fromEntries(STEPS.map((name) => [name, step(name)])) as unknown as SecureParty;
}

const KILLS = STEPS.flatMap((step): [Step, 'before' | 'after', number][] => [
  [step, 'before', 1],
  [step, 'after', 3],
  [step, 'after', 4],
  [step, 'before', 6],
]);

test.each(KILLS)('the coordinator is killed at "%s", %s the %i. silo: the same weights', async (step, place, at) => {
  const expected = await finish(silos(disks()), new RoundJournal(new DatabaseSync(':memory:')));
  const ledgers = disks();
  const db = new DatabaseSync(':memory:');
  let count = 0;
  let dead = false;
  // The coordinator dies: nobody answers it any more.
  const dies = (_: string, party: SecureParty) =>
    watched(party, (name, now) => {
      if (name === step && now === place) dead ||= ++count === at;
      if (dead) throw new Error('killed');
    });
  const killed = await finish(silos(ledgers, dies), new RoundJournal(db)).catch((thrown: Error) => thrown);
  expect(killed).toBeInstanceOf(Error);
  expect(dead).toBe(true);
  const resumed = await finish(silos(ledgers), new RoundJournal(db));
  expect(Buffer.from(resumed.buffer)).toEqual(Buffer.from(expected.buffer));
});

test.each(STEPS)('a silo that is lost at "%s": the others end the round, or it fails by name', async (step) => {
  const loses = (silo: string, party: SecureParty) =>
    watched(party, (name, now) => {
      if (silo === 'c' && name === step && now === 'before') throw new Error('it was restarted and has no keys');
    });
  const journal = new RoundJournal(new DatabaseSync(':memory:'));
  await finish(silos(disks(), loses), journal, 3);
  // A masked update that has come is in the sum, whether or not its silo is there to unmask it.
  const inSum = step === 'confirm' || step === 'unmask';
  const reports = journal.reports<{ silos: string[]; missing: Record<string, string> }>('run');
  expect(reports.map((report) => report.silos)).toEqual([1, 2].map(() => (inSum ? NAMES : ['a', 'b', 'd'])));
  expect(reports.map(({ missing }) => Object.keys(missing))).toEqual([1, 2].map(() => (inSum ? [] : ['c'])));
  if (inSum) return;
  const whole = finish(silos(disks(), loses), new RoundJournal(new DatabaseSync(':memory:')));
  await expect(whole).rejects.toMatchObject({ sqlstate: 'CW002', message: expect.stringContaining('lost: c') });
});
