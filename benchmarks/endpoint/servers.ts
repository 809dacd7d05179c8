/** The two servers of the endpoint benchmark: a real PostgreSQL, and `causeway serve` in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startPostgres } from '../../src/cli/demo/embedded-postgres.ts';

export interface Server {
  readonly name: 'PostgreSQL' | 'Causeway';
  readonly config: pg.ClientConfig & { readonly port: number; readonly password: string };
  /** What the bulk queries read. */
  readonly table: string;
  /** What point queries read: the same table of the same PostgreSQL, behind Causeway as a silo. */
  readonly keyed: string;
}

export interface Servers extends AsyncDisposable {
  readonly postgres: Server;
  readonly causeway: Server;
  /** Resident memory of the Causeway process in MB. */
  memory(): number;
}

const TABLE = (rows: number) => `CREATE TABLE t AS SELECT i AS id,
    (i * 7919::bigint * 1000003) % 9000000000000000 AS big, sin(i) * 1e6 AS dbl,
    ((i * 104729::bigint % 1000000000) / 100.0)::numeric(12, 2) AS num,
    CASE WHEN i % 3 = 0 THEN 'short' || i % 1000 ELSE 'customer comment number ' || i END AS txt,
    date '1992-01-01' + i % 9000 AS dt, timestamptz '2020-01-01Z' + i * interval '1.25 seconds' AS ts, i % 2 = 0 AS b
  FROM generate_series(1, ${rows}) i`;

export async function startServers(rows: number): Promise<Servers> {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-bench-'));
  const postgres = await startPostgres();
  const admin = new pg.Client(postgres.url);
  await admin.connect();
  await admin.query(TABLE(rows));
  await admin.query('ALTER TABLE t ADD PRIMARY KEY (id)');
  await admin.query('VACUUM ANALYZE t');
  await admin.end();

  const serve = spawn(
    process.execPath,
    ['src/cli/main.ts', 'serve', '--dir', join(directory, 'catalog'), '--port', '0'],
    { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, CAUSEWAY_LOG: 'warn' } },
  );
  process.once('exit', () => serve.kill());
  const port = await listening(serve);
  const password = 'geheim';
  const setup = new pg.Client({ host: '127.0.0.1', port, user: 'bench', database: 'causeway' });
  await setup.connect();
  await setup.query(`CREATE SILO pg USING postgres OPTIONS (url '${postgres.url}')`);
  await setup.query(
    `CREATE SILO local USING duckdb OPTIONS (path '${join(directory, 'local.duckdb')}', create 'true')`,
  );
  await setup.query('CREATE TABLE local.t AS SELECT * FROM pg.t');
  await setup.query(`CREATE USER bench PASSWORD '${password}' SUPERUSER`);
  await setup.end();
  return {
    postgres: {
      name: 'PostgreSQL',
      config: {
        host: postgres.host,
        port: postgres.port,
        user: postgres.user,
        password: postgres.password,
        database: 'postgres',
      },
      table: 't',
      keyed: 't',
    },
    causeway: {
      name: 'Causeway',
      config: { host: '127.0.0.1', port, user: 'bench', password, database: 'causeway' },
      table: 'local.t',
      keyed: 'pg.t',
    },
    memory: () => residentMemory(serve.pid!),
    async [Symbol.asyncDispose]() {
      serve.kill('SIGTERM');
      await new Promise((resolve) => serve.once('exit', resolve));
      await postgres[Symbol.asyncDispose]();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** The port the server says it listens on. */
function listening(serve: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let said = '';
    serve.stdout!.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      const port = /Listening on [^:]+:(\d+)/.exec(said)?.[1];
      if (port !== undefined) resolve(Number(port));
    });
    serve.once('exit', (code) => reject(new Error(`causeway serve ended with ${code}: ${said}`)));
  });
}

function residentMemory(pid: number): number {
  const kilobytes = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes ?? 0) / 1024;
}
