/** The interactive prompt: statements over several lines, history kept in the catalog directory, Ctrl-C cancels. */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Session } from '../engine/session.ts';
import { splitStatements } from '../sql/lexer.ts';
import type { FormatName } from './format/formatter.ts';
import { runScript } from './run-script.ts';

const HISTORY_LINES = 1000;

export async function prompt(session: Session, directory: string, format: FormatName): Promise<void> {
  const historyFile = join(directory, 'history');
  const history = existsSync(historyFile) ? readFileSync(historyFile, 'utf8').split('\n').filter(Boolean) : [];
  const terminal = createInterface({
    input: process.stdin,
    output: process.stdout,
    history: history.slice(-HISTORY_LINES).reverse(),
    historySize: HISTORY_LINES,
    prompt: 'causeway=> ',
  });
  let pending = '';
  let running: AbortController | undefined;
  terminal.on('SIGINT', () => {
    if (running !== undefined) return running.abort();
    if (pending === '' && terminal.line === '') return terminal.close();
    pending = '';
    process.stdout.write('\n');
    terminal.setPrompt('causeway=> ');
    terminal.prompt();
  });
  process.stdout.write('Type SQL, ended by a semicolon. Ctrl-C cancels a statement, Ctrl-D leaves.\n');
  terminal.prompt();
  for await (const line of terminal) {
    if (pending === '' && /^\s*(\\q|quit|exit)\s*;?\s*$/.test(line)) break;
    pending += (pending === '' ? '' : '\n') + line;
    if (isComplete(pending)) {
      const text = pending;
      pending = '';
      if (text.trim() !== '') appendFileSync(historyFile, `${text.replaceAll('\n', ' ').trim()}\n`, { mode: 0o600 });
      running = new AbortController();
      await runScript(session, text, format, running.signal);
      running = undefined;
    }
    terminal.setPrompt(pending === '' ? 'causeway=> ' : 'causeway-> ');
    terminal.prompt();
  }
  terminal.close();
}

/** A script is complete when its last token is a semicolon; a quote or comment that is still open is not an error here. */
function isComplete(text: string): boolean {
  if (text.trim() === '') return true;
  if (!text.trimEnd().endsWith(';')) return false;
  try {
    splitStatements(text);
    return true;
  } catch {
    return false;
  }
}
