/**
 * What federation costs beside training: `npm run bench:federation [rounds=20] [most agents=200]`.
 *
 * - a round over 8 agent processes and over 200 simulated agents (25 in each process), 0.8 MB each way, no training; and over
 *   8 agents with 8 MB, for the coordinator's memory
 * - what secure aggregation of 200,000 weights over 16 and 200 silos adds to such rounds
 * - its computation by itself: the median silo's work, and the coordinator's
 *
 * All on this machine over loopback, with certificates, ledgers and payloads on disk as in production.
 */
import '../../src/cli/runtime.ts';
import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { resolveOptions } from '../../operators/aggregate/options.ts';
import { runRounds } from '../../operators/aggregate/rounds/driver.ts';
import { openJournal, RoundJournal } from '../../operators/aggregate/rounds/journal.ts';
import type { LocalLoss, RoundParticipant } from '../../operators/aggregate/rounds/participant.ts';
import { cohortLedger } from '../../operators/aggregate/secure/cohort-ledger.ts';
import { secureSum } from '../../operators/aggregate/secure/coordinator.ts';
import { rawPublic } from '../../operators/aggregate/secure/keys.ts';
import { encode } from '../../operators/aggregate/secure/ring.ts';
import { SecureSilo } from '../../operators/aggregate/secure/silo.ts';
import { strategyNamed } from '../../operators/aggregate/strategies.ts';
import { AgentCoordinator } from '../../src/agent/coordinator.ts';
import { type Ask, remoteParty } from '../../src/agent/remote-party.ts';
import { bytesOfWeights, release, weightsOfBytes } from '../../src/agent/weights-bytes.ts';
import { MemoryPeak } from './memory-peak.ts';

const WEIGHTS = 200_000;
/** Large enough for its memory not to be hidden by what the process itself needs. */
const LARGE = 2_000_000;
const rounds = Number(process.argv[2] ?? 20);
const mostAgents = Number(process.argv[3] ?? 200);
const signal = new AbortController().signal;

/** Numbers as a trained model has them: constant ones would compress, and hash, like nothing real. */
const startingWeights = (size: number): Float32Array => Float32Array.from({ length: size }, (_, i) => Math.sin(i) / 10);

const total = (spent: ReadonlyMap<string, number>): number => [...spent.values()].reduce((sum, each) => sum + each, 0);

const quantile = (values: readonly number[], q: number): number =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(q * values.length))]!;
const ms = (value: number): string => `${value.toFixed(0)} ms`;

interface Overhead {
  /** Milliseconds per round. */
  readonly times: readonly number[];
  /** The most bytes of the process in these rounds, above those before them. */
  readonly memory: number;
  /** Processor milliseconds per round: of the coordinator, and of all agents together. */
  readonly coordinatorCpu: number;
  readonly agentsCpu: number;
}

/** Runs of one federation, by name. */
type Runs = Readonly<Record<'plain' | 'secure', Overhead | undefined>>;

interface Federation {
  readonly silos: number;
  readonly processes: number;
  /** Weights of the model. */
  readonly size: number;
  readonly rounds: number;
  /** Rounds under secure aggregation, too. */
  readonly secure?: boolean;
}

