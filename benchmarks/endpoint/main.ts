/**
 * The endpoint against a real PostgreSQL 18 with the same rows, in one run, interleaved; medians and ratios are printed.
 *
 *   node benchmarks/endpoint/main.ts [rows=1000000] [repeats=5]
 */
import { spawn } from 'node:child_process';
import pg from 'pg';
import { drain } from './drain.ts';
import { type Server, startServers } from './servers.ts';

const rows = Number(process.argv[2] ?? 1_000_000);
const repeats = Number(process.argv[3] ?? 5);
const CLIENTS = 50;
const SECONDS = 5;
const IDLE = 200;

await using servers = await startServers(rows);
const { postgres, causeway } = servers;

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

const table: string[] = [];
/** Prints one line: both medians, and how many times PostgreSQL's time (or throughput) ours is. */
function report(what: string, unit: string, theirs: number, ours: number, target: string): void {
  const digits = Math.max(theirs, ours) >= 100 ? 0 : 2;
  const line = `| ${what} | ${theirs.toFixed(digits)} ${unit} | ${ours.toFixed(digits)} ${unit} | ${(ours / theirs).toFixed(2)} | ${target} |`;
  table.push(line);
  process.stdout.write(`${line}\n`);
}

/** Both servers in turn, `times` times; medians of milliseconds. */
async function compare(times: number, run: (server: Server) => Promise<number>): Promise<[number, number]> {
  const theirs: number[] = [];
  const ours: number[] = [];
  await run(postgres);
  await run(causeway);
  for (let i = 0; i < times; i++) {
    theirs.push(await run(postgres));
    ours.push(await run(causeway));
  }
  return [median(theirs), median(ours)];
}

function psql({ config, table: name }: Server): Promise<number> {
  const began = performance.now();
  const { host, port, user, database, password } = config;
  return new Promise((resolve, reject) => {
    const child = spawn(
      'psql',
      [
        '-X',
        '-q',
        '-At',
        '-o',
        '/dev/null',
        '-c',
        `SELECT * FROM ${name}`,
        `host=${host} port=${port} user=${user} dbname=${database}`,
      ],
      {
        env: { ...process.env, PGPASSWORD: password },
        stdio: 'ignore',
      },
    );
    child.on('error', reject);
    child.on('exit', (code) =>
      code === 0 ? resolve(performance.now() - began) : reject(new Error(`psql ended with ${code}`)),
    );
  });
}

async function connected(server: Server): Promise<pg.Client> {
  const client = new pg.Client(server.config);
  client.on('error', () => {});
  await client.connect();
  return client;
}

async function connectTime(server: Server): Promise<number> {
  const began = performance.now();
  const client = await connected(server);
  const took = performance.now() - began;
  await client.end();
  return took;
}

/** Prepared lookups by key from many clients at once; per second. */
async function pointQueries(server: Server): Promise<number> {
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => connected(server)));
  let done = 0;
  const end = performance.now() + SECONDS * 1000;
  await Promise.all(
    clients.map(async (client) => {
      const query = { name: 'point', text: `SELECT id, txt FROM ${server.keyed} WHERE id = $1` };
      while (performance.now() < end) {
        const id = 1 + Math.floor(Math.random() * rows);
        const result = await client.query({ ...query, values: [id] });
        if (result.rows[0]?.id !== id) throw new Error(`row ${id} is missing`);
        done++;
      }
    }),
  );
  await Promise.all(clients.map((client) => client.end()));
  return done / SECONDS;
}

process.stdout.write(`${rows.toLocaleString('en-US')} rows × 8 columns, medians of ${repeats}\n\n`);
process.stdout.write('| | PostgreSQL 18 | Causeway | ratio | target |\n|---|---|---|---|---|\n');

report('`SELECT *` through psql', 'ms', ...(await compare(repeats, psql)), '≤ 1.5');
for (const [what, binary] of [
  ['text', false],
  ['binary', true],
] as const) {
  const times = await compare(
    repeats,
    async (server) => (await drain(server.config, `SELECT * FROM ${server.table}`, binary)).total,
  );
  report(`\`SELECT *\`, ${what} format, extended protocol`, 'ms', ...times, '≤ 1.5');
}

const idle = { postgres: await connected(postgres), causeway: await connected(causeway) };
const roundTrip = await compare(1000, async ({ name }) => {
  const client = name === 'Causeway' ? idle.causeway : idle.postgres;
  const began = performance.now();
  await client.query('SELECT 1');
  return performance.now() - began;
});
report('`SELECT 1` round trip', 'ms', ...roundTrip, '≤ 3');
await idle.postgres.end();
await idle.causeway.end();

report('connect, SCRAM included', 'ms', ...(await compare(50, connectTime)), '≤ 2');
report(
  `${CLIENTS} clients, prepared lookups by key, per second`,
  '',
  await pointQueries(postgres),
  await pointQueries(causeway),
  '≥ 0.3',
);

const before = servers.memory();
const sessions = await Promise.all(Array.from({ length: IDLE }, () => connected(causeway)));
await new Promise((resolve) => setTimeout(resolve, 1000));
const more = servers.memory() - before;
process.stdout.write(`\n${IDLE} idle sessions: ${more.toFixed(0)} MB more (target: ≤ 100)\n`);
await Promise.all(sessions.map((session) => session.end()));

let highest = 0;
const start = servers.memory();
const large = await drain(
  causeway.config,
  `SELECT t.* FROM ${causeway.table} AS t, (VALUES ${Array.from({ length: 10 }, (_, i) => `(${i})`).join()}) AS copies (c)`,
  true,
  () => {
    highest = Math.max(highest, servers.memory());
  },
);
process.stdout.write(
  `${large.rows.toLocaleString('en-US')} rows: first after ${large.first.toFixed(0)} ms (target: < 1000), last after ${(large.total / 1000).toFixed(1)} s, ` +
    `${(large.bytes / 1e6).toFixed(0)} MB; memory ${start.toFixed(0)} MB before, ${highest.toFixed(0)} MB at most\n`,
);
