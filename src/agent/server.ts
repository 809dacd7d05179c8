/** The coordinator's listening end: HTTP/2 over TLS 1.3, client certificates, and the protocol's service on a hub. */
import {
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type Http2Session,
} from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import {
  Code,
  ConnectError,
  type ConnectRouter,
  createContextKey,
  createContextValues,
  type HandlerContext,
} from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { CausewayError, messageOf, SQLSTATE } from '../plan/errors.ts';
import type { Authority, IssuedCertificate } from './authority.ts';
import type { Hub } from './hub.ts';
import { AgentLink, type Chunk } from './protocol/agent_pb.ts';
import type { AgentRegistry } from './registry.ts';
import { answerStream, STANDING_STREAM_PATH } from './standing-stream.ts';
import { refFromWire } from './wire.ts';

/** What the protocol's service asks of the hub. */
export interface HubService extends Pick<Hub, 'greet' | 'connection' | 'have' | 'append' | 'takeRows'> {
  download(digest: string, offset: number): Iterable<DownloadedChunk> | AsyncIterable<DownloadedChunk>;
}

interface DownloadedChunk {
  readonly offset: bigint;
  readonly data: Uint8Array;
}

export interface AgentServerOptions {
  readonly hub: HubService;
  readonly authority: Authority;
  readonly registry: AgentRegistry;
  readonly host?: string;
  /** 0: any free port. */
  readonly port: number;
}

/** The connection a call came over. */
const peerSession = createContextKey<Http2Session | undefined>(undefined);

/** Windows of 64 KiB would make a distant link wait once per window. */
const WINDOW_BYTES = 4 << 20;

export class AgentServer implements AsyncDisposable {
  readonly port: number;
  readonly #server: Http2SecureServer;
  /** Connections, also those whose handshake is not over. */
  readonly #sockets: Set<Socket>;

  private constructor(server: Http2SecureServer, sockets: Set<Socket>) {
    this.#server = server;
    this.#sockets = sockets;
    this.port = (server.address() as AddressInfo).port;
  }

  /** @throws CausewayError 08006 when the address cannot be listened on. */
  static async listen(options: AgentServerOptions): Promise<AgentServer> {
    const { authority, host = '0.0.0.0', hub, port, registry } = options;
    const { key, certificate } = await authority.serverCredentials();
    const calls = connectNodeAdapter({
      routes: routes(options),
      // Weights do not compress; gzip would take most of a round's time.
      acceptCompression: [],
      contextValues: (request) =>
        createContextValues().set(peerSession, (request as Http2ServerRequest).stream.session),
    });
    const handler = (request: Http2ServerRequest, response: Http2ServerResponse): void => {
      if (request.url !== STANDING_STREAM_PATH) {
        calls(request, response);
        return;
      }
      const { stream } = request;
      void answerStream(response, (messages) => {
        const silo = siloBehind(registry, stream.session);
        return hub.connection(silo, messages, () => stream.session?.destroy());
      });
    };
    const server = createSecureServer(
      {
        key,
        // With its issuer, so that an agent that enrols can compare it with the code's fingerprint.
        cert: `${certificate}\n${authority.certificate}`,
        ca: authority.certificate,
        requestCert: true,
        // Enrolment comes without a certificate; every other call is checked by `siloOf`.
        rejectUnauthorized: false,
        minVersion: 'TLSv1.3',
        settings: { initialWindowSize: WINDOW_BYTES },
      },
      handler,
    );
    const sockets = new Set<Socket>();
    server.on('connection', (socket: Socket) => {
      // One that was accepted while the server closes would keep it open for ever.
      if (!server.listening) {
        socket.destroy();
        return;
      }
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
    });
    server.on('session', (session) => session.setLocalWindowSize(WINDOW_BYTES));
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, resolve);
      });
    } catch (cause) {
      throw new CausewayError(
        SQLSTATE.connectionFailure,
        `agents cannot be awaited on ${host}:${port}: ${messageOf(cause)}`,
        {
          hint: 'Choose another port with --agent-port.',
          cause,
        },
      );
    }
    return new AgentServer(server, sockets);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

