/**
 * States of the past: `events FOR VERSION AS OF 3` and `events FOR TIMESTAMP AS OF '…'` (SQL:2011 §7.6, in the words of
 * Delta Lake, Iceberg and Trino), which PostgreSQL's grammar does not know, as the name `"events@3"`, which it does.
 */
import { quoteIdentifier, type Token, tokenize } from '../lexer.ts';

/** The word after FOR. Which of them is written decides nothing: the value says what it is. */
const CLAUSES: ReadonlySet<string> = new Set(['version', 'timestamp', 'system_time', 'system_version']);

/** The text with every such clause folded into the table's name, padded so that all places in it stay what they are. */
export function versionsAsNames(text: string): string {
  if (!/\bfor\s+(?:version|timestamp|system_\w+)\s+as\s+of\b/i.test(text)) return text;
  const tokens = tokenize(text);
  const word = (token: Token | undefined): string | undefined => (token?.kind === 'word' ? token.value : undefined);
  let result = '';
  let copied = 0;
  for (let i = 0; i + 5 < tokens.length; i++) {
    const [table, forWord, clause, as, of] = tokens.slice(i, i + 5) as [Token, Token, Token, Token, Token];
    if (table.kind !== 'word' && table.kind !== 'quoted') continue;
    if (word(forWord) !== 'for' || !CLAUSES.has(word(clause) ?? '') || word(as) !== 'as' || word(of) !== 'of') continue;
    // `TIMESTAMP '2024-06-01'` and `DATE '2024-06-01'` are literals as well.
    const typed = word(tokens[i + 5]) !== undefined && tokens[i + 6]?.kind === 'string';
    const value = tokens[typed ? i + 6 : i + 5];
    if (value?.kind !== 'number' && value?.kind !== 'string') continue;
    result += text.slice(copied, table.start);
    result += quoteIdentifier(`${table.value}@${value.value}`).padEnd(value.end - table.start);
    copied = value.end;
  }
  return result + text.slice(copied);
}

/** A name as the table and the state of the past that it asks for. */
export function splitVersion(name: string): { readonly table: string; readonly version?: string } {
  const at = name.lastIndexOf('@');
  return at <= 0 ? { table: name } : { table: name.slice(0, at), version: name.slice(at + 1) };
}
