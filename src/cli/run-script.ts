/** Runs a script on a session and prints what it answers. */
import type { Session } from '../engine/session.ts';
import { resultRows } from './cells.ts';
import { csvFormatter } from './format/csv.ts';
import type { FormatName, Formatter, Write } from './format/formatter.ts';
import { jsonFormatter } from './format/json.ts';
import { tableFormatter } from './format/table.ts';
import { ProgressLine } from './progress.ts';
import { describeError } from './report-error.ts';

const FORMATTERS: Readonly<Record<FormatName, (write: Write) => Formatter>> = {
  table: tableFormatter,
  csv: csvFormatter,
  json: jsonFormatter,
};

/** @returns false when a statement failed: what follows it was not run, its error is on stderr */
export async function runScript(
  session: Session,
  text: string,
  format: FormatName,
  signal: AbortSignal,
  write: Write = (chunk) => process.stdout.write(chunk),
): Promise<boolean> {
  const formatter = FORMATTERS[format](write);
  const progress = new ProgressLine();
  try {
    const results = session.execute(text, {
      signal,
      onNotice(notice) {
        if (notice.progress !== undefined) return progress.show(notice.progress);
        progress.end();
        process.stderr.write(`${notice.severity}: ${notice.message}\n`);
        if (notice.hint !== undefined) process.stderr.write(`HINT: ${notice.hint}\n`);
      },
    });
    for await (const result of results) {
      formatter.begin(result.columns);
      for await (const cells of resultRows(result, session.settings.get('timezone'))) formatter.row(cells);
      formatter.end(result.tag);
    }
    return true;
  } catch (thrown) {
    progress.end();
    process.stderr.write(`${describeError(thrown, text)}\n`);
    return false;
  }
}
