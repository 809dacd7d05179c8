/** `causeway serve` and `causeway agent` as real processes, that may be killed, or run behind a network of their own. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { Catalog } from '../../src/catalog/catalog.ts';
import { freePort } from '../support/free-port.ts';

const CAUSEWAY = resolve(import.meta.dirname, '../../src/cli/main.ts');
export const SILOS = ['berlin', 'oslo', 'paris'];

export const TRAIN = (name: string, privacy = ''): string =>
  `TRAIN OR REPLACE MODEL ${name} PREDICT load FORECAST BY ts WINDOW 12 USING lstm (hidden => 8, seed => 3)
   FEDERATE fedavgm (rounds => 20) ${privacy} ASYNC AS SELECT ts, load FROM readings`;

export interface NetworkOptions {
  /** The address where agents find the coordinator. */
  readonly host?: string;
  /** What a silo's agent is started with: `ip netns exec …`. */
  readonly prefix?: (silo: string) => readonly string[];
}

export class FederationOfProcesses implements AsyncDisposable {
  readonly #work = mkdtempSync(join(tmpdir(), 'causeway-processes-'));
  readonly #children = new Map<string, ChildProcess>();
  readonly #options: NetworkOptions;
  #ports = { sql: 0, agents: 0 };

  private constructor(options: NetworkOptions) {
    this.#options = options;
  }

  /** A coordinator, three agents over CSV files of one series cut in three, and the federated table `readings`. */
  static async open(options: NetworkOptions = {}): Promise<FederationOfProcesses> {
    const federation = new FederationOfProcesses(options);
    federation.#ports = { sql: await freePort(), agents: await freePort() };
    await federation.serve();
    for (const [k, silo] of SILOS.entries()) {
      federation.#write(silo, k);
      const code = federation.causeway('silo', 'enroll', silo, '--dir', federation.catalog).trim();
      await federation.agent(silo, '--code', code);
    }
    await federation.sql(
      ...SILOS.map((silo) => `CREATE SILO ${silo} USING agent OPTIONS (name '${silo}')`),
      `CREATE FEDERATED TABLE readings AS ${SILOS.map((silo) => `${silo}.readings`).join(', ')}`,
    );
    return federation;
  }

  get catalog(): string {
    return join(this.#work, 'coordinator');
  }

  /** The folder with an agent's ledger. */
  agentState(silo: string): string {
    return join(this.#work, silo, 'state');
  }

  causeway(...args: readonly string[]): string {
    return execFileSync(process.execPath, [CAUSEWAY, ...args], { encoding: 'utf8' });
  }

  serve(): Promise<void> {
    const { host = '127.0.0.1' } = this.#options;
    const at = ['--port', String(this.#ports.sql), '--agent-port', String(this.#ports.agents), '--agent-host', host];
    return this.#start('serve', 'Awaiting agents', [], ['serve', '--dir', this.catalog, ...at]);
  }

  agent(silo: string, ...more: readonly string[]): Promise<void> {
    const args = ['agent', '--config', join(this.#work, silo, 'agent.yaml'), ...more];
    return this.#start(silo, '"connected"', this.#options.prefix?.(silo) ?? [], args);
  }

  async kill(name: string, signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    const child = this.#children.get(name);
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((done) => child.once('exit', done));
    child.kill(signal);
    await ended;
  }

  async sql(...statements: readonly string[]): Promise<pg.QueryResult['rows']> {
    const client = new pg.Client({ host: '127.0.0.1', port: this.#ports.sql, database: 'causeway', user: 'analyst' });
    await client.connect();
    try {
      let rows: pg.QueryResult['rows'] = [];
      for (const statement of statements) ({ rows } = await client.query(statement));
      return rows;
    } finally {
      await client.end();
    }
  }

  /** Waits until the model's last job is done, or has done so many rounds. */
  async until(model: string, rounds = Number.POSITIVE_INFINITY): Promise<void> {
    for (;;) {
      const [job] = (await this.sql(
        `SELECT state, rounds_done, message FROM causeway.jobs WHERE model = '${model}' ORDER BY id DESC LIMIT 1`,
      )) as { state: string; rounds_done: number; message: string | null }[];
      if (job?.state === 'done' || (job?.rounds_done ?? 0) >= rounds) return;
      if (job?.state === 'failed') throw new Error(`the job failed: ${job.message}`);
      await sleep(20);
    }
  }

  /** The tensors of the active version, read from the files: the file's header has the model's name in it. */
  weights(model: string): Buffer {
    using files = Catalog.open(this.catalog);
    const file = Buffer.from(files.models.weights(files.models.get(model)!));
    return file.subarray(8 + Number(file.readBigUInt64LE(0)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of this.#children.keys()) await this.kill(name, 'SIGTERM');
    rmSync(this.#work, { recursive: true, force: true });
  }

  /** Starts `causeway …` and resolves when it has said `ready`. */
  async #start(name: string, ready: string, prefix: readonly string[], args: readonly string[]): Promise<void> {
    const [command, ...rest] = [...prefix, process.execPath, CAUSEWAY, ...args] as [string, ...string[]];
    const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#children.set(name, child);
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

  #write(silo: string, phase: number): void {
    const data = join(this.#work, silo, 'data');
    mkdirSync(data, { recursive: true });
    const start = Date.UTC(2024, 0, 1);
    const lines = Array.from({ length: 400 }, (_, i) => {
      const ts = new Date(start + i * 3_600_000).toISOString().slice(0, 19).replace('T', ' ');
      return `${ts},${(50 + 8 * Math.sin((2 * Math.PI * (i + 3 * phase)) / 24)).toFixed(6)}`;
    });
    writeFileSync(join(data, 'readings.csv'), ['ts,load', ...lines, ''].join('\n'));
    const { host = '127.0.0.1' } = this.#options;
    const config = [`silo: ${silo}`, `coordinator: ${host}:${this.#ports.agents}`, 'directory: ./state'];
    const connector = ['connector: files', 'options:', `  path: ${data}`, ''];
    writeFileSync(join(this.#work, silo, 'agent.yaml'), [...config, ...connector].join('\n'));
  }
}
