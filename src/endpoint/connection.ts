/** One connection, from its first byte to its last: startup, TLS, authentication, then one message after another. */

import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { TLSSocket } from 'node:tls';
import { mockVerifier } from '../catalog/verifier.ts';
import { CausewayError, SQLSTATE } from '../plan/errors.ts';
import { SCRAM, SCRAM_PLUS, ScramExchange } from './auth/scram.ts';
import { DATABASE } from './oracle/bootstrap.ts';
import type { EndpointContext } from './server.ts';
import { asCausewayError } from './session/failed-statement.ts';
import { Protocol } from './session/protocol.ts';
import { Session } from './session/session.ts';
import { SocketSink } from './session/sink.ts';
import {
  authenticationOk,
  authenticationSasl,
  authenticationSaslContinue,
  authenticationSaslFinal,
  backendKeyData,
  errorResponse,
  negotiateProtocolVersion,
  readyForQuery,
} from './wire/backend.ts';
import { ByteReader } from './wire/byte-reader.ts';
import { CONDITION, ProtocolViolation } from './wire/conditions.ts';
import { type Frame, MAX_AUTHENTICATION_BYTES, MessageFramer } from './wire/framing.ts';
import { decodeFrontend } from './wire/frontend.ts';
import { decodeStartup, type StartupPacket } from './wire/startup.ts';

/** The newest minor version of protocol 3 spoken here. */
const NEWEST_MINOR = 2;
/** Bytes that may wait here while a statement runs; then the client is read no further. */
const MOST_WAITING_BYTES = 1024 * 1024;

type Startup = Extract<StartupPacket, { kind: 'startup' }>;

export class Connection {
  readonly #context: EndpointContext;
  readonly #sink: SocketSink;
  readonly #framer = new MessageFramer();
  readonly #address: string;
  #socket: Socket;
  #wake: (() => void) | undefined;
  #ended = false;
  /** Of the certificate that this client has seen; undefined without TLS. */
  #binding: Buffer | undefined;
  #session: Session | undefined;

  constructor(context: EndpointContext, socket: Socket) {
    this.#context = context;
    this.#socket = socket;
    this.#address = socket.remoteAddress ?? '';
    this.#sink = new SocketSink(socket);
    this.#listen(socket);
  }

