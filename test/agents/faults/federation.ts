/**
 * A federation over real sockets whose every message can be lost, held, doubled, swapped or damaged: three agents, a
 * coordinator with its journal, and a model of more than one chunk. Training is a fixed function of silo, round and weights.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { resolveOptions } from '../../../operators/aggregate/options.ts';
import { runRounds } from '../../../operators/aggregate/rounds/driver.ts';
import { openJournal, RoundJournal } from '../../../operators/aggregate/rounds/journal.ts';
import type { RoundParticipant } from '../../../operators/aggregate/rounds/participant.ts';
import { strategyNamed } from '../../../operators/aggregate/strategies.ts';
import { Agent } from '../../../src/agent/agent.ts';
import { Authority } from '../../../src/agent/authority.ts';
import { EgressGate } from '../../../src/agent/egress-gate.ts';
import { EgressLedger } from '../../../src/agent/egress-ledger.ts';
import { Hub } from '../../../src/agent/hub.ts';
import { enrol, loadIdentity } from '../../../src/agent/identity.ts';
import { type PayloadRef, PayloadStore } from '../../../src/agent/payload-store.ts';
import type { AgentMessage, CoordinatorMessage, Hello } from '../../../src/agent/protocol/agent_pb.ts';
import { AgentRegistry } from '../../../src/agent/registry.ts';
import { AgentServer, type HubService } from '../../../src/agent/server.ts';
import { openState } from '../../../src/agent/state-file.ts';
import { bytesOfWeights, weightsOfBytes } from '../../../src/agent/weights-bytes.ts';
import { CausewayError, SQLSTATE } from '../../../src/plan/errors.ts';

export const COORDINATOR = 'coordinator';
export const SILOS = ['berlin', 'oslo', 'paris'];
export const ROUNDS = 2;
/** 1.2 MB: an update travels in two chunks. Small ones travel with their message. */
export const LARGE = 300_000;
export const SMALL = 1000;

/** Where faults are put in. Each returns what goes on: nothing, the message, or several. */
export interface Taps {
  greet?(silo: string, hello: Hello): Hello;
  toAgent?(silo: string, message: CoordinatorMessage): Promise<CoordinatorMessage[]>;
  toCoordinator?(silo: string, message: AgentMessage): Promise<AgentMessage[]>;
  /** After a message has been handed to the agent's link. */
  sent?(silo: string, message: CoordinatorMessage): Promise<void>;
  upload?(silo: string, offset: number, data: Uint8Array): { offset: number; data: Uint8Array }[];
  download?(offset: number, data: Uint8Array): Promise<{ offset: number; data: Uint8Array }[]>;
  trained?(silo: string, round: number): Promise<void>;
  journalled?(silo: string, round: number): Promise<void>;
}

/** The port that a silo's agent dials to come to the coordinator's. */
export type Via = (silo: string, port: number) => Promise<number>;

export interface Outcome {
  readonly weights?: Float32Array;
  readonly error?: Error;
}

const PORT_TRIES = 50;

