/** Table statistics with their age: fetched from all silos at once under a deadline, never by counting rows. */
import type { TableName, TableStatistics } from '../../connectors/connector.ts';
import { messageOf } from '../../src/plan/errors.ts';
import type { Scan } from '../../src/plan/nodes.ts';
import { sane } from './sane.ts';
import { tableKey } from './signature.ts';

export type TableReference = Pick<Scan, 'silo' | 'schema' | 'table' | 'version'>;

/** Asks the silo's own catalog. */
export type AskStatistics = (
  silo: string,
  table: TableName,
  signal: AbortSignal,
) => Promise<TableStatistics | undefined>;

export interface StoredStatistics {
  readonly statistics: TableStatistics | undefined;
  /** When it was fetched, milliseconds since 1970. */
  readonly at: number;
  /** When ANALYZE measured columns that the silo's catalog tells nothing of. */
  readonly measuredAt?: number;
}

/** Where statistics outlive the process; the catalog implements it. */
interface StatisticsStore {
  load(): Iterable<readonly [key: string, stored: StoredStatistics]>;
  save(key: string, stored: StoredStatistics): void;
  /** Drops every key that begins with `prefix`. */
  forget(prefix: string): void;
}

/** What planning one statement may use. */
export interface LoadedStatistics {
  readonly of: (table: TableReference) => TableStatistics | undefined;
  /** Silos that did not answer, absurd values, old statistics: for the user, as NOTICE. */
  readonly notices: readonly string[];
  /** Milliseconds that planning waited. */
  readonly waited: number;
}

export interface CacheOptions {
  /** Planning waits no longer than this for all silos together. */
  readonly deadlineMs?: number;
  /** Older statistics are still used, and fetched anew behind the scenes. */
  readonly freshMs?: number;
  /** Statistics older than this are worth a notice. */
  readonly staleMs?: number;
  readonly store?: StatisticsStore;
  readonly now?: () => number;
}

/** A silo that failed is not asked again for so long. */
const RETRY_AFTER_MS = 30_000;

export class StatisticsCache {
  readonly #entries = new Map<string, StoredStatistics>();
  readonly #failed = new Map<string, number>();
  readonly #running = new Map<string, Promise<string[]>>();
  #version = 0;
  readonly #ask: AskStatistics;
  readonly #options: Required<Omit<CacheOptions, 'store'>> & Pick<CacheOptions, 'store'>;

  constructor(ask: AskStatistics, options: CacheOptions = {}) {
    this.#ask = ask;
    this.#options = { deadlineMs: 300, freshMs: 3_600_000, staleMs: 7 * 86_400_000, now: Date.now, ...options };
    for (const [key, stored] of options.store?.load() ?? []) this.#entries.set(key, stored);
  }

  /** Grows with everything that becomes known or is forgotten. */
  get version(): number {
    return this.#version;
  }

