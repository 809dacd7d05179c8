/** RFC 4180, a header line, NULL as an empty field and the empty string quoted (as PostgreSQL's COPY … CSV). */
import type { Formatter, Write } from './formatter.ts';

export function csvFormatter(write: Write): Formatter {
  let any = false;
  const field = (text: string | null): string => {
    if (text === null) return '';
    return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return {
    begin(columns) {
      any = columns.length > 0;
      if (any) write(`${columns.map(({ name }) => field(name)).join(',')}\n`);
    },
    row: (cells) => write(`${cells.map(field).join(',')}\n`),
    end(tag) {
      if (!any) write(`${tag}\n`);
    },
  };
}
