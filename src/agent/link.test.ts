/** The link between agents and the coordinator over real sockets: calls, payloads, rows, losses, refusals, the ledger. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, request as httpRequest } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { Agent, type AgentOptions } from './agent.ts';
import { Authority } from './authority.ts';
import type { Method } from './calls.ts';
import { dial } from './dial.ts';
import { EgressGate } from './egress-gate.ts';
import { auditLedger, EgressLedger } from './egress-ledger.ts';
import { Hub } from './hub.ts';
import { enrol, keyPem, loadIdentity } from './identity.ts';
import { PayloadStore, sha256 } from './payload-store.ts';
import { AgentRegistry } from './registry.ts';
import { AgentServer } from './server.ts';
import { openState } from './state-file.ts';
import { PROTOCOL_VERSION } from './wire.ts';

const never = new AbortController().signal;

function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), 'agents-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

interface Coordinator {
  readonly directory: string;
  readonly authority: Authority;
  readonly registry: AgentRegistry;
  readonly ledger: EgressLedger;
  readonly hub: Hub;
  readonly port: number;
  readonly close: () => Promise<void>;
}

async function coordinator(over: { directory?: string; port?: number; absenceMs?: number } = {}): Promise<Coordinator> {
  const directory = over.directory ?? scratch();
  const authority = await Authority.open(directory);
  const db = openState(join(directory, 'agents.db'));
  const registry = new AgentRegistry(db, authority);
  const ledger = new EgressLedger(db);
  const payloads = join(directory, 'payloads');
  const hub = new Hub({ authority, ledger, payloads, absenceMs: over.absenceMs ?? 10_000 });
  const server = await AgentServer.listen({ hub, authority, registry, host: '127.0.0.1', port: over.port ?? 0 });
  let open = true;
  const close = async (): Promise<void> => {
    if (!open) return;
    open = false;
    hub[Symbol.dispose]();
    await server[Symbol.asyncDispose]();
    db.close();
  };
  onTestFinished(close);
  return { directory, authority, registry, ledger, hub, port: server.port, close };
}

interface RunningAgent {
  readonly directory: string;
  readonly ledger: EgressLedger;
  readonly gate: EgressGate;
  /** Rejects when the coordinator refuses the agent for good. */
  readonly running: Promise<void>;
  readonly stop: () => Promise<void>;
}

const echo: Method = async (body, { payloads }) => ({ body, payloads, purpose: 'test', kind: 'updates' });

