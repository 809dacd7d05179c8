/** What a statement is to the endpoint: its own business (transactions, cursors, settings), a query, or the engine's. */
import { CausewayError, SQLSTATE } from '../../plan/errors.ts';
import { Cursor, QUERY_STARTS } from '../../sql/statements/cursor.ts';
import { CONDITION } from '../wire/conditions.ts';
import { type CopyOut, copyOut } from './copy.ts';
import { type CursorDeclaration, declareCursor, type FetchRows, fetchRows } from './cursors.ts';

export type Command =
  | { readonly kind: 'empty' }
  /** SELECT and its kin: the catalog's or the engine's, by what it reads. */
  | { readonly kind: 'query' }
  /** `SELECT 1`: how pools ask whether a connection lives, before every use of it. */
  | { readonly kind: 'constant'; readonly value: number }
  /** Only the engine knows it. */
  | { readonly kind: 'engine' }
  | { readonly kind: 'begin' | 'commit' | 'rollback'; readonly tag: string }
  | { readonly kind: 'savepoint' | 'release' | 'rollback-to'; readonly name: string }
  /** Accepted without effect: isolation and access mode of a reader, LISTEN, LOCK … */
  | { readonly kind: 'accepted'; readonly tag: string }
  | CursorDeclaration
  | FetchRows
  /** Without a name: all. */
  | { readonly kind: 'close' | 'deallocate'; readonly name?: string }
  | { readonly kind: 'prepare'; readonly name: string; readonly types: readonly string[]; readonly text: string }
  | { readonly kind: 'execute'; readonly name: string; readonly arguments: readonly string[] }
  | { readonly kind: 'discard'; readonly tag: string }
  | { readonly kind: 'set'; readonly local: boolean; readonly name: string; readonly text: string }
  | { readonly kind: 'show'; readonly name: string }
  | CopyOut;

/** Settings through which a session could leave its role, or write. */
const GUARDED = new Set([
  'role',
  'session_authorization',
  'default_transaction_read_only',
  'transaction_read_only',
  'allow_system_table_mods',
  'client_encoding',
]);

const WRITES = new Set(['update', 'delete', 'merge', 'truncate', 'vacuum', 'reindex', 'cluster']);
const QUERIES: ReadonlySet<string> = new Set(QUERY_STARTS);
const ENGINE_LISTS = new Set(['silo', 'silos', 'model', 'models', 'tables', 'jobs']);

/**
 * Reads one statement as far as the endpoint must understand it.
 * @throws CausewayError 42601 with a position, 25006 for a statement that writes
 */
export function parseCommand(text: string): Command {
  const cursor = new Cursor(text);
  const word = cursor.token.value;
  if (cursor.token.kind === 'end') return { kind: 'empty' };
  const constant = /^\s*select\s+(\d{1,9})\s*$/i.exec(text);
  if (constant) return { kind: 'constant', value: Number(constant[1]) };
  if (QUERIES.has(word) && cursor.token.kind !== 'quoted') {
    guardFunctions(text);
    return mentionsModels(text) ? { kind: 'engine' } : { kind: 'query' };
  }
  if (WRITES.has(word)) throw readOnly(word);
  switch (word) {
    case 'begin':
      return { kind: 'begin', tag: 'BEGIN' };
    case 'start':
      return { kind: 'begin', tag: 'START TRANSACTION' };
    case 'commit':
    case 'end':
      return { kind: 'commit', tag: 'COMMIT' };
    case 'rollback':
    case 'abort':
      return rollback(cursor);
    case 'savepoint':
      cursor.accept('savepoint');
      return { kind: 'savepoint', name: cursor.name('a savepoint').value };
    case 'release':
      cursor.accept('release');
      cursor.accept('savepoint');
      return { kind: 'release', name: cursor.name('a savepoint').value };
    case 'declare':
      return declareCursor(cursor);
    case 'fetch':
    case 'move':
      return fetchRows(cursor);
    case 'close':
    case 'deallocate':
      return closing(cursor, word);
    case 'prepare':
      return prepare(cursor);
    case 'execute':
      return execute(cursor);
    case 'discard':
      cursor.accept('discard');
      return {
        kind: 'discard',
        tag: `DISCARD ${cursor.expect('all', 'plans', 'sequences', 'temp', 'temporary').toUpperCase()}`,
      };
    case 'set':
    case 'reset':
      return setting(cursor, word);
    case 'show':
      return show(cursor);
    case 'copy':
      return copyOut(cursor);
    case 'listen':
    case 'unlisten':
    case 'notify':
      return { kind: 'accepted', tag: word.toUpperCase() };
    case 'lock':
      return { kind: 'accepted', tag: 'LOCK TABLE' };
    case 'create':
      if (
        /^\s*create\s+(?:(?:global|local)\s+)?(?:(?:temp|temporary|unlogged)\s+table|sequence|(?:unique\s+)?index)\b/i.test(
          text,
        )
      ) {
        throw readOnly('create');
      }
      return { kind: 'engine' };
    default:
      return { kind: 'engine' };
  }
}

const readOnly = (what: string): CausewayError =>
  new CausewayError(CONDITION.readOnlyTransaction, `cannot execute ${what.toUpperCase()} in a read-only transaction`, {
    hint: 'Causeway reads silos and never writes to them.',
  });

function rollback(cursor: Cursor): Command {
  cursor.expect('rollback', 'abort');
  if (!cursor.accept('work')) cursor.accept('transaction');
  if (!cursor.accept('to')) return { kind: 'rollback', tag: 'ROLLBACK' };
  cursor.accept('savepoint');
  return { kind: 'rollback-to', name: cursor.name('a savepoint').value };
}

