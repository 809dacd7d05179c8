/**
 * The coordinator's end of the agents' links: takes their connections, pushes calls to them, and takes back answers and
 * payloads. A call outlives a broken link: it is pushed again when the agent is back, and done once.
 */
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { CausewayError, canceled, SQLSTATE } from '../plan/errors.ts';
import type { Authority } from './authority.ts';
import type { CallAnswer, CallRequest } from './calls.ts';
import { type EgressLedger, receiptBytes } from './egress-ledger.ts';
import { Outbox } from './outbox.ts';
import { CHUNK_BYTES, inlined, type PayloadRef, PayloadStore, refOf, sha256 } from './payload-store.ts';
import {
  type AgentMessage,
  type Answer,
  type CoordinatorMessage,
  CoordinatorMessageSchema,
  type Hello,
  type LedgerEntry,
  type Reply,
  type RowChunk,
} from './protocol/agent_pb.ts';
import { RecentPayloads } from './recent-payloads.ts';
import { Turns } from './turns.ts';
import {
  ALIVE_INTERVAL_MS,
  entryFromWire,
  failureFromWire,
  isSmall,
  MOST_CLOCK_SKEW_MS,
  PROTOCOL_VERSION,
  payloadToWire,
  refFromWire,
  refToWire,
} from './wire.ts';

export interface HubOptions {
  readonly authority: Authority;
  readonly ledger: EgressLedger;
  /** Where payloads from agents are gathered, one folder per silo. */
  readonly payloads: string;
  /** How long a call waits for an agent that is not connected before it fails. */
  readonly absenceMs?: number;
}

/** Rows that wait for their reader before the agent is held back. */
const ROW_CHUNKS = 4;

/** A payload is copied several times on its way through HTTP/2 and TLS: not for all of a large federation at once. */
const PAYLOADS_AT_ONCE = 16;
const TURN_MS = 1000;

/** A damaged answer is asked for again; one that comes damaged every time is an error. */
const MOST_DAMAGED = 3;

const isDamaged = (thrown: unknown): boolean =>
  thrown instanceof CausewayError && thrown.sqlstate === SQLSTATE.dataCorrupted;

const DEFAULT_ABSENCE_MS = 60_000;

interface Pending {
  readonly silo: string;
  readonly call: { readonly id: string; readonly method: string; readonly body: string };
  readonly payloads: readonly PayloadRef[];
  readonly answer: PromiseWithResolvers<CallAnswer>;
  readonly rows?: Outbox<Uint8Array>;
  absence?: NodeJS.Timeout;
  /** Some of the rows have come. */
  rowsBegan: boolean;
  /** How often the call has been sent. */
  pushes: number;
  /** Answers that arrived with other bytes than they said. */
  damaged: number;
}

interface Link {
  readonly sent: RecentPayloads<{ readonly length: number }>;
  readonly outbox: Outbox<CoordinatorMessage>;
  /** Closes the connection under the link. */
  readonly cut: () => void;
  heard: number;
}

/** Bytes that agents may download, as long as a call needs them. */
interface Outgoing {
  readonly bytes: Uint8Array;
  users: number;
}

export class Hub implements Disposable {
  readonly #options: HubOptions;
  readonly #links = new Map<string, Link>();
  readonly #pending = new Map<string, Pending>();
  readonly #stores = new Map<string, PayloadStore>();
  /** Digests of bytes that go to many agents, taken once. */
  readonly #refs = new WeakMap<Uint8Array, PayloadRef>();
  readonly #outgoing = new Map<string, Outgoing>();
  readonly #sending = new Turns(PAYLOADS_AT_ONCE, TURN_MS);
  readonly #clock: NodeJS.Timeout;

  constructor(options: HubOptions) {
    this.#options = options;
    this.#clock = setInterval(() => this.#tick(), ALIVE_INTERVAL_MS);
    this.#clock.unref();
  }

