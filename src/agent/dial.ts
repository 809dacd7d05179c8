/** The agent's way out: one TLS 1.3 connection to the coordinator, through an HTTP proxy if there is one. */
import { request } from 'node:http';
import { connect as connectTcp, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { type Client, createClient } from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { CausewayError, messageOf, SQLSTATE } from '../plan/errors.ts';
import { abortable } from './abortable.ts';
import { COORDINATOR_NAME } from './authority.ts';
import { AgentLink, type AgentMessage, type CoordinatorMessage } from './protocol/agent_pb.ts';
import { openStream, STANDING_STREAM_HEADERS, STANDING_STREAM_PATH } from './standing-stream.ts';

export interface DialOptions {
  /** `host:port` of the coordinator. */
  readonly coordinator: string;
  /** `http://host:port` of a proxy that allows CONNECT. */
  readonly proxy?: string;
  /** PEM of the pinned authority; absent only while enrolling, when `accept` judges the certificate. */
  readonly authority?: string;
  readonly certificate?: string;
  readonly key?: string;
}

export interface Dialled extends Disposable {
  readonly client: Client<typeof AgentLink>;
  /** The standing stream: the client's `connect`, without its copies of every payload. */
  readonly converse: (messages: AsyncIterable<AgentMessage>, signal: AbortSignal) => AsyncIterable<CoordinatorMessage>;
  readonly socket: TLSSocket;
  /** Settles when the connection is gone. */
  readonly closed: Promise<void>;
}

const CONNECT_TIMEOUT_MS = 20_000;
const WINDOW_BYTES = 4 << 20;

/** @throws CausewayError 08006 naming the address: refused, unreachable, proxy denied, certificate not the pinned one. */
export async function dial(options: DialOptions): Promise<Dialled> {
  const { coordinator, authority, certificate, key } = options;
  let socket: TLSSocket;
  try {
    const tcp = await (options.proxy === undefined ? direct(coordinator) : tunnel(options.proxy, coordinator));
    tcp.setNoDelay(true);
    socket = await secure(tcp, {
      servername: COORDINATOR_NAME,
      ALPNProtocols: ['h2'],
      minVersion: 'TLSv1.3',
      rejectUnauthorized: authority !== undefined,
      ...(authority === undefined ? {} : { ca: authority }),
      ...(certificate === undefined || key === undefined ? {} : { cert: certificate, key }),
    });
  } catch (cause) {
    throw new CausewayError(
      SQLSTATE.connectionFailure,
      `the coordinator at ${coordinator} cannot be reached: ${messageOf(cause)}`,
      {
        hint: 'Check "coordinator" and "proxy" in the agent’s configuration, and that causeway serve runs there.',
        cause,
      },
    );
  }
  const baseUrl = `https://${COORDINATOR_NAME}`;
  const sessionManager = new Http2SessionManager(baseUrl, undefined, {
    createConnection: () => socket,
    settings: { initialWindowSize: WINDOW_BYTES },
  });
  const client = createClient(AgentLink, createGrpcTransport({ baseUrl, sessionManager, acceptCompression: [] }));
  return {
    client,
    async *converse(messages, signal) {
      // Of a connection that was lost since the greeting the manager would wait for another for ever.
      const opening = sessionManager.request('POST', STANDING_STREAM_PATH, STANDING_STREAM_HEADERS, {});
      const stream = await abortable(opening, signal);
      yield* openStream(stream, messages, signal);
    },
    socket,
    closed: new Promise((resolve) => socket.once('close', () => resolve())),
    [Symbol.dispose]: () => {
      sessionManager.abort();
      socket.destroy();
    },
  };
}

function split(address: string): { host: string; port: number } {
  const at = address.lastIndexOf(':');
  const port = Number(address.slice(at + 1));
  if (at < 1 || !Number.isInteger(port)) throw new Error(`"${address}" is not host:port`);
  return { host: address.slice(0, at).replace(/^\[|\]$/g, ''), port };
}

async function direct(coordinator: string): Promise<Socket> {
  const socket = connectTcp(split(coordinator));
  await settled(socket, 'connect');
  return socket;
}

/** A TCP tunnel by HTTP CONNECT (RFC 9110, section 9.3.6). */
function tunnel(proxy: string, coordinator: string): Promise<Socket> {
  const { hostname, port, username, password } = new URL(proxy);
  const basic = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64');
  return new Promise((resolve, reject) => {
    const asked = request({
      host: hostname,
      port: port === '' ? 80 : Number(port),
      method: 'CONNECT',
      path: coordinator,
      timeout: CONNECT_TIMEOUT_MS,
      headers: { host: coordinator, ...(username === '' ? {} : { 'proxy-authorization': `Basic ${basic}` }) },
    });
    asked.once('connect', ({ statusCode }, socket: Socket) => {
      if (statusCode === 200) return resolve(socket);
      socket.destroy();
      reject(new Error(`the proxy ${hostname} answers ${statusCode}`));
    });
    asked.once('timeout', () => asked.destroy(new Error(`the proxy ${hostname} does not answer`)));
    asked.once('error', reject);
    asked.end();
  });
}

async function secure(socket: Socket, options: ConnectionOptions): Promise<TLSSocket> {
  const tls = connectTls({ ...options, socket });
  await settled(tls, 'secureConnect');
  return tls;
}

function settled(socket: Socket, event: 'connect' | 'secureConnect'): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => socket.destroy(new Error('it does not answer')), CONNECT_TIMEOUT_MS);
    socket.once(event, () => {
      clearTimeout(timer);
      socket.off('error', reject);
      resolve();
    });
    socket.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
  });
}
