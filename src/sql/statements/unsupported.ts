/** Statements of PostgreSQL that there are none of here, and what is done instead. */
import { type CausewayError, SQLSTATE } from '../../plan/errors.ts';
import type { Cursor } from './cursor.ts';

const WRITE = 'Silos are written by INSERT INTO silo.table SELECT … and CREATE TABLE silo.table AS SELECT …';
const OWNER = 'A silo is changed by its owner, in the silo itself.';
const ALONE = 'Each statement stands alone.';

const HINTS: Readonly<Record<string, string>> = {
  delete: WRITE,
  update: WRITE,
  merge: WRITE,
  truncate: WRITE,
  copy: WRITE,
  comment: OWNER,
  vacuum: OWNER,
  reindex: OWNER,
  cluster: OWNER,
  refresh: OWNER,
  do: OWNER,
  call: "Ask a silo in its own words: SELECT * FROM silo.query('…').",
  begin: ALONE,
  start: ALONE,
  commit: ALONE,
  rollback: ALONE,
  savepoint: ALONE,
  lock: ALONE,
  prepare: 'Send the statement with its parameters, over the PostgreSQL endpoint or the library.',
  execute: 'Send the statement with its parameters, over the PostgreSQL endpoint or the library.',
  listen: 'There are no notifications.',
  notify: 'There are no notifications.',
};

/** Objects that live in silos. */
const OBJECTS: ReadonlySet<string> = new Set(
  'table index schema database sequence function procedure trigger type extension domain materialized'.split(' '),
);

/** The error of a statement that begins with such a word; undefined for any other. */
export function unsupportedStatement(cursor: Cursor): CausewayError | undefined {
  const { kind, value, start } = cursor.token;
  const word = value.toLowerCase();
  if (kind !== 'word' || !Object.hasOwn(HINTS, word)) return undefined;
  return cursor.error(SQLSTATE.featureNotSupported, `${word.toUpperCase()} is not supported`, start, HINTS[word]);
}

/** Likewise of `verb`, which the cursor has passed, and an object that lives in silos. */
export function unsupportedObject(cursor: Cursor, verb: string): CausewayError | undefined {
  const { kind, value, start } = cursor.token;
  if (kind !== 'word' || !OBJECTS.has(value.toLowerCase())) return undefined;
  return cursor.error(SQLSTATE.featureNotSupported, `${verb} ${value.toUpperCase()} is not supported`, start, OWNER);
}
