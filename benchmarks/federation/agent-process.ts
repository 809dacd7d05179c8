/** A stand-in silo as a process of its own: enrols, connects, and answers each round with an update of the size asked for. */
import '../../src/cli/runtime.ts';
import { join } from 'node:path';
import { Agent } from '../../src/agent/agent.ts';
import { EgressGate } from '../../src/agent/egress-gate.ts';
import { EgressLedger } from '../../src/agent/egress-ledger.ts';
import { enrol } from '../../src/agent/identity.ts';
import { PayloadStore } from '../../src/agent/payload-store.ts';
import { openState } from '../../src/agent/state-file.ts';

const [directory, coordinator, ...enrolments] = process.argv.slice(2) as [string, string, ...string[]];
const stopping = new AbortController();
process.once('SIGTERM', () => stopping.abort());

function processorSeconds(): number {
  const { system, user } = process.cpuUsage();
  return (system + user) / 1e6;
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
    gate.allow('bench', { updates: Number.MAX_SAFE_INTEGER });
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
          return { body: processorSeconds(), payloads: [update], purpose: 'bench', kind: 'updates' };
        },
        validate: async () => ({ body: { lossSum: 1, lossWeight: 1 }, purpose: 'bench', kind: 'updates' }),
      },
    });
    await agent.run(stopping.signal);
    db.close();
  }),
);
