/** Real processes, killed outright in the middle of a training: `causeway serve` and agents, started again by hand only. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Catalog } from '../../src/catalog/catalog.ts';

const CAUSEWAY = resolve(import.meta.dirname, '../../src/cli/main.ts');
const SILOS = ['berlin', 'oslo', 'paris'];
const TRAIN = (name: string, privacy = '', wait = 'ASYNC'): string =>
  `TRAIN OR REPLACE MODEL ${name} PREDICT load FORECAST BY ts WINDOW 12 USING lstm (hidden => 8, seed => 3)
   FEDERATE fedavgm (rounds => 20) ${privacy} ${wait} AS SELECT ts, load FROM readings`;

const work = mkdtempSync(join(tmpdir(), 'causeway-killed-'));
const catalog = join(work, 'coordinator');
const children = new Map<string, ChildProcess>();
let ports: { sql: number; agents: number };

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  const { port } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return port;
}

/** Starts `causeway …` and resolves when it has said `ready`. */
async function start(name: string, ready: string, args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [CAUSEWAY, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  children.set(name, child);
  const { promise, resolve: done, reject } = Promise.withResolvers<void>();
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => {
      said += String(data);
      if (said.includes(ready)) done();
    });
  }
  child.once('exit', (code) => reject(new Error(`${name} ended with ${code}: ${said}`)));
  await promise;
}

async function kill(name: string, signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
  const child = children.get(name);
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((done) => child.once('exit', done));
  child.kill(signal);
  await ended;
}

const serve = (): Promise<void> => {
  const at = ['--port', String(ports.sql), '--agent-port', String(ports.agents), '--agent-host', '127.0.0.1'];
  return start('serve', 'Awaiting agents', ['serve', '--dir', catalog, ...at]);
};

const agent = (silo: string, ...more: string[]): Promise<void> =>
  start(silo, '"connected"', ['agent', '--config', join(work, silo, 'agent.yaml'), ...more]);

async function sql(...statements: string[]): Promise<pg.QueryResult['rows']> {
  const client = new pg.Client({ host: '127.0.0.1', port: ports.sql, database: 'causeway', user: 'analyst' });
  await client.connect();
  try {
    let rows: pg.QueryResult['rows'] = [];
    for (const statement of statements) ({ rows } = await client.query(statement));
    return rows;
  } finally {
    await client.end();
  }
}

/** Waits until the model's last job has `state`, or has done `rounds`. */
async function until(model: string, state: string, rounds = Number.POSITIVE_INFINITY): Promise<void> {
  for (;;) {
    const [job] = (await sql(
      `SELECT state, rounds_done, message FROM causeway.jobs WHERE model = '${model}' ORDER BY id DESC LIMIT 1`,
    )) as { state: string; rounds_done: number; message: string | null }[];
    if (job?.state === state || (job?.rounds_done ?? 0) >= rounds) return;
    if (job?.state === 'failed') throw new Error(`the job failed: ${job.message}`);
    await sleep(20);
  }
}

/** The tensors of the active version, read from the files: the file's header has the model's name in it. */
function weights(model: string): Buffer {
  using files = Catalog.open(catalog);
  const file = Buffer.from(files.models.weights(files.models.get(model)!));
  return file.subarray(8 + Number(file.readBigUInt64LE(0)));
}

beforeAll(async () => {
  ports = { sql: await freePort(), agents: await freePort() };
  await serve();
  for (const [k, silo] of SILOS.entries()) {
    const data = join(work, silo, 'data');
    mkdirSync(data, { recursive: true });
    const start = Date.UTC(2024, 0, 1);
    const lines = Array.from({ length: 400 }, (_, i) => {
      const ts = new Date(start + i * 3_600_000).toISOString().slice(0, 19).replace('T', ' ');
      return `${ts},${(50 + 8 * Math.sin((2 * Math.PI * (i + 3 * k)) / 24)).toFixed(6)}`;
    });
    writeFileSync(join(data, 'readings.csv'), ['ts,load', ...lines, ''].join('\n'));
    const config = [
      `silo: ${silo}`,
      `coordinator: 127.0.0.1:${ports.agents}`,
      'directory: ./state',
      'connector: files',
    ];
    writeFileSync(join(work, silo, 'agent.yaml'), [...config, 'options:', `  path: ${data}`, ''].join('\n'));
    const code = execFileSync(process.execPath, [CAUSEWAY, 'silo', 'enroll', silo, '--dir', catalog], {
      encoding: 'utf8',
    });
    await agent(silo, '--code', code.trim());
  }
  await sql(
    ...SILOS.map((silo) => `CREATE SILO ${silo} USING agent OPTIONS (name '${silo}')`),
    `CREATE FEDERATED TABLE readings AS ${SILOS.map((silo) => `${silo}.readings`).join(', ')}`,
    TRAIN('whole'),
    TRAIN('whole_secure', 'PRIVACY (secure => true)'),
  );
  await until('whole', 'done');
  await until('whole_secure', 'done');
}, 240_000);

afterAll(async () => {
  for (const name of children.keys()) await kill(name, 'SIGTERM');
  rmSync(work, { recursive: true, force: true });
});

test.each([
  ['plain', 'whole', ''],
  ['secure', 'whole_secure', 'PRIVACY (secure => true)'],
])(
  'kill -9 of the coordinator in a %s training: started again, it goes on by itself to the same weights',
  async (_, whole, privacy) => {
    const model = `${whole}_killed`;
    await sql(TRAIN(model, privacy));
    await until(model, 'done', 2);
    await kill('serve');
    await serve();
    await until(model, 'done');
    expect(weights(model).equals(weights(whole))).toBe(true);
  },
  180_000,
);

test('kill -9 of an agent in a training: started again, it does the round again to the same weights', async () => {
  await sql(TRAIN('agent_killed'));
  await until('agent_killed', 'done', 2);
  await kill('oslo');
  await agent('oslo');
  await until('agent_killed', 'done');
  expect(weights('agent_killed').equals(weights('whole'))).toBe(true);
}, 180_000);

test('what left is in both ledgers after all that, with receipts', () => {
  for (const silo of SILOS) {
    const args = ['audit', 'verify', '--agent', join(work, silo, 'state'), '--dir', catalog];
    expect(execFileSync(process.execPath, [CAUSEWAY, ...args], { encoding: 'utf8' })).toContain('the ledger holds');
  }
}, 60_000);
