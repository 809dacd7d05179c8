/** PostgreSQL's regular expressions (ARE) and SIMILAR TO patterns as JavaScript's. */

const CLASSES: Readonly<Record<string, string>> = {
  alpha: '\\p{L}',
  digit: '\\d',
  alnum: '\\p{L}\\d',
  upper: '\\p{Lu}',
  lower: '\\p{Ll}',
  space: '\\s',
  punct: '!-\\/:-@\\[-`{-~',
  xdigit: '0-9A-Fa-f',
};

/** A regular expression; flags `i` and `n`/`m`/`s` as in PostgreSQL (the dot matches newlines unless `n` is given). */
function postgresRegExp(pattern: string, flags: string): RegExp {
  const body = pattern
    .replace(/\[:(\w+):\]/g, (whole, name: string) => CLASSES[name] ?? whole)
    .replace(/\\m/g, '\\b(?=\\w)')
    .replace(/\\M/g, '\\b(?<=\\w)')
    .replace(/\\y/g, '\\b')
    .replace(/\\A/g, '^')
    .replace(/\\Z/g, '$');
  const newline = /[nm]/.test(flags);
  return new RegExp(body, `u${flags.includes('i') ? 'i' : ''}${newline ? 'm' : 's'}`);
}

/** regexp_match: the captured groups, or the whole match when there are none; null without a match. */
export function matchGroups(text: string, pattern: string, flags: string): (string | null)[] | null {
  const found = postgresRegExp(pattern, flags).exec(text);
  if (found === null) return null;
  return found.length === 1 ? [found[0]] : found.slice(1).map((group) => group ?? null);
}

/** A SIMILAR TO pattern as a regular expression that must match the whole text. */
export function similarPattern(pattern: string, escapeCharacter: string): string {
  let out = '';
  let inBrackets = false;
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i]!;
    if (c === escapeCharacter && escapeCharacter !== '' && i + 1 < pattern.length) out += `\\${pattern[++i]}`;
    else if (inBrackets) {
      out += c;
      inBrackets = c !== ']';
    } else if (c === '[') {
      out += c;
      inBrackets = true;
    } else if (c === '%') out += '(?s:.*)';
    else if (c === '_') out += '(?s:.)';
    else if (/[.^$]/.test(c)) out += `\\${c}`;
    else out += c;
  }
  return `(?:${out})`;
}
