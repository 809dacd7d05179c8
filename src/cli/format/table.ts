/** Aligned columns, as psql prints them. */
import type { ResultColumn } from '../../../connectors/connector.ts';
import { isNumeric } from '../../plan/types.ts';
import type { Formatter, Write } from './formatter.ts';

/** Rows that are measured before the first is printed; wider cells after them stick out. */
const MEASURED_ROWS = 10_000;

export function tableFormatter(write: Write): Formatter {
  let columns: readonly ResultColumn[] = [];
  let held: (readonly (string | null)[])[] = [];
  let widths: number[] | undefined;
  let count = 0;

  const line = (cells: readonly (string | null)[]): string =>
    cells
      .map((cell, i) => {
        const text = (cell ?? '').replaceAll('\n', ' ↵ ');
        const pad = ' '.repeat(Math.max(0, widths![i]! - width(text)));
        const right = isNumeric(columns[i]!.type);
        return right ? pad + text : i === cells.length - 1 ? text : text + pad;
      })
      .join(' │ ');

  const flush = (): void => {
    if (widths !== undefined) return;
    widths = columns.map(({ name }, i) =>
      held.reduce((most, row) => Math.max(most, width((row[i] ?? '').replaceAll('\n', ' ↵ '))), width(name)),
    );
    write(`${line(columns.map(({ name }) => name))}\n`);
    write(`${widths.map((w) => '─'.repeat(w)).join('─┼─')}\n`);
    for (const row of held) write(`${line(row)}\n`);
    held = [];
  };

  return {
    begin(next) {
      columns = next;
      held = [];
      widths = undefined;
      count = 0;
    },
    row(cells) {
      count++;
      if (widths !== undefined) write(`${line(cells)}\n`);
      else if (held.push(cells) >= MEASURED_ROWS) flush();
    },
    end(tag) {
      if (columns.length === 0) {
        write(`${tag}\n`);
        return;
      }
      flush();
      write(`(${count} ${count === 1 ? 'row' : 'rows'})\n\n`);
    },
  };
}

/** Columns that a text takes on a terminal: East Asian wide characters and emoji take two, combining marks none. */
function width(text: string): number {
  let columns = 0;
  for (const char of text) {
    if (/\p{M}|\u200d|\ufe0f/u.test(char)) continue;
    columns +=
      /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Extended_Pictographic}/u.test(
        char,
      )
        ? 2
        : 1;
  }
  return columns;
}