async function agent(
  { hub, port, registry }: Coordinator,
  silo: string,
  methods: Record<string, Method> = { echo },
  over: Partial<AgentOptions> & { directory?: string } = {},
): Promise<RunningAgent> {
  const directory = over.directory ?? scratch();
  const address = over.coordinator ?? `127.0.0.1:${port}`;
  const known = loadIdentity(directory);
  const identity = known ?? (await enrol(directory, registry.newCode(silo), { coordinator: address }));
  const db = openState(join(directory, 'agent.db'));
  const ledger = new EgressLedger(db);
  const gate = new EgressGate(silo, ledger);
  gate.allow('test', { updates: 64 << 20, rows: 64 << 20 });
  const payloads = new PayloadStore(join(directory, 'payloads'));
  const log = (): void => {};
  const options = {
    directory,
    coordinator: address,
    identity,
    methods,
    ledger,
    gate,
    payloads,
    version: 'test',
    log,
    ...over,
  };
  const stopping = new AbortController();
  const running = new Agent(options).run(stopping.signal);
  running.catch(() => undefined);
  const stop = async (): Promise<void> => {
    stopping.abort();
    await running.catch(() => undefined);
  };
  onTestFinished(async () => {
    await stop();
    db.close();
  });
  await Promise.race([until(() => hub.connected.includes(silo)), running]);
  return { directory, ledger, gate, running, stop };
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** A TCP relay whose connections can be cut, after a number of bytes from the agent if wanted. */
async function relay(
  target: number,
): Promise<{ port: number; cut: () => void; cutAfter: (bytes: number) => void; passed: () => number }> {
  const sockets = new Set<Socket>();
  let limit = Number.POSITIVE_INFINITY;
  let passed = 0;
  const server: Server = createTcpServer((inside) => {
    const outside = connect(target, '127.0.0.1');
    for (const socket of [inside, outside]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        inside.destroy();
        outside.destroy();
        sockets.delete(socket);
      });
    }
    outside.pipe(inside);
    inside.on('data', (data: Buffer) => {
      passed += data.length;
      if (passed > limit) {
        limit = Number.POSITIVE_INFINITY;
        return inside.destroy();
      }
      if (!outside.write(data)) inside.pause();
    });
    outside.on('drain', () => inside.resume());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  onTestFinished(() => {
    cut();
    server.close();
  });
  return {
    port: (server.address() as AddressInfo).port,
    cut,
    cutAfter: (bytes) => {
      passed = 0;
      limit = bytes;
    },
    passed: () => passed,
  };
}

describe('calls', () => {
  test('bodies and payloads go both ways, to several agents', async () => {
    const center = await coordinator();
    const silos = ['berlin', 'münchen', 'zürich "north"'];
    await Promise.all(silos.map((silo) => agent(center, silo)));
    const payload = new Uint8Array(randomBytes(3 << 20));
    const answers = await Promise.all(
      silos.map((silo) =>
        center.hub.call(silo, { id: `c-${silo}`, method: 'echo', body: { silo }, payloads: [payload] }, never),
      ),
    );
    answers.forEach((answer, k) => {
      expect(answer.body).toEqual({ silo: silos[k] });
      expect(sha256(answer.payloads[0]!)).toBe(sha256(payload));
    });
  });

  test('an error keeps its state, hint and silo', async () => {
    const center = await coordinator();
    await agent(center, 'berlin', {});
    await expect(center.hub.call('berlin', { id: '1', method: 'nope', body: null }, never)).rejects.toMatchObject({
      sqlstate: '42883',
      message: 'this agent does not know "nope"',
      hint: 'Run the same version of causeway at both ends.',
      silo: 'berlin',
    });
  });

  test('a cancelled call is stopped at the agent', async () => {
    const center = await coordinator();
    const stopped = Promise.withResolvers<void>();
    const started = Promise.withResolvers<void>();
    const slow: Method = (_, { signal }) =>
      new Promise((_resolve, reject) => {
        started.resolve();
        signal.addEventListener('abort', () => {
          stopped.resolve();
          reject(signal.reason as Error);
        });
      });
    await agent(center, 'berlin', { slow });
    const abort = new AbortController();
    const answer = center.hub.call('berlin', { id: '1', method: 'slow', body: null }, abort.signal);
    await started.promise;
    abort.abort();
    await expect(answer).rejects.toMatchObject({ sqlstate: '57014' });
    await stopped.promise;
  });

  test('an agent that is away fails the call by name, one that comes back does it', async () => {
    const center = await coordinator({ absenceMs: 300 });
    await expect(center.hub.call('berlin', { id: '1', method: 'echo', body: 1 }, never)).rejects.toMatchObject({
      sqlstate: '08006',
      message: 'the agent of silo berlin is not connected',
    });
    const patient = await coordinator();
    const answer = patient.hub.call('berlin', { id: '2', method: 'echo', body: 2 }, never);
    await agent(patient, 'berlin');
    expect((await answer).body).toBe(2);
  });
});

describe('losses', () => {
  test('a call is done once though the link breaks while it runs', async () => {
    const center = await coordinator();
    const wire = await relay(center.port);
    const gate = Promise.withResolvers<void>();
    let done = 0;
    const work: Method = async () => {
      done++;
      await gate.promise;
      return { body: done, purpose: 'test', kind: 'updates' };
    };
    await agent(center, 'berlin', { work }, { coordinator: `127.0.0.1:${wire.port}` });
    const answer = center.hub.call('berlin', { id: '1', method: 'work', body: null }, never);
    await until(() => done === 1);
    wire.cut();
    await until(() => !center.hub.connected.includes('berlin'));
    gate.resolve();
    expect((await answer).body).toBe(1);
    expect(done).toBe(1);
  });

  test('an upload that breaks off goes on where it stood', async () => {
    const center = await coordinator();
    const wire = await relay(center.port);
    const size = 16 << 20;
    const payload = new Uint8Array(randomBytes(size));
    const send: Method = async () => ({ body: null, payloads: [payload], purpose: 'test', kind: 'updates' });
    await agent(center, 'berlin', { send }, { coordinator: `127.0.0.1:${wire.port}` });
    wire.cutAfter(11 << 20);
    const answer = await center.hub.call('berlin', { id: '1', method: 'send', body: null }, never);
    expect(sha256(answer.payloads[0]!)).toBe(sha256(payload));
    // 11 MiB before the cut and what was missing after it; starting over would be 27 MiB.
    expect(wire.passed()).toBeLessThan(22 << 20);
  });

  test('the coordinator is restarted: the agent comes back and does what it is asked', async () => {
    const first = await coordinator();
    await agent(first, 'berlin');
    await first.close();
    const second = await coordinator({ directory: first.directory, port: first.port });
    expect((await second.hub.call('berlin', { id: '1', method: 'echo', body: 7 }, never)).body).toBe(7);
  });

  test('rows that break off are an error, never fewer rows', async () => {
    const center = await coordinator();
    const wire = await relay(center.port);
    const broken: Method = async (_, { sendRows }) => {
      const chunks = async function* () {
        yield new Uint8Array(1000);
        wire.cut();
        yield new Uint8Array(1000);
      };
      await sendRows(chunks(), 'test');
      return { body: null, purpose: 'test', kind: 'catalog' };
    };
    await agent(center, 'berlin', { broken }, { coordinator: `127.0.0.1:${wire.port}` });
    const read = async (): Promise<void> => {
      for await (const _ of center.hub.rows('berlin', { id: '1', method: 'broken', body: null }, never));
    };
    await expect(read()).rejects.toMatchObject({ sqlstate: '08006', silo: 'berlin' });
  });
});

test('rows stream with back-pressure', async () => {
  const center = await coordinator();
  let produced = 0;
  const many: Method = async (_, { sendRows }) => {
    const chunks = async function* () {
      for (let k = 0; k < 200; k++) {
        produced++;
        yield new Uint8Array(256 << 10).fill(k);
      }
    };
    await sendRows(chunks(), 'test');
    return { body: null, purpose: 'test', kind: 'catalog' };
  };
  const { gate } = await agent(center, 'berlin', { many });
  gate.allow('test', { rows: 1 << 30 });
  let read = 0;
  for await (const chunk of center.hub.rows('berlin', { id: '1', method: 'many', body: null }, never)) {
    expect(chunk[0]).toBe(read++);
    if (read === 1) {
      await new Promise((resolve) => setTimeout(resolve, 300));
      // Windows of 4 MiB and a queue of 4 chunks hold the agent back long before 50 MiB.
      expect(produced).toBeLessThan(150);
    }
  }
  expect(read).toBe(200);
});

describe('identity', () => {
  test('a code works once, and only against the coordinator that made it', async () => {
    const center = await coordinator();
    const address = { coordinator: `127.0.0.1:${center.port}` };
    const code = center.registry.newCode('berlin');
    await enrol(scratch(), code, address);
    await expect(enrol(scratch(), code, address)).rejects.toThrow(/unknown, used, or too old/);
    const other = await coordinator();
    await expect(enrol(scratch(), other.registry.newCode('berlin'), address)).rejects.toThrow(
      /did not make this enrolment code/,
    );
  });

  test('a revoked certificate is cut off and refused, by name', async () => {
    const center = await coordinator();
    const { running } = await agent(center, 'berlin');
    expect(center.registry.revoke('berlin')).toBe(1);
    center.hub.disconnect('berlin');
    await expect(running).rejects.toThrow(/refuses this agent: the certificate of silo berlin was revoked/);
  });

  test('a certificate that has ended is refused, at both ends, and says what to do', async () => {
    const center = await coordinator();
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 100 * 86_400_000 });
    onTestFinished(() => void vi.useRealTimers());
    const directory = scratch();
    const { authority, registry } = center;
    const address = { coordinator: `127.0.0.1:${center.port}` };
    const identity = await enrol(directory, registry.newCode('berlin'), address);
    vi.useRealTimers();
    const early = await agent(center, 'berlin', {}, { directory }).catch((thrown: Error) => thrown);
    expect(early).toMatchObject({
      sqlstate: '28P01',
      message: expect.stringMatching(/certificate of silo berlin’s agent ended on/),
      hint: expect.stringContaining('Enrol again'),
    });
    const { certificate } = identity;
    using link = await dial({ ...address, authority: authority.certificate, certificate, key: keyPem(identity) });
    await expect(
      link.client.greet({ protocol: PROTOCOL_VERSION, silo: 'berlin', time: BigInt(Date.now()) }),
    ).rejects.toThrow(/the certificate has expired/);
  });

  test('a certificate is renewed before it ends; the old one goes on until it does, and revoking ends both', async () => {
    const center = await coordinator();
    // 70 of 90 days ago: less than a third of its time is left.
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 70 * 86_400_000 });
    onTestFinished(() => void vi.useRealTimers());
    const directory = scratch();
    await enrol(directory, center.registry.newCode('berlin'), { coordinator: `127.0.0.1:${center.port}` });
    vi.useRealTimers();
    const before = loadIdentity(directory)!;
    const first = await agent(center, 'berlin', { echo }, { directory });
    const after = loadIdentity(directory)!;
    expect(after.certificate).not.toBe(before.certificate);
    expect(center.registry.list().filter(({ revokedAt }) => revokedAt === null)).toHaveLength(2);
    await first.stop();
    const { running } = await agent(center, 'berlin', { echo }, { directory });
    expect((await center.hub.call('berlin', { id: '1', method: 'echo', body: 1 }, never)).body).toBe(1);
    expect(center.registry.revoke('berlin')).toBe(2);
    center.hub.disconnect('berlin');
    await expect(running).rejects.toThrow(/was revoked/);
  });

  test('an agent that calls itself otherwise, or speaks another protocol, is told so', async () => {
    const center = await coordinator();
    const { directory, stop } = await agent(center, 'berlin');
    await stop();
    const identity = { ...loadIdentity(directory)!, silo: 'paris' };
    const impostor = await agent(center, 'paris', {}, { directory, identity }).catch((thrown: Error) => thrown);
    expect(impostor).toMatchObject({
      message: expect.stringContaining('calls itself paris, its certificate is of silo berlin'),
    });
  });

  test('a certificate of another authority is no certificate', async () => {
    const center = await coordinator();
    const other = await coordinator();
    const { directory, stop } = await agent(other, 'berlin');
    await stop();
    const mine = await agent(center, 'paris');
    const identity = { ...loadIdentity(directory)!, authority: loadIdentity(mine.directory)!.authority };
    await expect(agent(center, 'berlin', {}, { directory, identity })).rejects.toThrow(
      /was not signed by the coordinator/,
    );
    const { authority, certificate } = identity;
    const address = { coordinator: `127.0.0.1:${center.port}`, authority };
    using forged = await dial({ ...address, certificate, key: keyPem(identity) });
    await expect(
      forged.client.greet({ protocol: PROTOCOL_VERSION, silo: 'berlin', time: BigInt(Date.now()) }),
    ).rejects.toThrow();
    using anonymous = await dial(address);
    await expect(
      anonymous.client.greet({ protocol: PROTOCOL_VERSION, silo: 'berlin', time: BigInt(Date.now()) }),
    ).rejects.toThrow(/a certificate of the coordinator that is dialled is needed/);
  });

  test.each([
    [{ protocol: 99 }, /speaks protocol 99, the coordinator 2/],
    [{ time: BigInt(Date.now() + 3_600_000) }, /clock of silo berlin’s agent is 3\d+ s ahead/],
    [{ time: BigInt(Date.now() - 3_600_000) }, /clock of silo berlin’s agent is 3\d+ s behind/],
  ])('a greeting that does not fit is refused: %#', async (over, message) => {
    const center = await coordinator();
    const { directory, stop } = await agent(center, 'berlin');
    await stop();
    const identity = loadIdentity(directory)!;
    const { authority, certificate } = identity;
    using link = await dial({ coordinator: `127.0.0.1:${center.port}`, authority, certificate, key: keyPem(identity) });
    const hello = { protocol: PROTOCOL_VERSION, silo: 'berlin', version: 'test', time: BigInt(Date.now()), ...over };
    await expect(link.client.greet(hello)).rejects.toThrow(message);
  });

  test('through an HTTP proxy', async () => {
    const center = await coordinator();
    const asked: string[] = [];
    const proxy = createServer();
    proxy.on('connect', ({ url, headers }, client: Socket) => {
      asked.push(`${url} ${headers['proxy-authorization'] ?? ''}`);
      const [host, port] = (url ?? '').split(':');
      const upstream = connect(Number(port), host!, () => {
        client.write('HTTP/1.1 200 OK\r\n\r\n');
        upstream.pipe(client).pipe(upstream);
      });
      for (const socket of [client, upstream]) socket.on('error', () => socket.destroy());
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      proxy.closeAllConnections();
      proxy.close();
    });
    const address = `http://user:pw@127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    await agent(center, 'berlin', { echo }, { proxy: address });
    expect((await center.hub.call('berlin', { id: '1', method: 'echo', body: 'hi' }, never)).body).toBe('hi');
    expect(asked).toContain(`127.0.0.1:${center.port} Basic ${Buffer.from('user:pw').toString('base64')}`);
  });

  test('plain HTTP and TLS 1.2 get nothing', async () => {
    const center = await coordinator();
    const plain = new Promise((_, reject) => httpRequest({ port: center.port }).once('error', reject).end());
    await expect(plain).rejects.toThrow();
  });
});

describe('the egress ledger', () => {
  test('both ends hold the same lines, with receipts', async () => {
    const center = await coordinator();
    const { ledger } = await agent(center, 'berlin');
    for (const id of ['1', '2']) {
      await center.hub.call('berlin', { id, method: 'echo', body: id, payloads: [new Uint8Array([1, 2])] }, never);
    }
    await until(() => ledger.lines().every((line) => line.receipt !== undefined));
    const own = ledger.lines();
    const copy = center.ledger.lines('berlin');
    expect(own.map((line) => line.hash)).toEqual(copy.map((line) => line.hash));
    expect(own[0]).toMatchObject({ sequence: 1, purpose: 'test', kind: 'updates', bytes: 5 });
    expect(own[0]?.digests[1]).toBe(sha256(new Uint8Array([1, 2])));
    const key = center.authority.signingPublicKey;
    expect(auditLedger(own, key, copy)).toEqual({ lines: 2, bytes: 10, acknowledged: 2, faults: [] });
    const changed = own.map((line) => (line.sequence === 1 ? { ...line, bytes: 1 } : line));
    expect(auditLedger(changed, key, copy).faults).toEqual(['line 1 was changed after it was written']);
    expect(auditLedger(own.slice(1), key, copy).faults).toContain(
      'the coordinator has line 1, which the agent has not',
    );
    const stranger = generateKeyPairSync('ed25519').publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);
    expect(auditLedger(own, stranger, copy).faults[0]).toMatch(
      /line 1 has a receipt that the coordinator did not sign/,
    );
  });

  test('what no manifest allows does not leave', async () => {
    const center = await coordinator();
    const { gate, ledger } = await agent(center, 'berlin');
    gate.allow('test', { updates: 100 });
    const ask = (id: string, size: number) =>
      center.hub.call('berlin', { id, method: 'echo', body: null, payloads: [new Uint8Array(size).fill(size)] }, never);
    await ask('1', 60);
    // The same bytes again are nothing new; others are too many.
    await ask('2', 60);
    await expect(ask('3', 61)).rejects.toMatchObject({
      sqlstate: 'CW001',
      message: 'the agent of silo berlin does not send 65 bytes of updates for test',
      detail: 'The egress manifest allows 100 bytes of updates, 64 have left.',
    });
    expect(ledger.lines().map(({ kind }) => kind)).toEqual(['updates', 'updates', 'errors']);
  });
});
