/** `COPY (query) TO STDOUT` and `COPY table [(columns)] TO STDOUT`, with options in the new or the old spelling. */
import { CausewayError, SQLSTATE } from '../../plan/errors.ts';
import type { Cursor } from '../../sql/statements/cursor.ts';
import { CONDITION } from '../wire/conditions.ts';

export interface CopyOptions {
  readonly format: 'text' | 'csv' | 'binary';
  readonly delimiter: string;
  readonly null: string;
  readonly header: boolean;
  readonly quote: string;
  readonly escape: string;
  /** Columns always quoted in CSV; `*` for all. */
  readonly forceQuote: readonly string[];
}

export interface CopyOut {
  readonly kind: 'copy-out';
  readonly query: string;
  /** Where the query begins in the statement. */
  readonly offset: number;
  readonly options: CopyOptions;
}

/** @throws CausewayError 42601, 25006 for COPY FROM, 0A000 for files and programs */
export function copyOut(cursor: Cursor): CopyOut {
  cursor.accept('copy');
  const { start } = cursor.token;
  let query: string;
  let offset = start;
  if (cursor.at('(')) {
    const end = skipParentheses(cursor);
    query = cursor.text.slice(start + 1, end);
    offset = start + 1;
  } else {
    cursor.name('a table');
    while (cursor.accept('.')) cursor.name('a table');
    const table = cursor.text.slice(start, cursor.token.start).trim();
    let columns = '*';
    if (cursor.at('(')) {
      const open = cursor.token.end;
      columns = cursor.text.slice(open, skipParentheses(cursor));
    }
    query = `SELECT ${columns} FROM ${table}`;
  }
  if (cursor.expect('to', 'from') === 'from') {
    throw new CausewayError(CONDITION.readOnlyTransaction, 'cannot execute COPY FROM in a read-only transaction');
  }
  if (!cursor.accept('stdout')) {
    throw cursor.error(SQLSTATE.featureNotSupported, 'COPY writes to STDOUT only', cursor.token.start);
  }
  cursor.accept('with');
  const options = cursor.at('(') ? newOptions(cursor) : oldOptions(cursor);
  cursor.end();
  return { kind: 'copy-out', query, offset, options: withDefaults(options, cursor) };
}

/** Skips a balanced parenthesis; the offset of its closing one. */
function skipParentheses(cursor: Cursor): number {
  let depth = 0;
  for (;;) {
    const { kind, value, start } = cursor.token;
    if (kind === 'end') throw cursor.unexpected([')']);
    if (kind === 'symbol' && value === '(') depth++;
    if (kind === 'symbol' && value === ')') depth--;
    cursor.skip();
    if (depth === 0) return start;
  }
}

type Given = Partial<Record<'format' | 'delimiter' | 'null' | 'quote' | 'escape', string>> & {
  header?: boolean;
  forceQuote?: string[];
};

function newOptions(cursor: Cursor): Given {
  const given: Given = {};
  cursor.expect('(');
  do {
    const name = cursor.name('an option').value;
    switch (name) {
      case 'format':
        given.format = cursor.name('text, csv or binary').value;
        break;
      case 'header':
        given.header = headerValue(cursor);
        break;
      case 'delimiter':
      case 'null':
      case 'quote':
      case 'escape':
        given[name] = cursor.string('a string').value;
        break;
      case 'force_quote':
        given.forceQuote = quotedColumns(cursor);
        break;
      case 'encoding':
        cursor.string('an encoding');
        break;
      default:
        throw cursor.error(SQLSTATE.syntaxError, `option "${name}" not recognized`, cursor.token.start);
    }
  } while (cursor.accept(','));
  cursor.expect(')');
  return given;
}

function headerValue(cursor: Cursor): boolean {
  if (cursor.at(',') || cursor.at(')')) return true;
  const { value } = cursor.value();
  return value === true || value === 1 || (typeof value === 'string' && /^(on|true|1|match)$/i.test(value));
}

function quotedColumns(cursor: Cursor): string[] {
  if (cursor.accept('*')) return ['*'];
  const names: string[] = [];
  cursor.expect('(');
  do names.push(cursor.name('a column').value);
  while (cursor.accept(','));
  cursor.expect(')');
  return names;
}

/** `WITH CSV HEADER DELIMITER ',' NULL ''`, as before PostgreSQL 9. */
function oldOptions(cursor: Cursor): Given {
  const given: Given = {};
  while (cursor.token.kind === 'word') {
    const word = cursor.expect('binary', 'csv', 'header', 'delimiter', 'null', 'quote', 'escape', 'force');
    switch (word) {
      case 'binary':
      case 'csv':
        given.format = word;
        break;
      case 'header':
        given.header = true;
        break;
      case 'force':
        cursor.expect('quote');
        given.forceQuote = cursor.accept('*') ? ['*'] : [cursor.name('a column').value];
        while (cursor.accept(',')) given.forceQuote.push(cursor.name('a column').value);
        break;
      default:
        cursor.accept('as');
        given[word as 'delimiter'] = cursor.string('a string').value;
    }
  }
  return given;
}

function withDefaults(given: Given, cursor: Cursor): CopyOptions {
  const format = given.format ?? 'text';
  if (format !== 'text' && format !== 'csv' && format !== 'binary') {
    throw cursor.error(SQLSTATE.invalidParameterValue, `COPY format "${format}" not recognized`, 0);
  }
  const csv = format === 'csv';
  const quote = given.quote ?? '"';
  const options: CopyOptions = {
    format,
    delimiter: given.delimiter ?? (csv ? ',' : '\t'),
    null: given.null ?? (csv ? '' : '\\N'),
    header: given.header ?? false,
    quote,
    escape: given.escape ?? quote,
    forceQuote: given.forceQuote ?? [],
  };
  if (Buffer.byteLength(options.delimiter) !== 1) {
    throw cursor.error(SQLSTATE.featureNotSupported, 'COPY delimiter must be a single one-byte character', 0);
  }
  if (Buffer.byteLength(options.quote) !== 1 || Buffer.byteLength(options.escape) !== 1) {
    throw cursor.error(SQLSTATE.featureNotSupported, 'COPY quote and escape must be single one-byte characters', 0);
  }
  return options;
}