  /** The statistics of all `tables`; what does not arrive within the deadline is planned with defaults. */
  async load(tables: Iterable<TableReference>, signal: AbortSignal): Promise<LoadedStatistics> {
    const started = performance.now();
    const now = this.#options.now();
    const notices: string[] = [];
    const missing: Promise<unknown>[] = [];
    const wanted = new Map<string, TableReference>();
    for (const table of tables) wanted.set(tableKey(table), table);
    for (const [key, table] of wanted) {
      const entry = this.#entries.get(key);
      if (entry?.measuredAt !== undefined && now - entry.measuredAt > this.#options.staleMs) {
        notices.push(`${key}: columns were measured ${days(now - entry.measuredAt)} days ago; run ANALYZE ${key}`);
      }
      if (entry !== undefined && now - entry.at <= this.#options.freshMs) continue;
      const failedAt = this.#failed.get(key);
      if (failedAt !== undefined && now - failedAt < RETRY_AFTER_MS) {
        if (entry === undefined) notices.push(`${key}: no statistics from the silo; defaults are used`);
        continue;
      }
      const fetching = this.#fetch(key, table).then((found) => notices.push(...found));
      if (entry === undefined) missing.push(fetching);
      else if (now - entry.at > this.#options.staleMs) {
        notices.push(`${key}: statistics are ${days(now - entry.at)} days old; run ANALYZE ${key}`);
      }
    }
    if (missing.length > 0) await this.#orDeadline(Promise.all(missing), signal);
    for (const key of wanted.keys()) {
      if (this.#running.has(key) && !this.#entries.has(key)) {
        notices.push(`${key}: no statistics within ${this.#options.deadlineMs} ms; defaults are used`);
      }
    }
    // What arrives later must not change a plan in the making.
    const snapshot = new Map([...wanted.keys()].map((key) => [key, this.#entries.get(key)?.statistics]));
    return {
      of: (table) => snapshot.get(tableKey(table)),
      notices,
      waited: performance.now() - started,
    };
  }

  /**
   * `ANALYZE silo.table`: asks the silo now and waits for its answer.
   * @param measure measures what the silo's catalog does not know
   * @throws whatever the silo answers with
   */
  async refresh(
    table: TableReference,
    signal: AbortSignal,
    measure?: (known: TableStatistics | undefined) => Promise<TableStatistics>,
  ): Promise<LoadedStatistics> {
    const started = performance.now();
    const key = tableKey(table);
    const known = await this.#ask(table.silo, table, signal);
    const reported = measure === undefined ? known : { ...known, ...(await measure(known)) };
    const { statistics, notices } = sane(key, reported);
    this.#keep(key, statistics, measure === undefined ? undefined : this.#options.now());
    return { of: () => statistics, notices, waited: performance.now() - started };
  }

  /** Forgets everything about a silo: it was dropped, or its tables changed. */
  forget(silo: string): void {
    this.#options.store?.forget(`${silo}.`);
    this.#version++;
    for (const key of [...this.#entries.keys(), ...this.#failed.keys()]) {
      if (!key.startsWith(`${silo}.`)) continue;
      this.#entries.delete(key);
      this.#failed.delete(key);
    }
  }

  /** Age in milliseconds, or undefined when the table was never asked for. */
  ageOf(table: TableReference): number | undefined {
    const entry = this.#entries.get(tableKey(table));
    return entry === undefined ? undefined : this.#options.now() - entry.at;
  }

  #keep(key: string, statistics: TableStatistics | undefined, measuredAt?: number): void {
    const stored = {
      statistics,
      at: this.#options.now(),
      ...(measuredAt === undefined ? {} : { measuredAt }),
    };
    this.#version++;
    this.#entries.set(key, stored);
    this.#failed.delete(key);
    this.#options.store?.save(key, stored);
  }

  /** What the catalog says now; what was measured of the columns stays what is known of them. */
  #keepFetched(key: string, statistics: TableStatistics | undefined): void {
    const before = this.#entries.get(key);
    if (before?.measuredAt === undefined || statistics === undefined) {
      this.#keep(key, statistics);
    } else {
      const columns = { ...before.statistics?.columns, ...statistics.columns };
      this.#keep(key, { ...statistics, columns }, before.measuredAt);
    }
  }

  /** One call per table at a time; it outlives the statement that started it, so that the next one profits. */
  #fetch(key: string, table: TableReference): Promise<string[]> {
    const running = this.#running.get(key);
    if (running !== undefined) return running;
    const fetching = this.#ask(table.silo, table, AbortSignal.timeout(60_000))
      .then((reported) => {
        const { statistics, notices } = sane(key, reported);
        this.#keepFetched(key, statistics);
        return [...notices];
      })
      .catch((error: unknown) => {
        this.#failed.set(key, this.#options.now());
        return [`${key}: ${messageOf(error)}; default statistics are used`];
      })
      .finally(() => this.#running.delete(key));
    this.#running.set(key, fetching);
    return fetching;
  }

  async #orDeadline(work: Promise<unknown>, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { promise: over, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, this.#options.deadlineMs);
    signal.addEventListener('abort', () => resolve(), { once: true });
    await Promise.race([work, over]);
    clearTimeout(timer);
    signal.throwIfAborted();
  }
}

const days = (milliseconds: number): number => Math.round(milliseconds / 86_400_000);
