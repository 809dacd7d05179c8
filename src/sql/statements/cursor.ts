/** A cursor over tokens: what the statement grammar is written with. Every refusal says where, and the nearest word. */
import { CausewayError, type Position, SQLSTATE } from '../../plan/errors.ts';
import { nearest } from '../../plan/nearest.ts';
import { positionAt, type Token, tokenize } from '../lexer.ts';
import type { Located, Option, OptionValue, QueryText } from './statement.ts';

/** How a query begins; `FROM t` alone is DuckDB's, and goes the long way round. */
export const QUERY_STARTS = ['select', 'with', 'values', 'table', 'from', '('] as const;

export class Cursor {
  readonly text: string;
  readonly #base: Position | undefined;
  readonly #tokens: readonly Token[];
  #at = 0;

  /** @param base where `text` begins in the script it was cut from */
  constructor(text: string, base?: Position) {
    this.text = text;
    this.#base = base;
    this.#tokens = tokenize(text, base);
  }

  get token(): Token {
    return this.#tokens[this.#at]!;
  }

  peek(ahead = 1): Token {
    return this.#tokens[Math.min(this.#at + ahead, this.#tokens.length - 1)]!;
  }

  /** True when the next tokens are these words (or symbols). */
  at(...words: readonly string[]): boolean {
    return words.every((word, i) => {
      const token = this.peek(i);
      return (token.kind === 'word' || token.kind === 'symbol') && token.value === word;
    });
  }

  /** Takes these words when they come next. */
  accept(...words: readonly string[]): boolean {
    if (!this.at(...words)) return false;
    this.#at += words.length;
    return true;
  }

  /** Takes the next token, whatever it is; at the end it stays there. */
  skip(): void {
    if (this.token.kind !== 'end') this.#at++;
  }

  /** Takes one of `words`, or refuses, naming what may stand here. */
  expect(...words: readonly string[]): string {
    for (const word of words) if (this.accept(word)) return word;
    throw this.unexpected(words.map((word) => (/^\w/.test(word) ? word.toUpperCase() : `"${word}"`)));
  }

  /** An identifier: a word as lower case, or a quoted name as it stands. */
  name(what: string): Located<string> {
    const token = this.token;
    if (token.kind !== 'word' && token.kind !== 'quoted') throw this.unexpected([what]);
    this.#at++;
    return { value: token.value, offset: token.start };
  }

  /** `(a, b, …)`. */
  names(what: string): Located<string>[] {
    this.expect('(');
    const names: Located<string>[] = [];
    do names.push(this.name(what));
    while (this.accept(','));
    this.expect(')', ',');
    return names;
  }

  string(what: string): Located<string> {
    const token = this.token;
    if (token.kind !== 'string') throw this.unexpected([what]);
    this.#at++;
    return { value: token.value, offset: token.start };
  }

  wholeNumber(what: string): Located<number> {
    const token = this.token;
    if (token.kind !== 'number' || !/^\d+$/.test(token.value)) throw this.unexpected([what]);
    this.#at++;
    return { value: Number(token.value), offset: token.start };
  }

  /** `(name => value, …)`; `=` or nothing may stand for `=>`. */
  options(): Option[] {
    this.expect('(');
    const options: Option[] = [];
    if (this.accept(')')) return options;
    do {
      const name = this.name('an option name');
      if (!this.accept('=>')) this.accept('=');
      options.push({ name, value: this.value() });
    } while (this.accept(','));
    this.expect(')', ',');
    return options;
  }

  /** A literal, or a list of literals. */
  value(): Located<OptionValue> {
    const offset = this.token.start;
    const array = this.accept('array');
    const close = this.accept('[') ? ']' : !array && this.accept('(') ? ')' : undefined;
    if (close === undefined) return { value: this.#literal(), offset };
    const list: (string | number | boolean)[] = [];
    do {
      const literal = this.#literal();
      if (literal === null) throw this.unexpected(['a value']);
      list.push(literal);
    } while (this.accept(','));
    this.expect(close, ',');
    return { value: list, offset };
  }

  #literal(): string | number | boolean | null {
    const negative = this.at('-') && this.peek().kind === 'number';
    if (negative) this.#at++;
    const token = this.token;
    this.#at++;
    if (token.kind === 'number') return (negative ? -1 : 1) * Number(token.value.replaceAll('_', ''));
    if (token.kind === 'string' || token.kind === 'quoted') return token.value;
    if (token.kind === 'word') {
      if (token.value === 'true' || token.value === 'false') return token.value === 'true';
      return token.value === 'null' ? null : token.value;
    }
    this.#at--;
    throw this.unexpected(['a value']);
  }

  /** True where a query begins: PostgreSQL's ways, and those of the mediator that go the long way round. */
  atQuery(): boolean {
    return QUERY_STARTS.some((word) => this.at(word));
  }

  /** The rest of the statement, a query. */
  query(): QueryText {
    const { start } = this.token;
    if (!this.atQuery()) throw this.unexpected(['SELECT']);
    this.#at = this.#tokens.length - 1;
    return { text: this.text.slice(start), offset: start };
  }

  /** The text up to `words` outside of brackets, or up to the end: an expression that another parser will read. */
  textUntil(...words: readonly string[]): Located<string> {
    const { start } = this.token;
    let depth = 0;
    let end = start;
    while (this.token.kind !== 'end' && !(depth === 0 && this.at(...words))) {
      if (this.at('(')) depth++;
      if (this.at(')')) depth--;
      end = this.token.start + this.token.raw.length;
      this.#at++;
    }
    if (end === start) throw this.unexpected(['a condition']);
    return { value: this.text.slice(start, end), offset: start };
  }

  end(): void {
    if (this.token.kind !== 'end') throw this.unexpected(['the end of the statement']);
  }

  /** A refusal of the token that comes next. */
  unexpected(expected: readonly string[]): CausewayError {
    const { kind, raw, start } = this.token;
    const found = kind === 'end' ? 'the statement ends' : `"${raw}" stands`;
    const one = expected.length > 1 ? `one of ${expected.join(', ')}` : expected[0];
    const near =
      kind === 'word'
        ? nearest(
            raw,
            expected.filter((word) => /^[A-Z]+$/.test(word)),
          )
        : undefined;
    return this.error(
      SQLSTATE.syntaxError,
      `syntax error: ${found} where ${one} was expected`,
      start,
      near === undefined ? undefined : `Did you mean ${near}?`,
    );
  }

  error(sqlstate: string, message: string, offset: number, hint?: string): CausewayError {
    const position = positionAt(this.text, offset, this.#base);
    return new CausewayError(sqlstate, message, hint === undefined ? { position } : { position, hint });
  }
}