/** Rounds of the real driver: weights out, updates back, journalled, aggregated, validated. Nothing is trained. */
async function overhead({ processes, rounds, secure, silos, size }: Federation): Promise<Runs> {
  const directory = mkdtempSync(join(tmpdir(), 'bench-federation-'));
  const children: ChildProcess[] = [];
  try {
    await using coordinator = await AgentCoordinator.open({ directory, host: '127.0.0.1', port: 0 });
    const { hub, office } = coordinator;
    const names = Array.from({ length: silos }, (_, k) => `silo${String(k).padStart(3, '0')}`);
    for (let p = 0; p < processes; p++) {
      const mine = names
        .filter((_, k) => k % processes === p)
        .map((name) => `${name}=${office.registry.newCode(name)}`);
      const args = [join(import.meta.dirname, 'agent-process.ts'), join(directory, 'agents-of-bench')];
      const address = `127.0.0.1:${coordinator.port}`;
      children.push(
        spawn(process.execPath, [...args, address, ...mine], {
          stdio: ['ignore', 'ignore', 'inherit'],
        }),
      );
    }
    while (hub.connected.length < silos) await new Promise((done) => setTimeout(done, 20));
    const journalFile = openJournal(join(directory, 'rounds.db'));
    const spent = new Map<string, number>();
    const participants = (run: string) =>
      names.map((silo): RoundParticipant => {
        const call = (method: string, round: number, weights: Float32Array) => {
          const id = `${silo}/${method}/${run}/${round}`;
          return hub.call(silo, { id, method, body: round, payloads: [bytesOfWeights(weights)] }, signal);
        };
        const ask: Ask = ({ round, step }, body, _, payloads) =>
          hub.call(silo, { id: `${silo}/${step}/${run}/${round}`, method: `secure.${step}`, body, payloads }, signal);
        let published = 0;
        return {
          silo,
          async train({ round, weights }) {
            const { payloads } = await call('round', round, weights);
            const delta = weightsOfBytes(payloads[0]);
            for (let i = 0; i < delta.length; i++) delta[i] = delta[i]! - weights[i]!;
            return { delta, count: 1, loss: 1, seconds: 0, [Symbol.dispose]: () => release(payloads[0]!) };
          },
          async validate(weights) {
            const body = (await call('validate', ++published, weights)).body as LocalLoss & { spent: number };
            spent.set(silo, body.spent);
            return body;
          },
          secure: remoteParty(ask, {}, () => ({})),
        };
      });
    const strategy = strategyNamed('fedavg');
    const plan = { strategy, options: resolveOptions(strategy, {}), minSilos: silos };
    const together = {
      shares: new Map(names.map((name) => [name, 1 / silos])),
      identities: new Map(names.map((name) => [name, office.registry.publicKey(name)!])),
    };
    const journal = new RoundJournal(journalFile);
    const drive = async (run: string, size: number, rounds: number, secure: boolean): Promise<number[]> => {
      const times: number[] = [];
      const initial = startingWeights(size);
      const driver = runRounds(
        { ...plan, run, rounds, initial, ...(secure ? { secure: together } : {}) },
        participants(run),
        journal,
        signal,
      );
      for await (const { seconds } of driver) times.push(1000 * seconds);
      return times;
    };
    const measured = async (secure: boolean): Promise<Overhead> => {
      // A small model first: what the process itself needs is no model's memory.
      await drive(`warm-up ${secure}`, 1000, 5, secure);
      const memory = new MemoryPeak();
      const agentsBefore = total(spent);
      const cpu = process.cpuUsage();
      const times = await drive(`bench ${secure}`, size, rounds, secure);
      const { system, user } = process.cpuUsage(cpu);
      return {
        times,
        memory: memory.bytes(),
        coordinatorCpu: (system + user) / 1000 / rounds,
        agentsCpu: (1000 * (total(spent) - agentsBefore)) / ((silos / processes) * rounds),
      };
    };
    const plain = await measured(false);
    const runs = { plain, secure: secure === true ? await measured(true) : undefined };
    journalFile.close();
    return runs;
  } finally {
    await Promise.all(
      children.map((child) => {
        const ended = new Promise((done) => child.once('exit', done));
        child.kill();
        return ended;
      }),
    );
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Milliseconds of the slowest silo over all its steps, and of the coordinator; silos work in parallel in production. */
function secure(silos: number): { silo: number; coordinator: number } {
  const session = { run: 'bench', round: 1, attempt: 1 };
  const names = Array.from({ length: silos }, (_, k) => `silo${String(k).padStart(3, '0')}`);
  const pairs = new Map(names.map((name) => [name, generateKeyPairSync('ed25519')]));
  const identities = new Map(names.map((name) => [name, rawPublic(pairs.get(name)!.publicKey)]));
  const spent = new Map<string, number>();
  const timed = <T>(silo: string, work: () => T): T => {
    const began = performance.now();
    const value = work();
    spent.set(silo, (spent.get(silo) ?? 0) + performance.now() - began);
    return value;
  };
  const ledger = cohortLedger(new DatabaseSync(':memory:'));
  const parties = names.map((silo) => {
    const identity = pairs.get(silo)!.privateKey;
    return [silo, timed(silo, () => new SecureSilo({ silo, session, identity, ledger }))] as const;
  });
  const roster = parties.map(([name, party]) => timed(name, () => party.advertise()));
  const shares = parties.flatMap(([name, party]) => timed(name, () => party.share(roster, identities)));
  const update = startingWeights(WEIGHTS);
  const received = Map.groupBy(shares, ({ to }) => to);
  const masked = new Map(
    parties.map(([name, party]) => [
      name,
      timed(name, () => party.mask(encode(update, 1 / silos, 8), received.get(name) ?? [])),
    ]),
  );
  const confirmations = parties.map(([name, party]) => timed(name, () => party.confirm(names)));
  const revealed = parties.flatMap(([name, party]) => timed(name, () => party.unmask(names, confirmations)));
  const began = performance.now();
  secureSum({ session, roster, identities, shared: new Set(names), masked, revealed });
  return { silo: quantile([...spent.values()], 0.5), coordinator: performance.now() - began };
}

process.stdout.write(`${cpus()[0]?.model}, ${availableParallelism()} cores, Node ${process.versions.node}\n\n`);
process.stdout.write(
  '| what | target | p50 | p95 | memory above its start, ÷ (model × silos) | coordinator CPU | agents CPU |\n|---|---|---|---|---|---|---|\n',
);
const secureRows: string[] = [];
for (const [federation, target] of [
  [{ silos: 8, processes: 8, size: WEIGHTS, rounds }, '≤ 100 ms'],
  [{ silos: 8, processes: 8, size: LARGE, rounds: Math.min(rounds, 10) }, ''],
  [{ silos: 16, processes: 8, size: WEIGHTS, rounds, secure: true }, ''],
  [{ silos: 200, processes: 8, size: WEIGHTS, rounds: Math.min(rounds, 5), secure: true }, '≤ 2 s'],
] as const) {
  const { processes, silos, size } = federation;
  if (silos > mostAgents) continue;
  const runs = await overhead(federation);
  for (const [name, run] of Object.entries(runs)) {
    if (run === undefined) continue;
    const { agentsCpu, coordinatorCpu, memory, times } = run;
    const what = `a ${name} round, ${silos} agents in ${processes} processes, ${(4 * size) / 1e6} MB each way`;
    const share = `${(memory / 1e6).toFixed(0)} MB = ${(memory / (4 * size * silos)).toFixed(2)} ×`;
    process.stdout.write(
      `| ${what} | ${name === 'plain' ? target : ''} | ${ms(quantile(times, 0.5))} | ${ms(quantile(times, 0.95))} | ${share} | ${ms(coordinatorCpu)} | ${ms(agentsCpu)} |\n`,
    );
  }
  if (runs.plain === undefined || runs.secure === undefined) continue;
  const adds = quantile(runs.secure.times, 0.5) - quantile(runs.plain.times, 0.5);
  const work = (runs.secure.agentsCpu - runs.plain.agentsCpu) / silos;
  secureRows.push(
    `| ${silos} silos | ${silos > 100 ? '≤ 5 s' : '≤ 250 ms'} | ${ms(adds)} | ${ms(runs.secure.coordinatorCpu - runs.plain.coordinatorCpu)} | ${ms(work)} |\n`,
  );
}
process.stdout.write(
  '\n| secure rounds over the wire, all silos on this machine | target | adds, p50 | coordinator CPU | CPU of each silo |\n|---|---|---|---|---|\n',
);
for (const row of secureRows) process.stdout.write(row);
process.stdout.write(
  '\n| secure aggregation, 200,000 weights, computation only | target | a silo (median) | coordinator | together |\n|---|---|---|---|---|\n',
);
for (const [silos, target] of [
  [16, '≤ 250 ms'],
  [200, '≤ 5 s'],
] as const) {
  if (silos > mostAgents) continue;
  const runs = Array.from({ length: silos > 100 ? 3 : 7 }, () => secure(silos));
  const silo = quantile(
    runs.map((run) => run.silo),
    0.5,
  );
  const coordinator = quantile(
    runs.map((run) => run.coordinator),
    0.5,
  );
  process.stdout.write(
    `| ${silos} silos | ${target} | ${ms(silo)} | ${ms(coordinator)} | ${ms(silo + coordinator)} |\n`,
  );
}
