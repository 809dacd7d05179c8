/**
 * Many jobs, one silo: who trains there next. A silo works for a few jobs at a time; among those that wait, the highest
 * priority goes first, then the job that has had the least of the silo's time, so that a long job and a short one share
 * it fairly round by round. A job holds a place only while the silo trains for it, so no two jobs can wait for each other.
 */
import { throwIfAborted } from '../../plan/errors.ts';

/** A job as silos see it. */
export interface JobShare {
  readonly job: number;
  /** Higher goes first. */
  readonly priority: number;
}

interface Waiting {
  readonly share: JobShare;
  readonly begin: () => void;
}

interface SiloQueue {
  running: number;
  readonly waiting: Waiting[];
  /** Seconds that each job has had here. */
  readonly spent: Map<number, number>;
}

export class SiloTurns {
  readonly #places: number;
  readonly #silos = new Map<string, SiloQueue>();

  /** @param places jobs that one silo works for at a time */
  constructor(places: number) {
    this.#places = places;
  }

  /** Does `work` in the silo at this job's turn. Rejects at once when `signal` is aborted while it waits. */
  async run<T>(share: JobShare, silo: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const queue = this.#queueOf(silo);
    // A newcomer starts level with who has had least: it owes nobody the time before it came.
    if (!queue.spent.has(share.job)) queue.spent.set(share.job, Math.min(...queue.spent.values(), Number.MAX_VALUE));
    if (queue.spent.size === 1) queue.spent.set(share.job, 0);
    await this.#turn(queue, share, signal);
    const began = performance.now();
    try {
      return await work();
    } finally {
      const seconds = (performance.now() - began) / 1000;
      const before = queue.spent.get(share.job);
      if (before !== undefined) queue.spent.set(share.job, before + seconds);
      queue.running--;
      this.#next(queue);
    }
  }

  /** Silos that the job waits for because they work for others. */
  waitsFor(job: number): string[] {
    return [...this.#silos]
      .filter(([, { waiting }]) => waiting.some(({ share }) => share.job === job))
      .map(([silo]) => silo)
      .sort();
  }

  /** The job is over: its time no longer counts. */
  forget(job: number): void {
    for (const { spent } of this.#silos.values()) spent.delete(job);
  }

  #queueOf(silo: string): SiloQueue {
    const known = this.#silos.get(silo);
    if (known !== undefined) return known;
    const queue: SiloQueue = { running: 0, waiting: [], spent: new Map() };
    this.#silos.set(silo, queue);
    return queue;
  }

  async #turn(queue: SiloQueue, share: JobShare, signal: AbortSignal): Promise<void> {
    throwIfAborted(signal);
    if (queue.running < this.#places && queue.waiting.length === 0) {
      queue.running++;
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiting: Waiting = { share, begin: resolve };
    queue.waiting.push(waiting);
    const abort = (): void => {
      const at = queue.waiting.indexOf(waiting);
      if (at < 0) return;
      queue.waiting.splice(at, 1);
      reject(signal.reason);
    };
    signal.addEventListener('abort', abort, { once: true });
    try {
      await promise;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  #next(queue: SiloQueue): void {
    const first = queue.waiting.reduce<Waiting | undefined>(
      (best, each) => (best === undefined || goesBefore(queue, each, best) ? each : best),
      undefined,
    );
    if (first === undefined || queue.running >= this.#places) return;
    queue.waiting.splice(queue.waiting.indexOf(first), 1);
    queue.running++;
    first.begin();
  }
}

function goesBefore({ spent }: SiloQueue, { share: a }: Waiting, { share: b }: Waiting): boolean {
  if (a.priority !== b.priority) return a.priority > b.priority;
  return (spent.get(a.job) ?? 0) < (spent.get(b.job) ?? 0);
}