  /** Silos whose agent is connected now. */
  get connected(): string[] {
    return [...this.#links.keys()].sort();
  }

  /**
   * Asks the agent of `silo`; waits for it when it is away.
   * @throws CausewayError whatever the agent answers; 08006 when it stays away; 57014 when `signal` is aborted.
   */
  async call(silo: string, request: CallRequest, signal: AbortSignal): Promise<CallAnswer> {
    return this.#send(silo, request, signal).answer.promise;
  }

  /** Asks for rows; the iteration ends only when the agent has said that these were all. */
  async *rows(silo: string, request: CallRequest, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const rows = new Outbox<Uint8Array>(ROW_CHUNKS);
    const { answer } = this.#send(silo, request, signal, rows);
    answer.promise.then(
      () => rows.close(),
      (thrown) => rows.close(thrown),
    );
    try {
      yield* rows;
    } finally {
      this.#cancel(request.id);
    }
  }

  /** Cuts the link of a silo: its certificate is revoked. */
  disconnect(silo: string): void {
    const link = this.#links.get(silo);
    link?.outbox.close();
    link?.cut();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#clock);
    for (const [id, pending] of this.#pending) this.#settle(id, pending, canceled());
    for (const silo of this.#links.keys()) this.disconnect(silo);
  }

  // What the protocol's service calls.

  /** @throws CausewayError when the agent of `silo` (by its certificate) and this coordinator do not fit together. */
  greet(silo: string, hello: Hello): { protocol: number; time: bigint } {
    checkHello(silo, hello);
    return { protocol: PROTOCOL_VERSION, time: BigInt(Date.now()) };
  }

  /** One agent's standing stream, from its start to its end. A new one replaces an old one. */
  async *connection(
    silo: string,
    messages: AsyncIterable<AgentMessage>,
    cut: () => void,
  ): AsyncGenerator<CoordinatorMessage> {
    const link: Link = { outbox: new Outbox(), sent: new RecentPayloads(), cut, heard: performance.now() };
    this.disconnect(silo);
    this.#links.set(silo, link);
    // Something must be said for the stream to open.
    void link.outbox.push(message({ case: 'alive', value: {} }));
    for (const pending of this.#pending.values()) {
      if (pending.silo !== silo) continue;
      clearTimeout(pending.absence);
      // Rows that were half read cannot be resumed: the statement fails, it does not return less. When none has come, they
      // are asked for once more: the call may have gone to a link that was dead already.
      if (pending.rows === undefined || (!pending.rowsBegan && pending.pushes < 2)) this.#push(link, pending);
      else pending.answer.reject(linkLost(silo));
    }
    const incoming = messages[Symbol.asyncIterator]();
    const reading = this.#read(silo, link, incoming).finally(() => link.outbox.close());
    reading.catch(() => undefined);
    try {
      for await (const each of link.outbox) {
        if (each.content.case !== 'call' || each.content.value.payloads.length === 0) yield each;
        else {
          using _ = await this.#sending.take();
          yield each;
        }
      }
    } finally {
      if (this.#links.get(silo) === link) {
        this.#links.delete(silo);
        for (const [id, pending] of this.#pending) if (pending.silo === silo) this.#await(id, pending);
      }
    }
  }

  /** Bytes of a payload that need not be sent again. */
  have(silo: string, ref: PayloadRef): number {
    return this.#storeOf(silo).have(ref);
  }

  /** While bytes progress, the link is alive. */
  append(silo: string, ref: PayloadRef, offset: number, data: Uint8Array): void {
    const link = this.#links.get(silo);
    if (link !== undefined) link.heard = performance.now();
    this.#storeOf(silo).append(ref, offset, data);
  }

  /** A payload of a pending call, in chunks from `offset` on. */
  *download(digest: string, offset: number): Generator<{ offset: bigint; data: Uint8Array }> {
    const bytes = this.#outgoing.get(digest)?.bytes;
    if (bytes === undefined) throw new CausewayError(SQLSTATE.undefinedObject, `no call needs payload ${digest}`);
    for (let at = offset; at < bytes.length; at += CHUNK_BYTES) {
      yield { offset: BigInt(at), data: bytes.subarray(at, at + CHUNK_BYTES) };
    }
  }

  /** Takes the rows of one call; returns the last ledger line's hash with the receipt's signature. */
  async takeRows(silo: string, chunks: AsyncIterable<RowChunk>): Promise<{ hash: string; signature: Uint8Array }> {
    let pending: Pending | undefined;
    let receipt: { hash: string; signature: Uint8Array } = { hash: '', signature: new Uint8Array(0) };
    let complete = false;
    try {
      for await (const { call, data, entry, last } of chunks) {
        pending = this.#pending.get(call);
        if (pending?.rows === undefined || pending.silo !== silo) throw canceled();
        pending.rowsBegan = true;
        if (entry !== undefined) receipt = this.#acknowledge(silo, entry);
        if (data.length > 0) await pending.rows.push(data);
        complete = last;
      }
    } finally {
      if (!complete) pending?.answer.reject(linkLost(silo));
    }
    return receipt;
  }

  #send(silo: string, request: CallRequest, signal: AbortSignal, rows?: Outbox<Uint8Array>): Pending {
    const { id, method, body, payloads = [] } = request;
    const refs = payloads.map((bytes) => this.#offer(bytes));
    const pending: Pending = {
      silo,
      call: { id, method, body: JSON.stringify(body) },
      payloads: refs,
      answer: Promise.withResolvers<CallAnswer>(),
      damaged: 0,
      rowsBegan: false,
      pushes: 0,
      ...(rows === undefined ? {} : { rows }),
    };
    this.#pending.set(id, pending);
    const abort = (): void => this.#cancel(id);
    signal.addEventListener('abort', abort, { once: true });
    const done = (): void => {
      signal.removeEventListener('abort', abort);
      this.#forget(id, pending);
    };
    pending.answer.promise.then(done, done);
    const link = this.#links.get(silo);
    if (signal.aborted) abort();
    else if (link === undefined) this.#await(id, pending);
    else this.#push(link, pending);
    return pending;
  }

  /** Small payloads go with the call, unless this link has carried them lately. */
  #push(link: Link, pending: Pending): void {
    const { call, payloads } = pending;
    pending.pushes++;
    const sent = payloads.map((ref) => {
      if (!isSmall(ref) || link.sent.get(ref.digest) !== undefined) return refToWire(ref);
      const { bytes } = this.#outgoing.get(ref.digest)!;
      link.sent.add(ref.digest, { length: bytes.length });
      return payloadToWire(ref, bytes);
    });
    void link.outbox.push(message({ case: 'call', value: { ...call, payloads: sent } }));
  }

  async #read(silo: string, link: Link, incoming: AsyncIterator<AgentMessage>): Promise<void> {
    for (let next = await incoming.next(); next.done !== true; next = await incoming.next()) {
      link.heard = performance.now();
      if (next.value.content.case === 'reply') this.#reply(silo, link, next.value.content.value);
    }
  }

  /** Each silo has its own: nobody else's payload can be replaced, or guessed at by its digest. */
  #storeOf(silo: string): PayloadStore {
    let store = this.#stores.get(silo);
    if (store === undefined) {
      store = new PayloadStore(join(this.#options.payloads, sha256(Buffer.from(silo)).slice(0, 16)));
      this.#stores.set(silo, store);
    }
    return store;
  }

  #reply(silo: string, link: Link, reply: Reply): void {
    const pending = this.#pending.get(reply.id);
    const { outcome } = reply;
    let receipt: { hash: string; signature: Uint8Array } | undefined;
    try {
      const entry = outcome.value?.entry;
      if (entry !== undefined) receipt = this.#acknowledge(silo, entry);
      if (pending !== undefined && pending.silo === silo) {
        if (outcome.case === 'failure') pending.answer.reject(failureFromWire(silo, outcome.value));
        if (outcome.case === 'answer') {
          const payloads = this.#taken(silo, outcome.value.payloads);
          if (payloads === undefined) {
            this.#push(link, pending);
            return;
          }
          pending.answer.resolve({ body: JSON.parse(outcome.value.body || 'null') as unknown, payloads });
        }
      }
    } catch (thrown) {
      if (pending !== undefined && isDamaged(thrown) && pending.damaged++ < MOST_DAMAGED) {
        this.#push(link, pending);
        return;
      }
      pending?.answer.reject(thrown);
    }
    // Also when nobody waits any more: the agent need not keep it.
    const value = { id: reply.id, ...(receipt === undefined ? {} : { receipt }) };
    void link.outbox.push(message({ case: 'taken', value }));
  }

  /** The payloads of an answer; undefined when some of their bytes have not come. */
  #taken(silo: string, sent: Answer['payloads']): Uint8Array[] | undefined {
    const payloads: Uint8Array[] = [];
    const gathered: PayloadRef[] = [];
    const store = this.#storeOf(silo);
    for (const each of sent) {
      const ref = refFromWire(each);
      const here = inlined(ref, each.data);
      if (here === undefined) {
        if (store.have(ref) < ref.size) return undefined;
        gathered.push(ref);
      }
      payloads.push(here ?? store.read(ref));
    }
    for (const { digest } of gathered) store.remove(digest);
    return payloads;
  }

  #acknowledge(silo: string, entry: LedgerEntry): { hash: string; signature: Uint8Array } {
    const line = entryFromWire(silo, entry);
    const { authority, ledger } = this.#options;
    const signature = authority.sign(receiptBytes(silo, line.hash));
    ledger.receive({ ...line, receipt: signature });
    return { hash: line.hash, signature };
  }