  /** Serves the client until it leaves. Never throws. */
  async serve(): Promise<void> {
    const deadline = setTimeout(() => this.#socket.destroy(), this.#context.limits.startupTimeout);
    try {
      const startup = await this.#startup();
      if (startup === undefined) return;
      await this.#authenticate(startup);
      clearTimeout(deadline);
      await this.#run(startup);
    } catch (thrown) {
      await this.#fatal(asCausewayError(thrown));
    } finally {
      clearTimeout(deadline);
      await this.#session?.[Symbol.asyncDispose]().catch(() => {});
      this.#socket.end();
      // A client that does not close its side is not waited for.
      this.#socket.setTimeout(1000, () => this.#socket.destroy());
    }
  }

  get loggedIn(): boolean {
    return this.#session !== undefined;
  }

  /** Closes the connection without a word. */
  abandon(): void {
    this.#socket.destroy();
  }

  /** Ends the connection with an error, from outside: shutdown, pg_terminate_backend, a time limit. */
  terminate(error: CausewayError): void {
    this.#session?.cancel(error);
    void this.#fatal(error).finally(() => this.#socket.destroy());
  }

  #listen(socket: Socket): void {
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      this.#framer.push(chunk);
      if (this.#framer.buffered > MOST_WAITING_BYTES && this.#session !== undefined) socket.pause();
      this.#wake?.();
    });
    const ended = () => {
      this.#ended = true;
      this.#session?.cancel(new CausewayError(SQLSTATE.connectionFailure, 'the client is gone'));
      this.#wake?.();
    };
    socket.on('error', ended);
    socket.on('close', ended);
    socket.on('end', () => {
      this.#ended = true;
      this.#wake?.();
    });
  }

  /** The next message; undefined when the client is gone. @throws ProtocolViolation */
  async #next(): Promise<Frame | undefined> {
    for (;;) {
      const frame = this.#framer.next();
      if (frame !== undefined) return frame;
      if (this.#ended) return undefined;
      if (this.#socket.isPaused()) this.#socket.resume();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }

  /** Reads up to the startup message; undefined when there is nothing more to do. */
  async #startup(): Promise<Startup | undefined> {
    for (let requests = 0; ; requests++) {
      const frame = await this.#next();
      if (frame === undefined) return undefined;
      const packet = decodeStartup(frame.body);
      if (packet.kind === 'startup') return packet;
      if (packet.kind === 'cancel') {
        this.#context.sessions.cancel(packet.pid, packet.secret);
        return undefined;
      }
      if (requests > 2) throw new ProtocolViolation('too many encryption requests');
      const { tls } = this.#context;
      if (packet.kind === 'ssl-request' && tls !== undefined && !(this.#socket instanceof TLSSocket)) {
        await this.#startTls(tls);
      } else {
        this.#socket.write('N');
      }
    }
  }

  async #startTls(tls: NonNullable<EndpointContext['tls']>): Promise<void> {
    // Bytes sent along with the request were sent in the clear, perhaps by somebody else (CVE-2021-23214).
    if (this.#framer.takeRest().length > 0) {
      throw new ProtocolViolation('received unencrypted data after SSL request');
    }
    this.#binding = tls.binding;
    const plain = this.#socket;
    plain.removeAllListeners('data');
    plain.removeAllListeners('end');
    plain.write('S');
    const secure = new TLSSocket(plain, {
      isServer: true,
      secureContext: tls.context,
      ALPNProtocols: ['postgresql'],
    });
    this.#socket = secure;
    this.#sink.replaceStream(secure);
    this.#listen(secure);
    await new Promise<void>((resolve, reject) => {
      secure.once('secure', resolve);
      secure.once('close', () => reject(new ProtocolViolation('the TLS handshake failed')));
      secure.once('error', reject);
    });
  }

  async #authenticate({ minor, parameters, extensions }: Startup): Promise<void> {
    const { writer } = this.#sink;
    if (minor > NEWEST_MINOR || extensions.length > 0) {
      negotiateProtocolVersion(writer, Math.min(minor, NEWEST_MINOR), extensions);
    }
    const user = parameters.get('user');
    if (!user) {
      throw new ProtocolViolation(
        'no PostgreSQL user name specified in startup packet',
        CONDITION.invalidAuthorization,
      );
    }
    const { users, limits, sessions } = this.#context;
    if (sessions.size >= limits.connections) {
      throw new CausewayError(CONDITION.tooManyConnections, 'sorry, too many clients already');
    }
    this.#framer.typed = true;
    this.#framer.limit = MAX_AUTHENTICATION_BYTES;
    if (users.exist) await this.#scram(user);
    const database = parameters.get('database') ?? user;
    // Without a name of its own a client asks for the database named like its user.
    if (database !== DATABASE && parameters.get('database') !== undefined && database !== user) {
      throw new CausewayError(CONDITION.invalidCatalogName, `database "${database}" does not exist`, {
        hint: `The database is called ${DATABASE}.`,
      });
    }
    authenticationOk(writer);
    this.#framer.limit = limits.messageBytes;
  }

  async #scram(user: string): Promise<void> {
    const { users, throttle, secret } = this.#context;
    const binding = this.#binding;
    authenticationSasl(this.#sink.writer, binding === undefined ? [SCRAM] : [SCRAM_PLUS, SCRAM]);
    await this.#sink.flush();
    const initial = new ByteReader(await this.#saslMessage());
    const mechanism = initial.cstring();
    const length = initial.int32();
    const known = users.verifier(user);
    const exchange = new ScramExchange(known ?? mockVerifier(user, secret), mechanism, binding);
    authenticationSaslContinue(this.#sink.writer, exchange.first(initial.bytes(length).toString()));
    await this.#sink.flush();
    const answer = exchange.final((await this.#saslMessage()).toString());
    await sleep(throttle.delay(this.#address));
    if (answer === undefined || known === undefined) {
      throttle.failed(this.#address);
      throw new CausewayError(CONDITION.invalidPassword, `password authentication failed for user "${user}"`);
    }
    throttle.succeeded(this.#address);
    authenticationSaslFinal(this.#sink.writer, answer);
  }

  async #saslMessage(): Promise<Buffer> {
    const frame = await this.#next();
    if (frame?.type !== 'p') throw new ProtocolViolation('expected SASL response');
    return frame.body;
  }

  async #run({ minor, parameters }: Startup): Promise<void> {
    const { writer } = this.#sink;
    const session = new Session(this.#context, parameters.get('user')!, this.#sink, minor >= 2 ? 32 : 4);
    this.#session = session;
    session.terminate = (error) => this.terminate(error);
    await session.start(startupSettings(parameters));
    backendKeyData(writer, session.pid, session.secret);
    readyForQuery(writer, 'I');
    await this.#sink.flush();
    const protocol = new Protocol(session);
    for (;;) {
      const idle = this.#idleTimer(session);
      const frame = await this.#next().finally(() => clearTimeout(idle));
      if (frame === undefined || !(await protocol.handle(decodeFrontend(frame)))) return;
    }
  }

  #idleTimer(session: Session): NodeJS.Timeout | undefined {
    const inTransaction = session.transaction.status !== 'I';
    const limit = inTransaction ? session.limits.idleInTransaction : session.limits.idle || this.#context.limits.idle;
    if (limit <= 0) return undefined;
    const error = inTransaction
      ? new CausewayError(
          CONDITION.idleInTransactionTimeout,
          'terminating connection due to idle-in-transaction timeout',
        )
      : new CausewayError(CONDITION.idleSessionTimeout, 'terminating connection due to idle-session timeout');
    return setTimeout(() => this.terminate(error), limit);
  }

  async #fatal(error: CausewayError): Promise<void> {
    if (this.#socket.destroyed) return;
    if (error.sqlstate === SQLSTATE.internalError) this.#context.onDefect(error);
    errorResponse(this.#sink.writer, error, 'FATAL');
    await this.#sink.flush().catch(() => {});
  }
}

/** Parameters of the startup packet that are settings, and those in `options` (`-c name=value`, `--name=value`). */
function startupSettings(parameters: ReadonlyMap<string, string>): Map<string, string> {
  const settings = new Map<string, string>();
  for (const [name, value] of parameters) {
    if (name === 'user' || name === 'database') continue;
    if (name === 'replication') {
      if (/^(false|off|no|0)$/i.test(value)) continue;
      throw new CausewayError(SQLSTATE.featureNotSupported, 'replication connections are not supported');
    }
    if (name === 'client_encoding') {
      if (/^'?(utf-?8|unicode|sql_ascii)'?$/i.test(value)) continue;
      throw new CausewayError(SQLSTATE.featureNotSupported, `client_encoding ${value} is not supported: use UTF8`);
    }
    if (name !== 'options') {
      settings.set(name, value);
      continue;
    }
    for (const match of value.matchAll(/(?:-c\s*|--)([\w.]+)=((?:\\.|\S)*)/g)) {
      settings.set(match[1]!, match[2]!.replace(/\\(.)/g, '$1'));
    }
  }
  return settings;
}
