/** What a running statement answers with, whoever answers. */
import type { FieldDescription } from '../wire/backend.ts';
import type { Format } from '../wire/frontend.ts';
import type { Sink } from './sink.ts';

export interface RowSource extends AsyncDisposable {
  /** Undefined for statements without rows. */
  readonly fields: readonly FieldDescription[] | undefined;
  /** As in Bind. */
  readonly formats: readonly Format[];
  /** Rows of the last `send`. */
  readonly sent: number;
  /** What CommandComplete says of the last `send`; empty for EmptyQueryResponse. */
  readonly tag: string;
  /** Sends up to `max` rows (0: all). True when there are no more; then the tag is final. */
  send(sink: Sink, max: number): Promise<boolean>;
}

/** A statement that is done and has no rows. */
export function done(tag: string): RowSource {
  return {
    fields: undefined,
    formats: [],
    tag,
    sent: 0,
    send: async () => true,
    [Symbol.asyncDispose]: async () => {},
  };
}
