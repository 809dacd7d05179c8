/** The rows of a SCROLL cursor, all read at its first use, with a place among them. */
import { CausewayError } from '../../plan/errors.ts';
import type { Movement } from '../statements/cursors.ts';
import { CONDITION } from '../wire/conditions.ts';
import type { RowSource } from './row-source.ts';
import { CollectingSink, type Sink } from './sink.ts';

/** More would have to be kept for one cursor. */
const MOST_BYTES = 256 * 1024 * 1024;
const PAGE = 1000;

export class ScrollRows {
  readonly #rows: readonly Buffer[];
  /** Rows before the place: 0 is before the first, length + 1 after the last. */
  #place = 0;

  private constructor(rows: readonly Buffer[]) {
    this.#rows = rows;
  }

  /** @throws CausewayError 54000 when the result is too large to go back in it */
  static async read(source: RowSource): Promise<ScrollRows> {
    const sink = new CollectingSink();
    for (let end = false; !end; ) {
      end = await source.send(sink, PAGE);
      await sink.drain();
      if (sink.bytes <= MOST_BYTES) continue;
      throw new CausewayError(CONDITION.programLimitExceeded, 'the result is too large for a SCROLL cursor', {
        hint: 'Declare the cursor with NO SCROLL.',
      });
    }
    return new ScrollRows(sink.rows);
  }

  /** Moves, and sends the rows passed over; how many. */
  async move(movement: Movement, sink: Sink): Promise<number> {
    const passed = this.#pass(movement);
    for (const row of passed) {
      sink.writer.bytes(row);
      await sink.drain();
    }
    return passed.length;
  }

  #pass({ kind, count }: Movement): readonly Buffer[] {
    const last = this.#rows.length;
    switch (kind) {
      case 'forward': {
        if (count === 0) return this.#at(this.#place);
        const from = Math.min(this.#place, last);
        const end = Math.min(last, from + count);
        this.#place = from + count > last ? last + 1 : end;
        return this.#rows.slice(from, end);
      }
      case 'backward': {
        if (count === 0) return this.#at(this.#place);
        const end = Math.max(0, this.#place - 1);
        const from = Math.max(0, end - count);
        this.#place = count > end ? 0 : from + 1;
        return this.#rows.slice(from, end).reverse();
      }
      case 'absolute':
        this.#place = Math.max(0, Math.min(last + 1, count < 0 ? last + 1 + count : count));
        return this.#at(this.#place);
      case 'relative':
        this.#place = Math.max(0, Math.min(last + 1, this.#place + count));
        return this.#at(this.#place);
    }
  }

  #at(place: number): readonly Buffer[] {
    const row = this.#rows[place - 1];
    return row === undefined ? [] : [row];
  }
}
