/** Rows of the engine: Arrow batches, pulled as the client takes them. */
import type { RecordBatch } from 'apache-arrow';
import type { ResultColumn } from '../../../connectors/connector.ts';
import type { StatementResult } from '../../engine/result.ts';
import { CausewayError, canceled } from '../../plan/errors.ts';
import { BatchRows } from '../values/data-rows.ts';
import { ROWS_PER_STEP } from '../values/encoded-column.ts';
import type { OutputSettings } from '../values/output-settings.ts';
import type { FieldDescription } from '../wire/backend.ts';
import type { Format } from '../wire/frontend.ts';
import type { RowSource } from './row-source.ts';
import type { Sink } from './sink.ts';

export interface EngineRowsOptions {
  readonly results: AsyncIterable<StatementResult>;
  readonly describe: (columns: readonly ResultColumn[]) => readonly FieldDescription[];
  readonly formats: readonly Format[];
  readonly output: OutputSettings;
  readonly signal: AbortSignal;
  readonly onRows?: (count: number) => void;
}

export class EngineRows implements RowSource {
  readonly fields: readonly FieldDescription[] | undefined;
  readonly formats: readonly Format[];
  readonly columns: readonly ResultColumn[];
  readonly #options: EngineRowsOptions;
  readonly #results: AsyncIterator<StatementResult>;
  readonly #batches: AsyncIterator<RecordBatch>;
  readonly #tag: string;
  #rows: BatchRows | undefined;
  #next = 0;
  #sent = 0;
  #ended = false;

  private constructor(options: EngineRowsOptions, results: AsyncIterator<StatementResult>, first?: StatementResult) {
    this.#options = options;
    this.#results = results;
    this.columns = first?.columns ?? [];
    this.fields = this.columns.length > 0 ? options.describe(this.columns) : undefined;
    this.formats = options.formats;
    this.#tag = first?.tag ?? '';
    this.#batches = (first?.batches ?? NO_BATCHES)[Symbol.asyncIterator]();
  }

  /** Starts the statement; resolves when its columns are known. */
  static async start(options: EngineRowsOptions): Promise<EngineRows> {
    const results = options.results[Symbol.asyncIterator]();
    const first = await beforeAbort(results.next(), options.signal);
    return new EngineRows(options, results, first.done ? undefined : first.value);
  }

  get sent(): number {
    return this.#sent;
  }

  get tag(): string {
    return this.#tag === 'SELECT' ? `SELECT ${this.#sent}` : this.#tag;
  }

  async send(sink: Sink, max: number): Promise<boolean> {
    this.#sent = 0;
    let left = max === 0 ? Number.POSITIVE_INFINITY : max;
    while (left > 0) {
      const rows = await this.nextRows();
      if (rows === undefined) return true;
      // A look at the sink after each step: a wide row may be a megabyte.
      const to = Math.min(rows.length, this.#next + ROWS_PER_STEP, this.#next + left);
      rows.write(sink.writer, this.#next, to, 'D');
      left -= to - this.#next;
      this.advance(to);
      await sink.drain();
    }
    return false;
  }

  /** The batch at hand and the first row in it that has not been taken; undefined at the end. */
  async nextRows(): Promise<BatchRows | undefined> {
    while (!this.#ended && (this.#rows === undefined || this.#next >= this.#rows.length)) {
      const next = await beforeAbort(this.#batches.next(), this.#options.signal);
      if (next.done) {
        this.#ended = true;
        this.#rows = undefined;
        // Runs what the engine does after the last row.
        await beforeAbort(this.#results.next(), this.#options.signal);
      } else {
        this.#rows = new BatchRows(next.value, this.columns, this.formats, this.#options.output);
        this.#next = 0;
      }
    }
    return this.#rows;
  }

  get next(): number {
    return this.#next;
  }

  /** Rows before `to` have been taken. */
  advance(to: number): void {
    this.#sent += to - this.#next;
    this.#options.onRows?.(to - this.#next);
    this.#next = to;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    // Not awaited: a source that is busy answers only when it looks at its signal.
    void Promise.resolve(this.#batches.return?.()).catch(() => {});
    void Promise.resolve(this.#results.return?.()).catch(() => {});
  }
}

const NO_BATCHES: AsyncIterable<RecordBatch> = (async function* () {})();

/** `promise`, or the reason of `signal`'s abort if that comes first. */
async function beforeAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const reason = () => (signal.reason instanceof CausewayError ? signal.reason : canceled(signal.reason));
  if (signal.aborted) {
    promise.catch(() => {});
    throw reason();
  }
  let onAbort: (() => void) | undefined;
  try {
    return await Promise.race([
      promise,
      new Promise<never>((_, reject) => {
        onAbort = () => reject(reason());
        signal.addEventListener('abort', onAbort, { once: true });
      }),
    ]);
  } finally {
    if (onAbort !== undefined) signal.removeEventListener('abort', onAbort);
    promise.catch(() => {});
  }
}
