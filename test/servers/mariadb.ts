/** A real MariaDB for tests, where Debian's mariadb-server is installed: one server, data in a temporary folder. */
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { createConnection } from 'mysql2/promise';
import { freePort } from '../support/free-port.ts';

export interface MariadbServer extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
}

/** True when the server's programs are there (`apt-get install mariadb-server`). */
export function mariadbIsInstalled(): boolean {
  try {
    execFileSync('mariadbd', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Starts a server on a free port of the loopback address, with a user who may do everything. */
export async function startMariadb(): Promise<MariadbServer> {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-mariadb-'));
  chmodSync(directory, 0o777);
  const data = join(directory, 'data');
  const asUser = process.getuid?.() === 0 ? ['--user=mysql'] : [];
  execFileSync('mariadb-install-db', [`--datadir=${data}`, '--auth-root-authentication-method=normal', ...asUser], {
    stdio: 'ignore',
  });
  const port = await freePort();
  const socket = join(directory, 'socket');
  const flags = [
    '--no-defaults',
    `--datadir=${data}`,
    `--port=${port}`,
    `--socket=${socket}`,
    '--bind-address=127.0.0.1',
    ...asUser,
  ];
  const server = spawn('mariadbd', flags, { stdio: 'ignore' });
  const login = { host: '127.0.0.1', port, user: 'tester', password: 'secret' };
  for (let i = 0; ; i++) {
    try {
      const root = await createConnection({ socketPath: socket, user: 'root' });
      await root.query(`CREATE USER ${login.user}@localhost IDENTIFIED BY '${login.password}'`);
      await root.query(`GRANT ALL ON *.* TO ${login.user}@localhost`);
      await root.end();
      break;
    } catch (thrown) {
      if (i > 200) throw thrown;
      await setTimeout(100);
    }
  }
  return {
    ...login,
    async [Symbol.asyncDispose]() {
      const ended = new Promise((resolve) => server.once('exit', resolve));
      server.kill();
      await ended;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
