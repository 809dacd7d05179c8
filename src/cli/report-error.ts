/** An error as psql shows it: what, where with the line and a caret, and what to do next. */
import { CausewayError, messageOf } from '../plan/errors.ts';

/** @param text the script the error's position points into */
export function describeError(thrown: unknown, text?: string): string {
  if (!(thrown instanceof CausewayError)) return `ERROR: ${messageOf(thrown)}`;
  const lines = [`ERROR ${thrown.sqlstate}: ${thrown.message}`];
  if (thrown.position !== undefined && text !== undefined) {
    const { line, column } = thrown.position;
    const source = text.split('\n')[line - 1];
    if (source !== undefined) {
      // Long lines are cut around the place, so that the caret stays on the screen.
      const from = Math.max(0, column - 60);
      const label = `LINE ${line}:${column}: ${from > 0 ? '…' : ''}`;
      const shown = source.slice(from, from + 100).replaceAll('\t', ' ');
      lines.push(label + shown, `${' '.repeat(label.length + column - 1 - from)}^`);
    }
  }
  if (thrown.detail !== undefined) lines.push(`DETAIL: ${thrown.detail}`);
  if (thrown.hint !== undefined) lines.push(`HINT: ${thrown.hint}`);
  return lines.join('\n');
}
