/**
 * The process beside a silo: dials out, keeps the link alive, does each call once, and keeps answers until the
 * coordinator has them.
 */
import { create } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { CausewayError, canceled, messageOf, SQLSTATE } from '../plan/errors.ts';
import type { Method, MethodContext } from './calls.ts';
import { type Dialled, dial } from './dial.ts';
import type { EgressGate } from './egress-gate.ts';
import type { EgressLedger } from './egress-ledger.ts';
import { checkIdentity, type Identity, keyPem, renewed } from './identity.ts';
import { Outbox } from './outbox.ts';
import { CHUNK_BYTES, inlined, type PayloadRef, type PayloadStore, refOf, sha256 } from './payload-store.ts';
import {
  type AgentMessage,
  AgentMessageSchema,
  type Call,
  ChunkSchema,
  type CoordinatorMessage,
  type Reply,
  ReplySchema,
  RowChunkSchema,
} from './protocol/agent_pb.ts';
import { RecentPayloads } from './recent-payloads.ts';
import {
  ALIVE_INTERVAL_MS,
  entryToWire,
  failureToWire,
  isSmall,
  PROTOCOL_VERSION,
  payloadToWire,
  refFromWire,
  refToWire,
} from './wire.ts';

export interface AgentOptions {
  readonly directory: string;
  readonly coordinator: string;
  readonly proxy?: string;
  readonly identity: Identity;
  /** What the coordinator may ask, by name. */
  readonly methods: Readonly<Record<string, Method>>;
  readonly ledger: EgressLedger;
  readonly gate: EgressGate;
  readonly payloads: PayloadStore;
  readonly version: string;
  readonly log: (event: string, details?: Record<string, unknown>) => void;
}

/** Pauses between attempts to connect grow from the first to the second. */
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 15_000;

interface Task {
  readonly reply: Promise<Reply>;
  readonly abort: AbortController;
  /** Payloads of the answer that are fetched in chunks, once there is one. */
  answers: readonly PayloadRef[];
}

interface Link extends Dialled {
  /** The agent is to stop: no call may outlive it. */
  readonly stopping: AbortSignal;
  readonly outbox: Outbox<AgentMessage>;
}

export class Agent {
  readonly #options: AgentOptions;
  readonly #tasks = new Map<string, Task>();
  readonly #received = new RecentPayloads<Uint8Array>();
  #identity: Identity;
  /** The link of now has brought a call. */
  #asked = false;

  constructor(options: AgentOptions) {
    this.#options = options;
    this.#identity = options.identity;
  }