  #cancel(id: string): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    void this.#links.get(pending.silo)?.outbox.push(message({ case: 'cancel', value: { id } }));
    this.#settle(id, pending, canceled());
  }

  #settle(id: string, pending: Pending, thrown: unknown): void {
    pending.answer.reject(thrown);
    this.#forget(id, pending);
  }

  #forget(id: string, pending: Pending): void {
    if (this.#pending.get(id) !== pending) return;
    this.#pending.delete(id);
    clearTimeout(pending.absence);
    for (const { digest } of pending.payloads) {
      const outgoing = this.#outgoing.get(digest);
      if (outgoing !== undefined && --outgoing.users === 0) this.#outgoing.delete(digest);
    }
  }

  /** The same bytes for many agents are kept once. */
  #offer(bytes: Uint8Array): PayloadRef {
    const ref = this.#refs.get(bytes) ?? refOf(bytes);
    this.#refs.set(bytes, ref);
    const known = this.#outgoing.get(ref.digest);
    if (known === undefined) this.#outgoing.set(ref.digest, { bytes, users: 1 });
    else known.users++;
    return ref;
  }

  #await(id: string, pending: Pending): void {
    const { absenceMs = DEFAULT_ABSENCE_MS } = this.#options;
    clearTimeout(pending.absence);
    if (pending.rows !== undefined && pending.absence === undefined && absenceMs > 0) {
      pending.absence = setTimeout(() => this.#settle(id, pending, linkLost(pending.silo)), absenceMs);
      return;
    }
    pending.absence = setTimeout(() => this.#settle(id, pending, notConnected(pending.silo, absenceMs)), absenceMs);
  }

  /** Keeps quiet links alive, and drops those that have been silent for three times as long. */
  #tick(): void {
    for (const [silo, link] of this.#links) {
      if (performance.now() - link.heard > 3 * ALIVE_INTERVAL_MS) this.disconnect(silo);
      else void link.outbox.push(message({ case: 'alive', value: {} }));
    }
  }
}

