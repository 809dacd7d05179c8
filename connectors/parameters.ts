/** Parameters of a fragment written into its text, for the ways of running that take none (COPY, relations). */
import type { SqlFragment } from './connector.ts';

/** Quoted texts, comments, and `$n` outside of them. */
const TOKENS = /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|\$(\d+)/g;

/**
 * The fragment's text with `$1` … as string literals, whose type the server infers as it does for parameters.
 * @param quote how the dialect writes a text; PostgreSQL's way when absent
 */
export function bindParameters(fragment: SqlFragment, quote: (text: string) => string = escaped): string {
  const values = fragment.parameters ?? [];
  if (values.length === 0) return fragment.text;
  return fragment.text.replace(TOKENS, (token, index?: string) => {
    if (index === undefined) return token;
    const value = values[Number(index) - 1];
    return value === null || value === undefined ? 'NULL' : quote(value);
  });
}

/** A string literal that is the same whatever standard_conforming_strings says. */
const escaped = (text: string): string =>
  text.includes('\\') ? `E'${text.replace(/[\\']/g, '$&$&')}'` : `'${text.replaceAll("'", "''")}'`;
