/** `DECLARE c CURSOR FOR …`, `FETCH`, `MOVE`. */
import { SQLSTATE } from '../../plan/errors.ts';
import type { Cursor } from '../../sql/statements/cursor.ts';

export interface CursorDeclaration {
  readonly kind: 'declare';
  readonly name: string;
  readonly binary: boolean;
  readonly scroll: boolean;
  readonly hold: boolean;
  /** The query, and where it begins in the statement. */
  readonly query: string;
  readonly offset: number;
}

/**
 * Rows to move over. `forward` and `backward` by a count (Infinity: all), `absolute` and `relative` to one row, where
 * negative absolute places count from the end.
 */
export type Movement = {
  readonly kind: 'forward' | 'backward' | 'absolute' | 'relative';
  readonly count: number;
};

export interface FetchRows {
  readonly kind: 'fetch';
  readonly cursor: string;
  readonly movement: Movement;
  /** MOVE: without the rows. */
  readonly silent: boolean;
}

/** @throws CausewayError 42601 */
export function declareCursor(cursor: Cursor): CursorDeclaration {
  cursor.accept('declare');
  const name = cursor.name('a cursor name').value;
  let binary = false;
  let scroll = false;
  while (!cursor.at('cursor')) {
    switch (cursor.expect('binary', 'insensitive', 'asensitive', 'no', 'scroll', 'cursor')) {
      case 'binary':
        binary = true;
        break;
      case 'scroll':
        scroll = true;
        break;
      case 'no':
        cursor.expect('scroll');
        break;
    }
  }
  cursor.expect('cursor');
  const hold = cursor.accept('with', 'hold');
  if (!hold) cursor.accept('without', 'hold');
  cursor.expect('for');
  const { start } = cursor.token;
  return { kind: 'declare', name, binary, scroll, hold, query: cursor.text.slice(start), offset: start };
}

/** @throws CausewayError 42601 */
export function fetchRows(cursor: Cursor): FetchRows {
  const silent = cursor.expect('fetch', 'move') === 'move';
  const movement = direction(cursor);
  if (!cursor.accept('from')) cursor.accept('in');
  const name = cursor.name('a cursor').value;
  cursor.end();
  return { kind: 'fetch', cursor: name, movement, silent };
}

function direction(cursor: Cursor): Movement {
  // A cursor may itself be named like a direction: then nothing follows it.
  if (cursor.token.kind === 'word' && cursor.peek().kind === 'end') return { kind: 'forward', count: 1 };
  if (cursor.accept('next')) return { kind: 'forward', count: 1 };
  if (cursor.accept('prior')) return { kind: 'backward', count: 1 };
  if (cursor.accept('first')) return { kind: 'absolute', count: 1 };
  if (cursor.accept('last')) return { kind: 'absolute', count: -1 };
  if (cursor.accept('absolute')) return { kind: 'absolute', count: signed(cursor) ?? missing(cursor) };
  if (cursor.accept('relative')) return { kind: 'relative', count: signed(cursor) ?? missing(cursor) };
  const backward = cursor.accept('backward');
  if (!backward) cursor.accept('forward');
  const count = cursor.accept('all') ? Number.POSITIVE_INFINITY : (signed(cursor) ?? 1);
  return backward !== count < 0
    ? { kind: 'backward', count: Math.abs(count) }
    : { kind: 'forward', count: Math.abs(count) };
}

function signed(cursor: Cursor): number | undefined {
  const negative = cursor.accept('-');
  if (!negative && cursor.token.kind !== 'number') return undefined;
  const { value } = cursor.wholeNumber('a number of rows');
  return negative ? -value : value;
}

const missing = (cursor: Cursor): never => {
  throw cursor.error(SQLSTATE.syntaxError, 'a number of rows is missing', cursor.token.start);
};
