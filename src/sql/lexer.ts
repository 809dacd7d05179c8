/**
 * A token stream with PostgreSQL's lexical rules (its manual, §4.1): quoted identifiers, `E''`, `U&''`, `B''`, `$tag$`,
 * nested comments, `$1`, and operators cut where PostgreSQL cuts them.
 */
import { CausewayError, type Position, SQLSTATE } from '../plan/errors.ts';

/**
 * `word`: an unquoted identifier or keyword · `quoted`: `"…"` · `string`: any text literal · `bits`: `B''` and `X''` ·
 * `parameter`: `$1` · `symbol`: operators and punctuation · `end`: one after the last token.
 */
export type TokenKind = 'word' | 'quoted' | 'string' | 'bits' | 'number' | 'parameter' | 'symbol' | 'end';

export interface Token {
  readonly kind: TokenKind;
  /** As it stands in the text. */
  readonly raw: string;
  /**
   * What it means: a word in lower case, a quoted identifier or string without quotes and escapes, the number of a
   * parameter, bits with their `b`/`x` prefix, else the raw text.
   */
  readonly value: string;
  /** UTF-16 offset of the first unit. */
  readonly start: number;
  /** UTF-16 offset after the last unit. */
  readonly end: number;
}

/** Line and column (from 1) of an offset. `base` is where `text` itself begins in a larger text. */
export function positionAt(text: string, offset: number, base?: Position): Position {
  let line = 1;
  let lineStart = 0;
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) {
    line++;
    lineStart = at + 1;
  }
  const column = offset - lineStart + 1;
  if (base === undefined) return { offset, line, column };
  return {
    offset: base.offset + offset,
    line: base.line + line - 1,
    column: line === 1 ? base.column + column - 1 : column,
  };
}