  /**
   * Serves until `signal` is aborted, dialling again whenever the link is lost.
   * @throws CausewayError when the coordinator refuses this agent for good: certificate, version, name, clock.
   */
  async run(signal: AbortSignal): Promise<void> {
    checkIdentity(this.#identity);
    let pause = FIRST_PAUSE_MS;
    while (!signal.aborted) {
      this.#asked = false;
      try {
        await this.#serve(signal);
      } catch (thrown) {
        if (signal.aborted) break;
        if (isFinal(thrown)) throw asRefusal(thrown);
        this.#options.log('link lost', { reason: messageOf(thrown) });
      }
      // A coordinator that has asked for something is there; only one that is not is spared.
      if (this.#asked) pause = FIRST_PAUSE_MS;
      await sleep(pause * (0.5 + Math.random() / 2), signal);
      pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
    }
    for (const { abort } of this.#tasks.values()) abort.abort(canceled());
    await Promise.allSettled([...this.#tasks.values()].map(({ reply }) => reply));
  }

  /** One connection, from greeting to loss. */
  async #serve(signal: AbortSignal): Promise<void> {
    const { coordinator, directory, proxy, version } = this.#options;
    const { authority, certificate } = this.#identity;
    const key = keyPem(this.#identity);
    using dialled = await dial({ coordinator, authority, certificate, key, ...(proxy === undefined ? {} : { proxy }) });
    const outbox = new Outbox<AgentMessage>();
    const link: Link = { ...dialled, [Symbol.dispose]: () => {}, outbox, stopping: signal };
    const { silo } = this.#identity;
    const hello = { protocol: PROTOCOL_VERSION, silo, version, time: BigInt(Date.now()) };
    await link.client.greet(hello, { signal });
    this.#identity = await renewed(directory, this.#identity, (request) => link.client.renew(request, { signal }));
    this.#options.log('connected', { coordinator });
    // Something must be said for the stream to open.
    void link.outbox.push(create(AgentMessageSchema, { content: { case: 'alive', value: {} } }));
    const watching = watch(link);
    try {
      const closing = AbortSignal.any([signal, watching.signal]);
      for await (const message of link.converse(link.outbox, closing)) this.#receive(link, message);
      throw new CausewayError(SQLSTATE.connectionFailure, 'the coordinator closed the link');
    } finally {
      watching.stop();
      link.outbox.close();
    }
  }

  #receive(link: Link, { content }: CoordinatorMessage): void {
    switch (content.case) {
      case 'call':
        this.#asked = true;
        this.#call(link, content.value).catch((thrown) =>
          this.#options.log('answer not delivered', { call: content.value.id, reason: messageOf(thrown) }),
        );
        return;
      case 'cancel':
        this.#tasks.get(content.value.id)?.abort.abort(canceled());
        return;
      case 'taken': {
        const { id, receipt } = content.value;
        if (receipt !== undefined) {
          this.#options.ledger.receipt(this.#identity.silo, receipt.hash, receipt.signature);
        }
        for (const { digest } of this.#tasks.get(id)?.answers ?? []) this.#options.payloads.remove(digest);
        this.#tasks.delete(id);
      }
    }
  }

  /**
   * Does the call, unless it is being done or is done, and delivers its answer over this link. What cannot be delivered
   * while the link stands is answered with the reason; when the link is lost the call comes again over the next one.
   */
  async #call(link: Link, call: Call): Promise<void> {
    let reply: Reply;
    try {
      const task = this.#tasks.get(call.id) ?? (await this.#start(link, call));
      reply = await task.reply;
      for (const ref of task.answers) await patiently(link, () => this.#upload(link, ref));
    } catch (thrown) {
      if (link.socket.destroyed) throw thrown;
      this.#options.log('answer not delivered', { call: call.id, reason: messageOf(thrown) });
      reply = this.#failure(call, thrown instanceof ConnectError ? undelivered(this.#identity.silo, thrown) : thrown);
    }
    await link.outbox.push(create(AgentMessageSchema, { content: { case: 'reply', value: reply } }));
  }

  async #start(link: Link, call: Call): Promise<Task> {
    const refs = call.payloads.map(refFromWire);
    const small = refs.map((ref, k) => this.#small(ref, call.payloads[k]!.data));
    const large = refs.filter((_, k) => small[k] === undefined);
    for (const ref of large) await patiently(link, () => this.#download(link, ref));
    const running = this.#tasks.get(call.id);
    if (running !== undefined) return running;
    const abort = new AbortController();
    const { promise, resolve } = Promise.withResolvers<Reply>();
    const task: Task = { reply: promise, abort, answers: [] };
    this.#tasks.set(call.id, task);
    const payloads = refs.map((ref, k) => small[k] ?? this.#options.payloads.read(ref));
    for (const { digest } of large) this.#options.payloads.remove(digest);
    this.#execute(link, call, payloads, task).then(resolve, (thrown) => resolve(this.#failure(call, thrown)));
    return task;
  }

  /** A payload that came with its call, or lately with another; undefined when it must be fetched. */
  #small(ref: PayloadRef, data: Uint8Array): Uint8Array | undefined {
    const known = this.#received.get(ref.digest);
    if (known !== undefined) return known;
    try {
      const bytes = inlined(ref, data);
      if (bytes !== undefined) this.#received.add(ref.digest, bytes);
      return bytes;
    } catch (thrown) {
      // Not what was said: it is fetched instead.
      this.#options.log('payload damaged', { reason: messageOf(thrown) });
      return undefined;
    }
  }

  async #execute(link: Link, call: Call, payloads: readonly Uint8Array[], task: Task): Promise<Reply> {
    const method = Object.hasOwn(this.#options.methods, call.method) ? this.#options.methods[call.method] : undefined;
    if (method === undefined) {
      throw new CausewayError(SQLSTATE.undefinedFunction, `this agent does not know "${call.method}"`, {
        hint: 'Run the same version of causeway at both ends.',
      });
    }
    const { signal } = task.abort;
    const sendRows: MethodContext['sendRows'] = (chunks, purpose) => this.#sendRows(link, call.id, chunks, purpose);
    const answer = await method(JSON.parse(call.body) as unknown, { payloads, signal, sendRows });
    const body = JSON.stringify(answer.body ?? null);
    const sent = answer.payloads ?? [];
    const refs = sent.map(refOf);
    const digests = [sha256(Buffer.from(body)), ...refs.map(({ digest }) => digest)];
    const bytes = sent.reduce((sum, payload) => sum + payload.length, Buffer.byteLength(body));
    const line = this.#options.gate.pass({ purpose: answer.purpose, kind: answer.kind, bytes, digests });
    task.answers = refs.filter((ref) => !isSmall(ref));
    sent.forEach((payload, k) => {
      if (!isSmall(refs[k]!)) this.#options.payloads.put(payload);
    });
    const value = { body, payloads: refs.map((ref, k) => payloadToWire(ref, sent[k]!)), entry: entryToWire(line) };
    return create(ReplySchema, { id: call.id, outcome: { case: 'answer', value } });
  }

  #failure(call: Call, thrown: unknown): Reply {
    const failure = failureToWire(thrown);
    const text = JSON.stringify([failure.message, failure.detail, failure.hint]);
    const bytes = Buffer.byteLength(text);
    try {
      const digests = [sha256(Buffer.from(text))];
      const line = this.#options.gate.pass({ purpose: call.id, kind: 'errors', bytes, digests });
      const value = { ...failure, entry: entryToWire(line) };
      return create(ReplySchema, { id: call.id, outcome: { case: 'failure', value } });
    } catch (refusal) {
      return create(ReplySchema, { id: call.id, outcome: { case: 'failure', value: failureToWire(refusal) } });
    }
  }

  async #sendRows(link: Link, call: string, chunks: AsyncIterable<Uint8Array>, purpose: string): Promise<void> {
    const { gate, ledger } = this.#options;
    const send = async function* () {
      for await (const data of chunks) {
        const line = gate.pass({ purpose, kind: 'rows', bytes: data.length, digests: [sha256(data)] });
        yield create(RowChunkSchema, { call, data, entry: entryToWire(line) });
      }
      yield create(RowChunkSchema, { call, last: true });
    };
    const { hash, signature } = await link.client.rows(send(), { signal: link.stopping }).catch((thrown: unknown) => {
      // The coordinator may ask again over the next link when nothing has come: then from the start.
      if (link.socket.destroyed) this.#tasks.delete(call);
      throw thrown;
    });
    if (signature.length > 0) ledger.receipt(this.#identity.silo, hash, signature);
  }

  async #download(link: Link, ref: PayloadRef): Promise<void> {
    const { payloads } = this.#options;
    const have = payloads.have(ref);
    if (have === ref.size) return;
    const request = { digest: ref.digest, offset: BigInt(have) };
    for await (const { offset, data } of link.client.download(request, { signal: link.stopping })) {
      payloads.append(ref, Number(offset), data);
    }
  }

  /** Sends what the coordinator does not have yet. */
  async #upload(link: Link, ref: PayloadRef): Promise<void> {
    const have = Number((await link.client.begin(refToWire(ref), { signal: link.stopping })).have);
    if (have === ref.size) return;
    const bytes = this.#options.payloads.read(ref);
    const chunks = async function* () {
      for (let offset = have; offset < bytes.length; offset += CHUNK_BYTES) {
        const data = bytes.subarray(offset, offset + CHUNK_BYTES);
        yield create(ChunkSchema, {
          offset: BigInt(offset),
          data,
          ...(offset === have ? { payload: refToWire(ref) } : {}),
        });
      }
    };
    await link.client.upload(chunks(), { signal: link.stopping });
  }
}

/** Says "alive" in silence, and gives up on a link over which nothing has come for three intervals. */
function watch(link: Link): { signal: AbortSignal; stop: () => void } {
  const lost = new AbortController();
  let bytes = 0;
  let silences = 0;
  const timer = setInterval(() => {
    silences = link.socket.bytesRead === bytes ? silences + 1 : 0;
    bytes = link.socket.bytesRead;
    if (silences >= 3) lost.abort(new CausewayError(SQLSTATE.connectionFailure, 'the link is silent'));
    void link.outbox.push(create(AgentMessageSchema, { content: { case: 'alive', value: {} } }));
  }, ALIVE_INTERVAL_MS);
  void link.closed.then(() => lost.abort(new CausewayError(SQLSTATE.connectionFailure, 'the connection is closed')));
  return { signal: lost.signal, stop: () => clearInterval(timer) };
}

const DELIVERIES = 4;

/** Tries again, with growing pauses, what fails while the link stands: a disk that is full for the moment, a bad digest. */
async function patiently(link: Link, deliver: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await deliver();
    } catch (thrown) {
      if (attempt === DELIVERIES || link.socket.destroyed) throw thrown;
      await sleep(FIRST_PAUSE_MS * 2 ** (attempt - 1), new AbortController().signal);
    }
  }
}

const undelivered = (silo: string, { rawMessage }: ConnectError): CausewayError =>
  new CausewayError(SQLSTATE.ioError, `the answer of silo ${silo} cannot be delivered: ${rawMessage}`, { silo });

/** Trying again cannot help. */
const isFinal = (thrown: unknown): boolean =>
  thrown instanceof ConnectError &&
  [Code.Unauthenticated, Code.PermissionDenied, Code.FailedPrecondition].includes(thrown.code);

const asRefusal = (thrown: unknown): CausewayError =>
  new CausewayError(
    SQLSTATE.insufficientPrivilege,
    `the coordinator refuses this agent: ${(thrown as ConnectError).rawMessage}`,
    {
      cause: thrown,
    },
  );

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
