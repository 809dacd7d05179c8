/** Rows of a catalog statement: they have all come, and are sent on as they are. */
import { type BackendMessage, readRowDescription, readTag } from '../oracle/messages.ts';
import type { FieldDescription } from '../wire/backend.ts';
import type { Format } from '../wire/frontend.ts';
import type { RowSource } from './row-source.ts';
import type { Sink } from './sink.ts';

export class OracleRows implements RowSource {
  readonly fields: readonly FieldDescription[] | undefined;
  readonly formats: readonly Format[];
  readonly #rows: readonly Buffer[];
  readonly #tag: string;
  #next = 0;
  #sent = 0;

  constructor(messages: readonly BackendMessage[], formats: readonly Format[]) {
    const description = messages.find(({ type }) => type === 'T');
    this.fields = description === undefined ? undefined : readRowDescription(description.body);
    this.formats = formats;
    // COPY's messages are sent like rows.
    this.#rows = messages.filter(({ type }) => 'DHdc'.includes(type)).map(({ raw }) => raw);
    const complete = messages.find(({ type }) => type === 'C');
    this.#tag = complete === undefined ? '' : readTag(complete.body);
  }

  get sent(): number {
    return this.#sent;
  }

  get tag(): string {
    return this.#tag.replace(/^SELECT \d+$/, `SELECT ${this.#sent}`);
  }

  async send(sink: Sink, max: number): Promise<boolean> {
    const start = this.#next;
    const end = max === 0 ? this.#rows.length : Math.min(this.#rows.length, start + max);
    while (this.#next < end) {
      sink.writer.bytes(this.#rows[this.#next++]!);
      await sink.drain();
    }
    this.#sent = end - start;
    // As PostgreSQL does: a full page suspends, even when it was the last one.
    return max === 0 || this.#sent < max;
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
