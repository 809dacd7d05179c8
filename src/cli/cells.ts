/** A result's rows as text cells: the same encoders as the PostgreSQL endpoint's, so that a value looks the same everywhere. */

import { TimeZone } from '../endpoint/values/calendar.ts';
import { BatchRows } from '../endpoint/values/data-rows.ts';
import { DEFAULT_OUTPUT } from '../endpoint/values/output-settings.ts';
import { MessageWriter } from '../endpoint/wire/message-writer.ts';
import type { StatementResult } from '../engine/result.ts';

/** @param zone the session's TimeZone; UTC when absent */
export async function* resultRows(
  { columns, batches }: StatementResult,
  zone?: string,
): AsyncGenerator<(string | null)[]> {
  const output = zone === undefined ? DEFAULT_OUTPUT : { ...DEFAULT_OUTPUT, timeZone: new TimeZone(zone) };
  const writer = new MessageWriter();
  for await (const batch of batches) {
    const rows = new BatchRows(batch, columns, [], output);
    for (let row = 0; row < rows.length; row++) {
      writer.offset = 0;
      rows.write(writer, row, row + 1, 'none');
      const cells: (string | null)[] = [];
      for (let at = 0; at < writer.offset; ) {
        const length = writer.buffer.readInt32BE(at);
        at += 4;
        cells.push(length < 0 ? null : writer.buffer.toString('utf8', at, at + length));
        at += Math.max(0, length);
      }
      yield cells;
    }
  }
}