/** The silo at the other end of a connection, by its certificate. @throws ConnectError that says what is wrong with it. */
function siloBehind(registry: AgentRegistry, session: Http2Session | undefined): string {
  const serial = serialOf(session?.socket);
  if (serial === undefined) {
    const fault = faultOf(session?.socket);
    if (fault === 'CERT_HAS_EXPIRED')
      throw new ConnectError('the certificate has expired. Enrol again', Code.Unauthenticated);
    if (fault === 'CERT_NOT_YET_VALID')
      throw new ConnectError('the certificate is not valid yet: compare the clocks', Code.Unauthenticated);
    throw new ConnectError('a certificate of the coordinator that is dialled is needed', Code.Unauthenticated);
  }
  return asConnectError(() => registry.siloOf(serial));
}

/** Serial number of the client's certificate, when it has one that our authority signed. */
function serialOf(socket: unknown): string | undefined {
  // An HTTP/2 session's socket is a proxy of the TLS socket.
  const tls = socket as Partial<TLSSocket> | undefined;
  if (tls?.authorized !== true) return undefined;
  return tls.getPeerCertificate?.().serialNumber;
}

/** OpenSSL's word for what is wrong with a certificate. */
function faultOf(socket: unknown): string | undefined {
  const tls = socket as Partial<TLSSocket> | undefined;
  if (tls?.authorized !== false || tls.authorizationError === undefined || tls.authorizationError === null) return;
  const code = String((tls.authorizationError as Error & { code?: string }).code ?? tls.authorizationError);
  return tls.getPeerCertificate?.().serialNumber === undefined ? undefined : code;
}

function routes({ authority, hub, registry }: AgentServerOptions): (router: ConnectRouter) => void {
  const siloOf = (context: HandlerContext): string => siloBehind(registry, context.values.get(peerSession));
  const enrolled = (silo: string, issued: IssuedCertificate) => ({
    silo,
    certificate: issued.pem,
    authority: authority.certificate,
    signingKey: authority.signingPublicKey,
  });
  return (router) =>
    router.service(AgentLink, {
      greet: (hello, context) => asConnectError(() => hub.greet(siloOf(context), hello)),
      begin: (ref, context) => ({ have: BigInt(hub.have(siloOf(context), refFromWire(ref))) }),
      upload: (chunks, context) => {
        return takeUpload(hub, siloOf(context), chunks);
      },
      async *download({ digest, offset }, context) {
        siloOf(context);
        yield* hub.download(digest, Number(offset));
      },
      rows: async (chunks, context) => {
        try {
          return await hub.takeRows(siloOf(context), chunks);
        } catch (thrown) {
          throw connectError(thrown);
        }
      },
      enrol: async ({ code, request }) => {
        try {
          const { silo, issued } = await registry.enrol(code, request);
          return enrolled(silo, issued);
        } catch (thrown) {
          throw connectError(thrown);
        }
      },
      renew: async ({ request }, context) => {
        const silo = siloOf(context);
        return enrolled(silo, await registry.renew(silo, request));
      },
    });
}

async function takeUpload(hub: HubService, silo: string, chunks: AsyncIterable<Chunk>): Promise<{ have: bigint }> {
  let ref: ReturnType<typeof refFromWire> | undefined;
  try {
    for await (const chunk of chunks) {
      ref ??= chunk.payload && refFromWire(chunk.payload);
      if (ref === undefined) throw new CausewayError(SQLSTATE.dataCorrupted, 'an upload does not say what it is');
      hub.append(silo, ref, Number(chunk.offset), chunk.data);
    }
  } catch (thrown) {
    throw connectError(thrown);
  }
  return { have: BigInt(ref === undefined ? 0 : hub.have(silo, ref)) };
}

function asConnectError<T>(work: () => T): T {
  try {
    return work();
  } catch (thrown) {
    throw connectError(thrown);
  }
}

/** The agent sees the message and the hint; the code says whether trying again can help. */
function connectError(thrown: unknown): ConnectError {
  if (thrown instanceof ConnectError) return thrown;
  if (!(thrown instanceof CausewayError)) return new ConnectError(messageOf(thrown), Code.Internal);
  const text = thrown.hint === undefined ? thrown.message : `${thrown.message}. ${thrown.hint}`;
  return new ConnectError(text, CODES[thrown.sqlstate] ?? Code.Unavailable);
}

const CODES: Readonly<Record<string, Code>> = {
  [SQLSTATE.invalidPassword]: Code.Unauthenticated,
  [SQLSTATE.insufficientPrivilege]: Code.PermissionDenied,
  [SQLSTATE.featureNotSupported]: Code.FailedPrecondition,
  [SQLSTATE.connectionException]: Code.FailedPrecondition,
  [SQLSTATE.dataCorrupted]: Code.DataLoss,
  [SQLSTATE.queryCanceled]: Code.Canceled,
};