function closing(cursor: Cursor, word: 'close' | 'deallocate'): Command {
  cursor.accept(word);
  if (word === 'deallocate') cursor.accept('prepare');
  if (cursor.accept('all')) return { kind: word };
  return { kind: word, name: cursor.name(word === 'close' ? 'a cursor' : 'a prepared statement').value };
}

function prepare(cursor: Cursor): Command {
  cursor.accept('prepare');
  if (cursor.accept('transaction')) {
    throw cursor.error(SQLSTATE.featureNotSupported, 'two-phase commit is not supported', 0);
  }
  const name = cursor.name('a statement name').value;
  const types = cursor.at('(') ? listOfTexts(cursor) : [];
  cursor.expect('as');
  return { kind: 'prepare', name, types, text: cursor.text.slice(cursor.token.start) };
}

function execute(cursor: Cursor): Command {
  cursor.accept('execute');
  const name = cursor.name('a prepared statement').value;
  const values = cursor.at('(') ? listOfTexts(cursor) : [];
  cursor.end();
  return { kind: 'execute', name, arguments: values };
}

/** `(a, f(b, c))` as the texts of its items. */
function listOfTexts(cursor: Cursor): string[] {
  cursor.expect('(');
  const items: string[] = [];
  let depth = 0;
  let { start } = cursor.token;
  for (;;) {
    const token = cursor.token;
    const end = depth === 0 && (token.value === ',' || token.value === ')') && token.kind === 'symbol';
    if (end) {
      items.push(cursor.text.slice(start, token.start).trim());
      cursor.expect(',', ')');
      if (token.value === ')') return items;
      start = cursor.token.start;
      continue;
    }
    if (token.kind === 'end') throw cursor.unexpected([')']);
    if (token.kind === 'symbol' && '(['.includes(token.value)) depth++;
    if (token.kind === 'symbol' && ')]'.includes(token.value)) depth--;
    cursor.skip();
  }
}

function setting(cursor: Cursor, word: 'set' | 'reset'): Command {
  const tag = word.toUpperCase();
  cursor.accept(word);
  if (word === 'set' && cursor.accept('transaction')) return { kind: 'accepted', tag };
  if (word === 'set' && cursor.accept('session', 'characteristics')) return { kind: 'accepted', tag };
  const local = word === 'set' && cursor.accept('local');
  if (!local && word === 'set') cursor.accept('session');
  if (cursor.accept('time', 'zone')) return { kind: 'set', local, name: 'timezone', text: cursor.text };
  if (cursor.accept('names')) return { kind: 'accepted', tag };
  if (cursor.accept('constraints')) return { kind: 'accepted', tag: 'SET CONSTRAINTS' };
  if (cursor.at('authorization')) throw cursor.error(SQLSTATE.insufficientPrivilege, 'the session keeps its user', 0);
  let name = cursor.name('a setting').value;
  while (cursor.accept('.')) name += `.${cursor.name('a setting').value}`;
  if (name.startsWith('causeway.')) return { kind: 'engine' };
  if (word === 'reset' && GUARDED.has(name)) return { kind: 'accepted', tag };
  if (name === 'role' && (cursor.accept('none') || cursor.accept('to', 'none') || cursor.accept('=', 'none'))) {
    return { kind: 'accepted', tag };
  }
  if (name === 'client_encoding') {
    if (/utf-?8|unicode|sql_ascii|default/i.test(cursor.text)) return { kind: 'accepted', tag };
    throw cursor.error(SQLSTATE.featureNotSupported, 'the only client_encoding is UTF8', 0);
  }
  if (GUARDED.has(name)) {
    if (/read_only$/.test(name)) return { kind: 'accepted', tag };
    throw cursor.error(SQLSTATE.insufficientPrivilege, `permission denied to set "${name}"`, 0);
  }
  return { kind: 'set', local, name, text: cursor.text };
}

function show(cursor: Cursor): Command {
  cursor.accept('show');
  if (ENGINE_LISTS.has(cursor.token.value) && cursor.token.kind === 'word') return { kind: 'engine' };
  const name = cursor.text.slice(cursor.token.start).trim().toLowerCase();
  return name.startsWith('causeway.') ? { kind: 'engine' } : { kind: 'show', name };
}

/**
 * `set_config` could do what SET may not: its first argument must be a literal that names a setting open to all.
 * @throws CausewayError 42501
 */
function guardFunctions(text: string): void {
  if (!/set_config/i.test(text) && !/[uU]&"/.test(text)) return;
  const cursor = new Cursor(text);
  for (; cursor.token.kind !== 'end'; cursor.skip()) {
    if (cursor.token.value.toLowerCase() !== 'set_config' || cursor.token.kind === 'string') continue;
    const argument = cursor.peek(2);
    const open = cursor.peek().value === '(' && argument.kind === 'string' && cursor.peek(3).value === ',';
    if (open && !GUARDED.has(argument.value.toLowerCase()) && !/^causeway\./i.test(argument.value)) continue;
    throw cursor.error(SQLSTATE.insufficientPrivilege, 'permission denied to set this setting', cursor.token.start);
  }
}

/** A call of `ml.…`: only the engine has models. */
function mentionsModels(text: string): boolean {
  if (!/\bml"?\s*\./i.test(text)) return false;
  const cursor = new Cursor(text);
  for (; cursor.token.kind !== 'end'; cursor.skip()) {
    const { kind, value } = cursor.token;
    if ((kind === 'word' || kind === 'quoted') && value === 'ml' && cursor.peek().value === '.') return true;
  }
  return false;
}
