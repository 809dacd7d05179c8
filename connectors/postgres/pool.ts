/** Connections to one PostgreSQL database: opening them with errors a user can act on, and cancelling what they run. */
import { connect as connectSocket } from 'node:net';
import pg from 'pg';
import { CausewayError, canceled, messageOf, SQLSTATE, throwIfAborted } from '../../src/plan/errors.ts';
import type { SiloOptions } from '../connector.ts';
import { wholeNumber } from '../options.ts';
import { quoteIdentifier } from '../quoting.ts';

const CONNECT_TIMEOUT_MS = 10_000;
const DEFAULT_CONNECTIONS = 8;
const CANCEL_AGAIN_MS = 250;

/** Settings that make text output the same whatever the server's defaults are. */
const SESSION = `SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres';
  SET extra_float_digits = 1; SET bytea_output = 'hex'; SET statement_timeout = 0`;

export interface PostgresPool {
  /** `host:port/database`, for messages. */
  readonly address: string;
  readonly context: string;
  /** Runs `action` on a connection of its own. An abort cancels what the server is doing, and the action fails. */
  use<T>(signal: AbortSignal, action: (client: pg.PoolClient) => Promise<T>): Promise<T>;
  /** A connection that the caller gives back, for results that outlive a call. */
  take(signal: AbortSignal): Promise<Lease>;
  /** Likewise, if there is one that nobody waits for. */
  takeFree(signal: AbortSignal): Promise<Lease | undefined>;
  close(): Promise<void>;
}

export interface Lease {
  readonly client: pg.PoolClient;
  /** Gives the connection back, or closes it when it is not to be used again. */
  readonly release: (broken?: boolean) => void;
}

/**
 * Opens the pool and proves that the server answers.
 * @throws CausewayError 28P01 wrong password, 3D000 no such database, 08001 unreachable.
 */
export async function openPool(options: SiloOptions, signal: AbortSignal): Promise<PostgresPool> {
  throwIfAborted(signal);
  const config = clientConfig(options);
  const max = wholeNumber(options, 'connections', DEFAULT_CONNECTIONS);
  const pool = new pg.Pool({ ...config, max, idleTimeoutMillis: 30_000, allowExitOnIdle: true });
  // An idle connection that breaks is replaced at the next use; without a listener it would end the process.
  pool.on('error', () => undefined);
  const probe = new pg.Client(config);
  const address = `${probe.host}:${probe.port}/${probe.database}`;
  const role = probe.user;
  const session = `${SESSION}; SET search_path = ${quoteIdentifier(options.schema ?? 'public')}`;
  const opened: PostgresPool = {
    address,
    context: `postgres:${address}:${role}`,
    take: async (abort) => {
      throwIfAborted(abort);
      const client = await connectClient(pool, session, address, String(role));
      let again: NodeJS.Timeout | undefined;
      // A request that comes before the statement has begun does nothing: so it is made until the connection is given back.
      const cancel = () => {
        void cancelQuery(client);
        again ??= setInterval(() => void cancelQuery(client), CANCEL_AGAIN_MS);
      };
      abort.addEventListener('abort', cancel);
      let released = false;
      const release = (broken = false) => {
        if (released) return;
        released = true;
        abort.removeEventListener('abort', cancel);
        clearInterval(again);
        // After an abort the cancel request may still be under way and would hit the next user of the connection.
        client.release(broken || abort.aborted);
      };
      return { client, release };
    },
    takeFree: async (abort) => {
      const free = pool.waitingCount === 0 && (pool.idleCount > 0 || pool.totalCount < max);
      return free ? opened.take(abort) : undefined;
    },
    use: async (abort, action) => {
      const { client, release } = await opened.take(abort);
      let broken = false;
      try {
        return await action(client);
      } catch (thrown) {
        broken = !(thrown instanceof pg.DatabaseError && thrown.severity === 'ERROR');
        throw abort.aborted ? canceled(thrown) : postgresError(thrown, address);
      } finally {
        release(broken);
      }
    },
    close: () => pool.end(),
  };
  try {
    await opened.use(signal, (client) => client.query('SELECT 1'));
    return opened;
  } catch (thrown) {
    await pool.end();
    throw thrown;
  }
}