const SPACE = /(?:\s|--[^\n]*)+/y;
const WORD = /[\p{L}_\u0080-\uFFFF][\p{L}\p{N}_$\u0080-\uFFFF]*/uy;
const NUMBER =
  /0[xX](?:_?[0-9a-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+|(?:\d(?:_?\d)*(?:\.(?!\.)(?:\d(?:_?\d)*)?)?|\.\d(?:_?\d)*)(?:[eE][+-]?\d(?:_?\d)*)?/y;
const PARAMETER = /\$\d+/y;
const DOLLAR_QUOTE = /\$(?:[\p{L}_][\p{L}\p{N}_]*)?\$/uy;
const PLAIN_STRING = /'(?:[^']|'')*'/y;
const ESCAPE_STRING = /'(?:[^'\\]|\\[\s\S]|'')*'/y;
const QUOTED = /"(?:[^"]|"")*"/y;
/** Two literals with a newline between them are one literal. */
const CONTINUATION = /[^\S\n]*(?:--[^\n]*)?\n(?:\s|--[^\n]*)*(?=')/y;
const OPERATOR = /[-+*/<>=~!@#%^&|`?]+/y;
const PUNCTUATION = /::|:=|\.\.|[()[\],;.:{}]/y;

/**
 * Cuts a text into tokens, the last of which is of kind `end`.
 * @param base where the text begins in a larger one, for error positions
 * @throws CausewayError 42601 with a position for an unterminated literal, comment or identifier, or a stray character
 */
export function tokenize(text: string, base?: Position): readonly Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const fail = (message: string, offset: number): never => {
    throw new CausewayError(SQLSTATE.syntaxError, message, { position: positionAt(text, offset, base) });
  };
  const match = (pattern: RegExp, from = at): string | undefined => {
    pattern.lastIndex = from;
    return pattern.exec(text)?.[0];
  };
  const push = (kind: TokenKind, end: number, value?: string): void => {
    const raw = text.slice(at, end);
    tokens.push({ kind, raw, value: value ?? raw, start: at, end });
    at = end;
  };
  /** The pieces of a literal that begins at `from`, joined over newlines; its end. */
  const literal = (pattern: RegExp, from: number): { body: string; end: number } => {
    const first = match(pattern, from) ?? fail('unterminated quoted string', at);
    let body = first.slice(1, -1);
    let end = from + first.length;
    for (let gap = match(CONTINUATION, end); gap !== undefined; gap = match(CONTINUATION, end)) {
      const next = match(pattern, end + gap.length) ?? fail('unterminated quoted string', at);
      body += next.slice(1, -1);
      end += gap.length + next.length;
    }
    return { body, end };
  };

  while (at < text.length) {
    const space = match(SPACE);
    if (space !== undefined) {
      at += space.length;
      continue;
    }
    if (text.startsWith('/*', at)) {
      at = commentEnd(text, at) ?? fail('unterminated /* comment', at);
      continue;
    }
    const char = text[at]!;
    const prefix = /^(?:[eEbBxXnN]|[uU]&)(?=')/.exec(text.slice(at, at + 3))?.[0].toLowerCase();
    if (char === "'" || prefix !== undefined) {
      const { body, end } = literal(prefix === 'e' ? ESCAPE_STRING : PLAIN_STRING, at + (prefix?.length ?? 0));
      const plain = body.replaceAll("''", "'");
      if (prefix === 'e') push('string', end, backslashed(body));
      else if (prefix === 'u&') push('string', end, unicode(plain));
      else if (prefix === 'b' || prefix === 'x') push('bits', end, prefix + body);
      else push('string', end, plain);
      continue;
    }
    if (char === '"' || /^[uU]&"/.test(text.slice(at, at + 3))) {
      const skip = char === '"' ? 0 : 2;
      const found = match(QUOTED, at + skip) ?? fail('unterminated quoted identifier', at);
      if (found === '""') fail('zero-length delimited identifier', at);
      const name = found.slice(1, -1).replaceAll('""', '"');
      push('quoted', at + skip + found.length, skip === 0 ? name : unicode(name));
      continue;
    }
    const dollar = match(DOLLAR_QUOTE);
    if (dollar !== undefined) {
      const close = text.indexOf(dollar, at + dollar.length);
      if (close === -1) fail('unterminated dollar-quoted string', at);
      push('string', close + dollar.length, text.slice(at + dollar.length, close));
      continue;
    }
    const word = match(WORD);
    if (word !== undefined) {
      push('word', at + word.length, word.toLowerCase());
      continue;
    }
    const number = match(NUMBER);
    if (number !== undefined) {
      const end = at + number.length;
      if (match(WORD, end) !== undefined) fail(`trailing junk after numeric literal at or near "${number}"`, at);
      push('number', end, number.replaceAll('_', ''));
      continue;
    }
    const parameter = match(PARAMETER);
    if (parameter !== undefined) {
      push('parameter', at + parameter.length, parameter.slice(1));
      continue;
    }
    const symbol = match(PUNCTUATION) ?? operator(match(OPERATOR));
    if (symbol === undefined) fail(`syntax error at or near "${String.fromCodePoint(text.codePointAt(at)!)}"`, at);
    else push('symbol', at + symbol.length);
  }
  tokens.push({ kind: 'end', raw: '', value: '', start: text.length, end: text.length });
  return tokens;
}

/** One statement of a script. */
export interface StatementText {
  readonly text: string;
  /** Where it begins in the script. */
  readonly position: Position;
}

/** Cuts a script at its semicolons; empty statements are left out. */
export function splitStatements(text: string): readonly StatementText[] {
  const statements: StatementText[] = [];
  // Each place is counted from the one before: from the beginning it would take the square of a long script's lines.
  let position: Position = { offset: 0, line: 1, column: 1 };
  const positionOf = (offset: number): Position => {
    position = positionAt(text.slice(position.offset, offset), offset - position.offset, position);
    return position;
  };
  let first: Token | undefined;
  let last: Token | undefined;
  for (const token of tokenize(text)) {
    const ends = token.kind === 'end' || (token.kind === 'symbol' && token.raw === ';');
    if (!ends) {
      first ??= token;
      last = token;
    } else if (first !== undefined && last !== undefined) {
      statements.push({ text: text.slice(first.start, last.end), position: positionOf(first.start) });
      first = undefined;
    }
  }
  return statements;
}

/** `name` as it must be written to mean itself: quoted where folding or the grammar would change it. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** `text` as a standard string literal. */
export function quoteLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** The longest prefix that PostgreSQL takes as one operator. */
function operator(run: string | undefined): string | undefined {
  if (run === undefined) return undefined;
  const comment = run.search(/--|\/\*/);
  let found = comment > 0 ? run.slice(0, comment) : run;
  if (!/[~!@#%^&|`?]/.test(found)) while (found.length > 1 && /[-+]$/.test(found)) found = found.slice(0, -1);
  return found;
}

/** Comments nest. Undefined when one has no end. */
function commentEnd(text: string, start: number): number | undefined {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    if (text.startsWith('/*', at)) {
      depth++;
      at++;
    } else if (text.startsWith('*/', at)) {
      depth--;
      at++;
      if (depth === 0) return at + 1;
    }
  }
  return undefined;
}

const ESCAPES: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

/** The backslash escapes of `E'…'`. */
function backslashed(body: string): string {
  return body.replace(
    /''|\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{1,2})|([0-7]{1,3})|([\s\S]))/g,
    (_, short?: string, long?: string, hex?: string, octal?: string, char?: string) => {
      if (char !== undefined) return ESCAPES[char] ?? char;
      if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8));
      const code = short ?? long ?? hex;
      return code === undefined ? "'" : String.fromCodePoint(Number.parseInt(code, 16));
    },
  );
}

/** The escapes of `U&'…'` with the default escape character. */
function unicode(body: string): string {
  return body.replace(/\\(?:\+([0-9a-fA-F]{6})|([0-9a-fA-F]{4})|\\)/g, (_, long?: string, short?: string) => {
    const code = long ?? short;
    return code === undefined ? '\\' : String.fromCodePoint(Number.parseInt(code, 16));
  });
}
