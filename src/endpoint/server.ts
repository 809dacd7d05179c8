/** The PostgreSQL endpoint: listens, and gives every connection its session. */
import { randomBytes } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { CausewayError, messageOf, SQLSTATE } from '../plan/errors.ts';
import { type KeyPair, type ServerIdentity, serverIdentity } from './auth/server-identity.ts';
import { LoginThrottle } from './auth/throttle.ts';
import { NO_USERS, type Users } from './auth/users.ts';
import type { EndpointBackend } from './backend.ts';
import { Connection } from './connection.ts';
import type { Observe } from './observer.ts';
import { CatalogOracle } from './oracle/catalog-oracle.ts';
import { Oracle } from './oracle/oracle.ts';
import { PlanCache } from './session/plan-cache.ts';
import { SessionRegistry } from './session/registry.ts';
import { CONDITION } from './wire/conditions.ts';
import { MAX_MESSAGE_BYTES } from './wire/framing.ts';

export interface EndpointLimits {
  readonly connections: number;
  /** Connections that have not got through authentication; with more, the oldest of them are closed. */
  readonly halfOpen: number;
  /** Milliseconds to get through authentication. */
  readonly startupTimeout: number;
  /** Bytes of one message. */
  readonly messageBytes: number;
  /** Milliseconds a session may be idle outside a transaction; 0: for ever. */
  readonly idle: number;
}

export const DEFAULT_LIMITS: EndpointLimits = Object.freeze({
  connections: 500,
  halfOpen: 200,
  startupTimeout: 30_000,
  messageBytes: MAX_MESSAGE_BYTES,
  idle: 0,
});

export interface EndpointOptions {
  readonly backend: EndpointBackend;
  readonly port: number;
  /** Beyond this machine users and TLS are required. */
  readonly host?: string;
  readonly users?: Users;
  readonly tls?: KeyPair;
  readonly limits?: Partial<EndpointLimits>;
  /** Shared with other doors to the same users. */
  readonly throttle?: LoginThrottle;
  /** Milliseconds a catalog query may take. */
  readonly catalogTimeout?: number;
  /** Told of every statement. */
  readonly observe?: Observe;
  /** Told of errors that only a defect explains. */
  readonly onDefect?: (error: CausewayError) => void;
}

/** What connections share. */
export interface EndpointContext {
  readonly backend: EndpointBackend;
  readonly oracle: CatalogOracle;
  readonly sessions: SessionRegistry;
  readonly users: Users;
  /** Another one once the certificate is renewed. */
  tls: ServerIdentity | undefined;
  readonly limits: EndpointLimits;
  readonly throttle: LoginThrottle;
  readonly observe: Observe;
  /** Of this run: salts of users who do not exist are made of it. */
  readonly secret: Buffer;
  readonly onDefect: (error: CausewayError) => void;
}

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|::1)$/;

export class Endpoint implements AsyncDisposable {
  readonly #context: EndpointContext;
  readonly #oracle: Oracle;
  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  readonly #sockets = new Set<Socket>();

  private constructor(context: EndpointContext, oracle: Oracle) {
    this.#context = context;
    this.#oracle = oracle;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket));
  }

  /**
   * Starts to listen.
   * @throws CausewayError 28000 when it would be open to others without users and TLS, 58030 when the port is taken
   */
  static async listen(options: EndpointOptions): Promise<Endpoint> {
    const { backend, port, host = '127.0.0.1', users = NO_USERS, tls } = options;
    if (!LOOPBACK.test(host) && !(users.exist && tls !== undefined)) {
      throw new CausewayError(
        CONDITION.invalidAuthorization,
        `to listen on ${host}, beyond this machine, there must be users and TLS`,
        { hint: "CREATE USER name PASSWORD '…' first, and name a certificate and its key." },
      );
    }
    const process = await Oracle.start(
      options.catalogTimeout === undefined ? {} : { exchangeTimeout: options.catalogTimeout },
    );
    const oracle = new CatalogOracle(process, backend.catalog);
    await oracle.refresh();
    const endpoint = new Endpoint(
      {
        backend,
        oracle,
        sessions: new SessionRegistry(new PlanCache(oracle)),
        users,
        tls: tls === undefined ? undefined : serverIdentity(tls),
        limits: { ...DEFAULT_LIMITS, ...options.limits },
        throttle: options.throttle ?? new LoginThrottle(),
        observe: options.observe ?? (() => {}),
        secret: randomBytes(32),
        onDefect: options.onDefect ?? (() => {}),
      },
      process,
    );
    await endpoint.#listen(port, host);
    return endpoint;
  }

  #listen(port: number, host: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', (cause) => {
        reject(
          new CausewayError(SQLSTATE.ioError, `cannot listen on ${host}:${port}: ${messageOf(cause)}`, {
            hint: 'Another program may use the port: choose another one with --port.',
            cause,
          }),
        );
      });
      this.#server.listen(port, host, resolve);
    });
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  get sessions(): SessionRegistry {
    return this.#context.sessions;
  }

  /** Resolves once the catalog answers. @throws CausewayError when it does not */
  async ready(): Promise<void> {
    await this.#context.oracle.refresh();
  }

  /** From here on new connections see this certificate; those that are open go on. @throws CausewayError F0000 */
  renewCertificate(pair: KeyPair): void {
    this.#context.tls = serverIdentity(pair);
  }

  #accept(socket: Socket): void {
    const { limits, sessions } = this.#context;
    if (this.#connections.size - sessions.size >= limits.halfOpen) {
      // The oldest goes: whoever holds connections open without logging in must not keep others out.
      for (const each of this.#connections) {
        if (each.loggedIn) continue;
        this.#connections.delete(each);
        each.abandon();
        break;
      }
    }
    const connection = new Connection(this.#context, socket);
    this.#connections.add(connection);
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    void connection.serve().finally(() => this.#connections.delete(connection));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const connection of this.#connections) {
      connection.terminate(
        new CausewayError(CONDITION.adminShutdown, 'terminating connection due to administrator command'),
      );
    }
    for (const socket of this.#sockets) socket.destroySoon();
    await closed;
    await this.#oracle[Symbol.asyncDispose]();
  }
}