export class FaultyFederation implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'faults-'));
  taps: Taps = {};
  /** Why agents ended for good. */
  readonly refusals = new Map<string, Error>();
  readonly #size: number;
  readonly #absenceMs: number;
  readonly #via: Via;
  readonly #agents = new Map<string, () => Promise<void>>();
  readonly #disks = new Map<string, DatabaseSync>();
  /** Whose disk is full. */
  readonly #full = new Set<string>();
  #port = 0;
  #close: (() => Promise<void>) | undefined;
  #hub: Hub | undefined;
  #registry: AgentRegistry | undefined;
  #state: DatabaseSync | undefined;
  #journal: DatabaseSync | undefined;
  #stopping = new AbortController();

  private constructor(size: number, absenceMs: number, via: Via) {
    this.#size = size;
    this.#absenceMs = absenceMs;
    this.#via = via;
  }

  /** @param absenceMs how long the coordinator waits for a silo that is away */
  static async open(size: number, absenceMs: number, via: Via = async (_, port) => port): Promise<FaultyFederation> {
    const federation = new FaultyFederation(size, absenceMs, via);
    await federation.startCoordinator();
    await Promise.all(SILOS.map((silo) => federation.startAgent(silo)));
    await federation.connected();
    return federation;
  }

  /** Resolves when every agent is there. */
  async connected(): Promise<void> {
    while (this.#hub!.connected.length < SILOS.length) await sleep(10);
  }

  /** Trains all rounds, or goes on where the journal stands; in a coordinator that may be killed. */
  async train(minSilos = SILOS.length): Promise<Outcome> {
    const strategy = strategyNamed('fedavgm');
    const journal = new RoundJournal(this.#journal!);
    const take = journal.result.bind(journal);
    const committed: Promise<void>[] = [];
    journal.result = (run, round, silo, result) => {
      requireRoom(this.#full, COORDINATOR);
      const receipt = take(run, round, silo, result);
      committed.push(this.taps.journalled?.(silo, round) ?? Promise.resolve());
      return receipt;
    };
    const plan = {
      run: 'run',
      strategy,
      options: resolveOptions(strategy, {}),
      rounds: ROUNDS,
      minSilos,
      initial: Float32Array.from({ length: this.#size }, (_, i) => Math.sin(i)),
    };
    try {
      const { signal } = this.#stopping;
      const rounds = runRounds(plan, this.#participants(this.#hub!), journal, signal);
      for (;;) {
        const next = await rounds.next();
        await Promise.all(committed.splice(0));
        if (next.done === true) return { weights: next.value.weights };
      }
    } catch (thrown) {
      return { error: thrown as Error };
    }
  }

  /** As kill -9 leaves it: connections gone, files as they are, nothing said. */
  async crashCoordinator(): Promise<void> {
    this.#stopping.abort(new Error('killed'));
    const close = this.#close;
    this.#close = undefined;
    await close?.();
  }

  async startCoordinator(): Promise<void> {
    const authority = await Authority.open(this.directory);
    const state = openState(join(this.directory, 'agents.db'));
    const registry = new AgentRegistry(state, authority);
    const hub = new Hub({
      authority,
      ledger: new EgressLedger(state),
      payloads: join(this.directory, 'payloads'),
      absenceMs: this.#absenceMs,
    });
    const journal = openJournal(join(this.directory, 'rounds.db'));
    const server = await this.#listen(hub, authority, registry);
    this.#stopping = new AbortController();
    this.#hub = hub;
    this.#registry = registry;
    this.#state = state;
    this.#journal = journal;
    this.#port = server.port;
    this.#close = async () => {
      hub[Symbol.dispose]();
      await server[Symbol.asyncDispose]();
      journal.close();
      state.close();
    };
  }

  async startAgent(silo: string): Promise<void> {
    const directory = join(this.directory, silo);
    const coordinator = `127.0.0.1:${await this.#via(silo, this.#port)}`;
    const identity =
      loadIdentity(directory) ?? (await enrol(directory, this.#registry!.newCode(silo), { coordinator }));
    const db = openState(join(directory, 'agent.db'));
    const ledger = new EgressLedger(db);
    const gate = new EgressGate(silo, ledger);
    gate.allow('faults', { updates: Number.MAX_SAFE_INTEGER });
    const stopping = new AbortController();
    const agent = new Agent({
      directory,
      coordinator,
      identity,
      ledger,
      gate,
      payloads: new DiskOf(silo, this.#full, join(directory, 'payloads')),
      version: 'test',
      log: () => {},
      methods: {
        train: async (body, { payloads }) => {
          const round = body as number;
          const trained = weightsOfBytes(payloads[0]).map((value, i) => value / (round + 1) + silo.length + (i % 7));
          await this.taps.trained?.(silo, round);
          return { body: null, payloads: [bytesOfWeights(trained)], purpose: 'faults', kind: 'updates' };
        },
      },
    });
    const running = agent.run(stopping.signal).catch((thrown: Error) => {
      this.refusals.set(silo, thrown);
    });
    this.#disks.set(silo, db);
    this.#agents.set(silo, async () => {
      this.#disks.delete(silo);
      stopping.abort();
      await running;
      db.close();
    });
  }

  /** As kill -9 leaves it. What it had in memory is gone. */
  async crashAgent(silo: string): Promise<void> {
    const stop = this.#agents.get(silo);
    this.#agents.delete(silo);
    await stop?.();
  }

  cut(silo: string): void {
    this.#hub!.disconnect(silo);
  }

  /** The disk of a silo's agent, or of the coordinator, takes nothing more, or everything again. */
  fillDisk(whose: string, full: boolean): void {
    if (full) this.#full.add(whose);
    else this.#full.delete(whose);
    const dbs = whose === COORDINATOR ? [this.#journal, this.#state] : [this.#disks.get(whose)];
    for (const db of dbs) if (db?.isOpen === true) limitPages(db, full);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(SILOS.map((silo) => this.crashAgent(silo)));
    await this.crashCoordinator();
    rmSync(this.directory, { recursive: true, force: true });
  }

  async #listen(hub: Hub, authority: Authority, registry: AgentRegistry): Promise<AgentServer> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await AgentServer.listen({
          hub: this.#tapped(hub),
          authority,
          registry,
          host: '127.0.0.1',
          port: this.#port,
        });
      } catch (thrown) {
        if (attempt === PORT_TRIES) throw thrown;
        await sleep(20);
      }
    }
  }

  #participants(hub: Hub): RoundParticipant[] {
    return SILOS.map((silo) => ({
      silo,
      validate: async () => ({ lossSum: 1, lossWeight: 1 }),
      train: async ({ round, weights }, signal) => {
        const id = `run/${silo}/${round}`;
        const payloads = [bytesOfWeights(weights)];
        const answer = await hub.call(silo, { id, method: 'train', body: round, payloads }, signal);
        const delta = weightsOfBytes(answer.payloads[0]).map((value, i) => value - weights[i]!);
        return { delta, count: silo.length, loss: 1, seconds: 0 };
      },
    }));
  }

  #tapped(hub: Hub): HubService {
    const taps = (): Taps => this.taps;
    return {
      greet: (silo, hello) => hub.greet(silo, taps().greet?.(silo, hello) ?? hello),
      async *connection(silo, messages, cut) {
        const incoming = async function* (): AsyncGenerator<AgentMessage> {
          for await (const message of messages) yield* (await taps().toCoordinator?.(silo, message)) ?? [message];
        };
        for await (const message of hub.connection(silo, incoming(), cut)) {
          yield* (await taps().toAgent?.(silo, message)) ?? [message];
          await taps().sent?.(silo, message);
        }
      },
      have: (silo, ref) => hub.have(silo, ref),
      append: (silo, ref, offset, data) => {
        requireRoom(this.#full, COORDINATOR);
        for (const chunk of taps().upload?.(silo, offset, data) ?? [{ offset, data }]) {
          hub.append(silo, ref, chunk.offset, chunk.data);
        }
      },
      async *download(digest: string, from: number) {
        for (const { offset, data } of hub.download(digest, from)) {
          const chunks = (await taps().download?.(Number(offset), data)) ?? [{ offset: Number(offset), data }];
          for (const chunk of chunks) yield { offset: BigInt(chunk.offset), data: chunk.data };
        }
      },
      takeRows: (silo, chunks) => hub.takeRows(silo, chunks),
    };
  }
}

/** An agent's payloads on a disk that may be full. */
class DiskOf extends PayloadStore {
  readonly #silo: string;
  readonly #full: ReadonlySet<string>;

  constructor(silo: string, full: ReadonlySet<string>, directory: string) {
    super(directory);
    this.#silo = silo;
    this.#full = full;
  }

  override append(...written: Parameters<PayloadStore['append']>): void {
    requireRoom(this.#full, this.#silo);
    super.append(...written);
  }

  override put(bytes: Uint8Array): PayloadRef {
    requireRoom(this.#full, this.#silo);
    return super.put(bytes);
  }
}

function requireRoom(full: ReadonlySet<string>, whose: string): void {
  if (full.has(whose)) throw new CausewayError(SQLSTATE.diskFull, `no room is left on the disk of ${whose}`);
}

/** SQLite's own way to have no room left. */
function limitPages(db: DatabaseSync, full: boolean): void {
  const { page_count: pages } = db.prepare('PRAGMA page_count').get() as { page_count: number };
  db.exec(`PRAGMA max_page_count = ${full ? pages : 4_294_967_294}`);
}
