/** A stand-in silo as a process of its own: enrols, connects, and answers each round with an update of the size asked for. */
import '../../src/cli/runtime.ts';
import { join } from 'node:path';
import { LocalParty } from '../../operators/aggregate/rounds/secure-party.ts';
import { cohortLedger } from '../../operators/aggregate/secure/cohort-ledger.ts';
import { Agent } from '../../src/agent/agent.ts';
import type { Method } from '../../src/agent/calls.ts';
import { EgressGate } from '../../src/agent/egress-gate.ts';
import { EgressLedger } from '../../src/agent/egress-ledger.ts';
import { enrol } from '../../src/agent/identity.ts';
import { fromJson, toJson } from '../../src/agent/json.ts';
import { PayloadStore } from '../../src/agent/payload-store.ts';
import type {
  ConfirmRequest,
  MaskRequest,
  SessionBody,
  ShareRequest,
  UnmaskRequest,
} from '../../src/agent/remote-party.ts';
import { openState } from '../../src/agent/state-file.ts';
import { weightsOfBytes } from '../../src/agent/weights-bytes.ts';

const [directory, coordinator, ...enrolments] = process.argv.slice(2) as [string, string, ...string[]];
const stopping = new AbortController();
process.once('SIGTERM', () => stopping.abort());

function processorSeconds(): number {
  const { system, user } = process.cpuUsage();
  return (system + user) / 1e6;
}

/** The steps of a secure round, as the product's agent answers them once a job is verified. */
function secureMethods(party: LocalParty): Record<string, Method> {
  const step =
    <Body>(answer: (body: Body, signal: AbortSignal) => Promise<unknown>): Method =>
    async (text, { signal }) => {
      const body = toJson(await answer(fromJson(text as string) as Body, signal));
      return { body, purpose: 'bench', kind: 'keys' };
    };
  return {
    'secure.advertise': step(({ session }: SessionBody) => party.advertise(session)),
    'secure.share': step(({ identities, roster, session }: ShareRequest) =>
      party.share(session, roster, new Map(identities)),
    ),
    'secure.train': async (text, { payloads, signal }) => {
      const { options, received, round, session, terms } = fromJson(text as string) as MaskRequest;
      const task = { run: session.run, round, terms, weights: weightsOfBytes(payloads[0]) };
      const { loss, masked, seconds } = await party.train(session, task, options, received, signal);
      const words = new Uint8Array(masked.buffer, masked.byteOffset, masked.byteLength);
      return { body: toJson({ loss, seconds }), payloads: [words], purpose: 'bench', kind: 'updates' };
    },
    'secure.confirm': step(({ session, survivors }: ConfirmRequest) => party.confirm(session, survivors)),
    'secure.unmask': step(({ confirmations, session, survivors }: UnmaskRequest) =>
      party.unmask(session, survivors, confirmations),
    ),
  };
}

/** One process may stand for many silos: `name=code`. */
await Promise.all(
  enrolments.map(async (enrolment) => {
    const [silo, code] = enrolment.split('=') as [string, string];
    const home = join(directory, silo);
    const identity = await enrol(home, code, { coordinator });
    const db = openState(join(home, 'agent.db'));
    const ledger = new EgressLedger(db);
    const gate = new EgressGate(silo, ledger);
    gate.allow('bench', { updates: Number.MAX_SAFE_INTEGER, keys: Number.MAX_SAFE_INTEGER });
    const party = new LocalParty({
      silo,
      identity: identity.key,
      ledger: cohortLedger(openState(join(home, 'cohorts.db'), true)),
      train: async ({ weights }) => ({ delta: weights.map((weight) => weight / 2), count: 1, loss: 1, seconds: 0 }),
    });
    const agent = new Agent({
      directory: home,
      coordinator,
      identity,
      ledger,
      gate,
      payloads: new PayloadStore(join(home, 'payloads')),
      version: 'bench',
      log: () => {},
      methods: {
        // The update is the weights with one changed, so that no round's payload is another's.
        round: async (body, { payloads }) => {
          const update = payloads[0]!.slice();
          update[0] = Number(body);
          update[1] = silo.charCodeAt(silo.length - 1);
          return { body: null, payloads: [update], purpose: 'bench', kind: 'updates' };
        },
        validate: async () => {
          const body = { lossSum: 1, lossWeight: 1, spent: processorSeconds() };
          return { body, purpose: 'bench', kind: 'updates' };
        },
        ...secureMethods(party),
      },
    });
    await agent.run(stopping.signal);
    db.close();
  }),
);
