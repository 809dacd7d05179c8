/** The mysql connector against a real MariaDB (Debian: apt-get install mariadb-server). */
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { conformance } from '../../connectors/conformance.ts';
import type { ProbeTable } from '../../connectors/conformance-probes.ts';
import { pushdownConformance } from '../../connectors/conformance-pushdown.ts';
import { mysql } from '../../connectors/mysql/connector.ts';
import { writtenType } from '../../connectors/mysql/types.ts';
import { planRunner } from '../pushdown/runner.ts';
import { cuttingProxy } from '../servers/cutting-proxy.ts';

const installed = (() => {
  try {
    execFileSync('mariadbd', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    console.log('mariadbd is not installed: the mysql connector is not tested');
    return false;
  }
})();

const directory = mkdtempSync(join(tmpdir(), 'causeway-mariadb-'));
const login = { host: '127.0.0.1', port: 0, user: 'tester', password: 'secret' };
let server: ReturnType<typeof spawn> | undefined;

async function start(): Promise<void> {
  chmodSync(directory, 0o777);
  const data = join(directory, 'data');
  const user = process.getuid?.() === 0 ? ['--user=mysql'] : [];
  execFileSync('mariadb-install-db', [`--datadir=${data}`, '--auth-root-authentication-method=normal', ...user], {
    stdio: 'ignore',
  });
  login.port = await freePort();
  const socket = join(directory, 'socket');
  const flags = [
    '--no-defaults',
    `--datadir=${data}`,
    `--port=${login.port}`,
    `--socket=${socket}`,
    '--bind-address=127.0.0.1',
    ...user,
  ];
  server = spawn('mariadbd', flags, { stdio: 'ignore' });
  for (let i = 0; ; i++) {
    try {
      const root = await createConnection({ socketPath: socket, user: 'root' });
      await root.query(`CREATE USER tester@localhost IDENTIFIED BY 'secret'`);
      await root.query('GRANT ALL ON *.* TO tester@localhost');
      await root.end();
      return;
    } catch (thrown) {
      if (i > 200) throw thrown;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

let started: Promise<void> | undefined;
const running = () => (started ??= start());

afterAll(() => {
  server?.kill();
  rmSync(directory, { recursive: true, force: true });
});

let databases = 0;

async function place() {
  await running();
  const database = `place_${databases++}`;
  const client = await createConnection({ ...login, timezone: 'Z' });
  await client.query(`CREATE DATABASE ${database} CHARACTER SET utf8mb4`);
  await client.query(`USE ${database}`);
  const options = { host: login.host, user: login.user, password: login.password, database };
  return {
    options: { ...options, port: String(login.port) },
    async load(tables: readonly ProbeTable[]) {
      for (const { name, columns, rows } of tables) {
        const quoted = (text: string) => `\`${text.replaceAll('`', '``')}\``;
        // MySQL has no number without a scale.
        const definitions = columns.map(({ name, type }) => {
          const unbounded = type.kind === 'numeric' && type.precision === undefined;
          return `${quoted(name)} ${unbounded ? 'decimal(38, 10)' : writtenType(type)}`;
        });
        await client.query(`CREATE TABLE ${quoted(name)} (${definitions.join(', ')})`);
        for (let at = 0; at < rows.length; at += 2000) {
          const values = rows.slice(at, at + 2000).map((row) =>
            row.map((text, i) => {
              const kind = columns[i]!.type.kind;
              if (text !== null && kind === 'bytea') return Buffer.from(text.slice(2), 'hex');
              return text !== null && kind === 'boolean' ? text === 't' : text;
            }),
          );
          await client.query(`INSERT INTO ${quoted(name)} VALUES ?`, [values]);
        }
      }
    },
    slow: 'SELECT sleep(100)',
    async busy() {
      const [rows] = await client.query(
        `SELECT count(*) AS n FROM information_schema.processlist WHERE info LIKE 'SELECT sleep%'`,
      );
      return Number((rows as { n: number }[])[0]!.n);
    },
    async cutAfter(bytes: number) {
      const proxy = await cuttingProxy(login.host, login.port, bytes);
      return {
        options: { ...options, port: String(proxy.port) },
        [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
      };
    },
    [Symbol.asyncDispose]: () => client.end(),
  };
}

describe.skipIf(!installed)('mysql', () => {
  beforeAll(running, 60_000);

  conformance({ connector: mysql, open: place });
  pushdownConformance({ connector: mysql, open: place, runner: planRunner });

  test('a wrong password is 28P01', async () => {
    const attempt = mysql.connect(
      { host: login.host, port: String(login.port), user: login.user, password: 'wrong', database: 'place_0' },
      new AbortController().signal,
    );
    await expect(attempt).rejects.toMatchObject({ sqlstate: '28P01' });
  });
});

function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const probe = createServer();
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() =>
        address !== null && typeof address === 'object' ? done(address.port) : fail(new Error('no port')),
      );
    });
  });
}
