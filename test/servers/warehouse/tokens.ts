/** SQL texts as tokens, for test servers that translate a warehouse's dialect to DuckDB's word by word. */

export type TokenKind = 'string' | 'name' | 'word' | 'comment' | 'space' | 'other';

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
}

/** `backslash`: a backslash escapes in strings. `nameQuote`: what names in quotes begin and end with. */
export interface Lexicon {
  readonly backslash: boolean;
  readonly nameQuote: '"' | '`';
}

export function tokens(text: string, { backslash, nameQuote }: Lexicon): Token[] {
  const string = backslash ? String.raw`'(?:[^'\\]|''|\\[\s\S])*'` : `'(?:[^']|'')*'`;
  const pattern = new RegExp(
    [
      `(?<string>${string}|\\$\\$[\\s\\S]*?\\$\\$)`,
      `(?<name>${nameQuote}(?:[^${nameQuote}]|${nameQuote}${nameQuote})*${nameQuote})`,
      String.raw`(?<comment>--[^\n]*|//[^\n]*|/\*[\s\S]*?\*/)`,
      String.raw`(?<word>[A-Za-z_][\w$]*)`,
      String.raw`(?<space>\s+)`,
      String.raw`(?<other>[\s\S])`,
    ].join('|'),
    'gu',
  );
  return [...text.matchAll(pattern)].map(({ 0: token, groups }) => {
    const [kind] = Object.entries(groups!).find(([, value]) => value !== undefined) as [TokenKind, string];
    return { kind, text: token };
  });
}

/** What a string literal with backslash escapes means. */
export function stringValue(literal: string): string {
  if (literal.startsWith('$$')) return literal.slice(2, -2);
  return literal
    .slice(1, -1)
    .replace(/''|\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|[0-7]{1,3}|[\s\S])/g, (all, escaped?: string) => {
      if (escaped === undefined) return all === "''" ? "'" : all;
      if (/^[ux]../.test(escaped)) return String.fromCharCode(Number.parseInt(escaped.slice(1), 16));
      if (/^[0-7]/.test(escaped)) return String.fromCharCode(Number.parseInt(escaped, 8));
      return { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }[escaped] ?? escaped;
    });
}

/** A text as DuckDB's string literal. */
export const duckdbString = (value: string): string => `'${value.replaceAll("'", "''")}'`;