function clientConfig(options: SiloOptions): pg.ClientConfig {
  return {
    ...(options.url === undefined ? {} : { connectionString: options.url }),
    ...(options.host === undefined ? {} : { host: options.host }),
    ...(options.port === undefined ? {} : { port: Number(options.port) }),
    ...(options.database === undefined ? {} : { database: options.database }),
    ...(options.user === undefined ? {} : { user: options.user }),
    ...(options.password === undefined ? {} : { password: options.password }),
    ...(options.ssl === undefined || options.ssl === 'off'
      ? {}
      : { ssl: { rejectUnauthorized: options.ssl === 'verify' } }),
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    application_name: 'causeway',
    keepAlive: true,
  };
}

const prepared = new WeakSet<pg.PoolClient>();

async function connectClient(pool: pg.Pool, session: string, address: string, role: string): Promise<pg.PoolClient> {
  let client: pg.PoolClient;
  try {
    client = await pool.connect();
  } catch (thrown) {
    throw connectError(thrown, address, role);
  }
  if (!prepared.has(client)) {
    // A broken connection is reported by the query that runs on it.
    client.on('error', () => undefined);
    await client.query(session);
    prepared.add(client);
  }
  return client;
}

/** Why a connection could not be opened, with the next action. */
function connectError(thrown: unknown, address: string, role: string): CausewayError {
  const code = (thrown as { code?: string }).code ?? '';
  const make = (sqlstate: string, message: string, hint: string) =>
    new CausewayError(sqlstate, message, { hint, cause: thrown });
  switch (code) {
    case '28P01':
    case '28000':
      return make(
        SQLSTATE.invalidPassword,
        `PostgreSQL at ${address} refused the role "${role}": ${messageOf(thrown)}`,
        'Check the options user and password.',
      );
    case '3D000':
      return make('3D000', `PostgreSQL at ${address} answers, but ${messageOf(thrown)}`, 'Check the option database.');
    case '53300':
      return make(
        '53300',
        `PostgreSQL at ${address} has no free connection: ${messageOf(thrown)}`,
        'Lower the option connections, or raise max_connections at the server.',
      );
    default:
      return make(
        '08001',
        `cannot connect to PostgreSQL at ${address}: ${reason(thrown)}`,
        'Check host and port, that the server runs, and that this machine may reach it.',
      );
  }
}

/** An AggregateError of Node (one per address tried) has no message of its own. */
function reason(thrown: unknown): string {
  const inner = thrown instanceof AggregateError ? thrown.errors[0] : thrown;
  return messageOf(inner);
}

/** The server's error as ours, with its SQLSTATE; anything else is a lost connection. */
export function postgresError(thrown: unknown, address: string): CausewayError {
  if (thrown instanceof CausewayError) return thrown;
  if (thrown instanceof pg.DatabaseError) {
    return new CausewayError(thrown.code ?? SQLSTATE.internalError, thrown.message, {
      cause: thrown,
      ...(thrown.detail === undefined ? {} : { detail: thrown.detail }),
      ...(thrown.hint === undefined ? {} : { hint: thrown.hint }),
    });
  }
  return new CausewayError(
    SQLSTATE.connectionFailure,
    `the connection to PostgreSQL at ${address} was lost: ${messageOf(thrown)}`,
    {
      cause: thrown,
      hint: 'Run the statement again when the server is back.',
    },
  );
}

/** Asks the server to stop what `client` runs (PostgreSQL protocol 3.0, CancelRequest), on a connection of its own. */
function cancelQuery(client: pg.PoolClient): Promise<void> {
  const { processID, secretKey, host, port } = client as unknown as {
    processID: number;
    secretKey: number;
    host: string;
    port: number;
  };
  const request = Buffer.alloc(16);
  request.writeInt32BE(16, 0);
  request.writeInt32BE(80_877_102, 4);
  request.writeInt32BE(processID, 8);
  request.writeInt32BE(secretKey, 12);
  return new Promise((done) => {
    const socket = host.startsWith('/') ? connectSocket(`${host}/.s.PGSQL.${port}`) : connectSocket(port, host);
    socket.on('error', () => done());
    socket.on('close', () => done());
    socket.end(request);
  });
}
