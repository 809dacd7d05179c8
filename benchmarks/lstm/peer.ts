/** PyTorch in a process of its own, asked for one measurement at a time so that both sides take turns. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Workload } from './workloads.ts';

/** Milliseconds of a step within one budget. */
export interface Timing {
  readonly median: number;
  readonly least: number;
}

export interface PeerVariant {
  readonly threads: number;
  readonly fused: boolean;
}

const SCRIPT = fileURLToPath(new URL('./peer.py', import.meta.url));

export class Peer implements Disposable {
  readonly version: string;
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(child: ChildProcess, lines: AsyncIterator<string>, version: string) {
    this.#process = child;
    this.#lines = lines;
    this.version = version;
  }

  /** Undefined without python3 and torch. `PYTHON` names another interpreter. */
  static async start(): Promise<Peer | undefined> {
    const child = spawn(process.env.PYTHON ?? 'python3', [SCRIPT], { stdio: ['pipe', 'pipe', 'ignore'] });
    child.on('error', () => undefined);
    const reader: Interface = createInterface({ input: child.stdout });
    const lines = reader[Symbol.asyncIterator]();
    const first = await lines.next();
    if (first.done) return undefined;
    return new Peer(child, lines, JSON.parse(first.value).torch);
  }

  /** Milliseconds of one step, or of one prediction of a batch. */
  async measure(workload: Workload, task: 'train' | 'predict', { fused, threads }: PeerVariant): Promise<Timing> {
    const { batch, budget, hidden, inputs, name, readout, window } = workload;
    const key = `${name} ${task} ${threads} ${fused}`;
    const request = { key, batch, window, inputs, hidden, every: readout === 'every', threads, fused, task, budget };
    this.#process.stdin!.write(`${JSON.stringify(request)}\n`);
    return JSON.parse((await this.#lines.next()).value);
  }

  [Symbol.dispose](): void {
    this.#process.kill();
  }
}