type Content = Parameters<typeof create<typeof CoordinatorMessageSchema>>[1] extends infer Init
  ? Init extends { content?: infer C }
    ? C
    : never
  : never;

const message = (content: NonNullable<Content>): CoordinatorMessage => create(CoordinatorMessageSchema, { content });

/** @throws CausewayError naming what does not fit, at both ends. */
function checkHello(silo: string, hello: Hello): void {
  if (hello.protocol !== PROTOCOL_VERSION) {
    throw new CausewayError(
      SQLSTATE.featureNotSupported,
      `the agent of silo ${silo} (causeway ${hello.version}) speaks protocol ${hello.protocol}, the coordinator ${PROTOCOL_VERSION}`,
      { silo, hint: 'Run the same version of causeway at both ends.' },
    );
  }
  if (hello.silo !== silo) {
    throw new CausewayError(
      SQLSTATE.insufficientPrivilege,
      `the agent calls itself ${hello.silo}, its certificate is of silo ${silo}`,
      { silo, hint: 'Correct "silo" in the agent’s configuration.' },
    );
  }
  const skew = Number(hello.time) - Date.now();
  if (Math.abs(skew) <= MOST_CLOCK_SKEW_MS) return;
  throw new CausewayError(
    SQLSTATE.connectionException,
    `the clock of silo ${silo}’s agent is ${Math.round(Math.abs(skew) / 1000)} s ${skew > 0 ? 'ahead' : 'behind'}`,
    { silo, hint: 'Set it (NTP): signatures and certificates expire by it.' },
  );
}

const linkLost = (silo: string): CausewayError =>
  new CausewayError(
    SQLSTATE.connectionFailure,
    `the link to the agent of silo ${silo} broke before all rows had come`,
    {
      silo,
      hint: 'Run the statement again.',
    },
  );

const notConnected = (silo: string, waitedMs: number): CausewayError =>
  new CausewayError(SQLSTATE.connectionFailure, `the agent of silo ${silo} is not connected`, {
    silo,
    detail: `Waited ${Math.round(waitedMs / 1000)} s.`,
    hint: 'Start it there: causeway agent --config agent.yaml.',
  });
