/** A statement with its parameters, ready to run or running: what Bind makes, and DECLARE. */
import { CausewayError, canceled, SQLSTATE } from '../../plan/errors.ts';
import type { Movement } from '../statements/cursors.ts';
import type { Prepared } from './prepared.ts';
import type { RowSource } from './row-source.ts';
import { ScrollRows } from './scroll-rows.ts';
import type { Binding } from './session.ts';
import { DiscardingSink, type Sink } from './sink.ts';

export interface PortalOptions {
  /** It may go backwards. */
  readonly scroll?: boolean;
  /** It outlives its transaction. */
  readonly hold?: boolean;
}

export class Portal {
  readonly prepared: Prepared;
  readonly binding: Binding;
  readonly options: PortalOptions;
  /** Aborts its statement, in whichever Execute or FETCH it is. */
  readonly controller = new AbortController();
  #source: RowSource | undefined;
  #scroll: ScrollRows | undefined;
  #ended = false;
  #started = false;

  constructor(prepared: Prepared, binding: Binding, options: PortalOptions = {}) {
    this.prepared = prepared;
    this.binding = binding;
    this.options = options;
  }

  /** The running statement; `open` starts it at the first call. */
  async source(open: () => Promise<RowSource>): Promise<RowSource> {
    this.#started = true;
    this.#source ??= await open();
    return this.#source;
  }

  /** Its statement has sent its last row. */
  finished(): void {
    this.#ended = true;
  }

  /**
   * FETCH and MOVE: moves over rows, and sends them unless it is silent; how many.
   * @throws CausewayError 55000 when a cursor without SCROLL is asked to go back
   */
  async move(movement: Movement, sink: Sink | undefined, open: () => Promise<RowSource>): Promise<number> {
    const source = await this.source(open);
    const to = sink ?? new DiscardingSink();
    if (this.options.scroll) {
      this.#scroll ??= await ScrollRows.read(source);
      return this.#scroll.move(movement, to);
    }
    if (movement.kind !== 'forward') {
      throw new CausewayError(SQLSTATE.objectNotInPrerequisiteState, 'cursor can only scan forward', {
        hint: 'Declare it with SCROLL option to enable backward scan.',
      });
    }
    if (movement.count === 0 || this.#ended) return 0;
    this.#ended = await source.send(to, movement.count === Number.POSITIVE_INFINITY ? 0 : movement.count);
    return source.sent;
  }

  async close(): Promise<void> {
    // Nothing is left to stop when nothing began, or everything has come: the usual case, on every Sync.
    const running = this.#started && !this.#ended;
    if (running && !this.controller.signal.aborted) this.controller.abort(canceled('the portal was closed'));
    await this.#source?.[Symbol.asyncDispose]();
  }
}
