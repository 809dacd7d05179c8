/**
 * SELECT text to PostgreSQL's own syntax tree. The grammar is PostgreSQL's itself (libpg-query: its parser compiled to
 * WebAssembly), so that precedence, keywords and error messages are what its users know.
 */
import type { Node, SelectStmt } from '@pgsql/types';
import { hasSqlDetails, loadModule, parseSync } from 'libpg-query';
import { CausewayError, type Position, SQLSTATE } from '../../plan/errors.ts';
import { positionAt } from '../lexer.ts';
import { modelNamesAsLiterals } from './model-names.ts';
import { versionsAsNames } from './time-travel.ts';

await loadModule();

/** Gives the place of a syntax node: PostgreSQL counts bytes of UTF-8, errors count UTF-16 units. */
export type Locate = (location: number | undefined) => Position | undefined;

export interface ParsedSelect {
  readonly select: SelectStmt;
  readonly locate: Locate;
}

/**
 * Parses one SELECT (or VALUES, TABLE, WITH … SELECT).
 * @param base where the text begins in a larger one, for error positions
 * @throws CausewayError 42601 with position and the unexpected token; 0A000 for another kind of statement
 */
export function parseSelect(text: string, base?: Position): ParsedSelect {
  const locate: Locate = (location) =>
    location === undefined ? positionAt(text, 0, base) : positionAt(text, unitOffset(text, location), base);
  const statements = parseText(modelNamesAsLiterals(versionsAsNames(text)), base).stmts ?? [];
  const [first] = statements;
  if (first?.stmt === undefined || statements.length > 1) {
    throw new CausewayError(SQLSTATE.syntaxError, 'one SELECT statement is expected here', {
      position: positionAt(text, 0, base),
    });
  }
  if (!('SelectStmt' in first.stmt)) {
    throw new CausewayError(SQLSTATE.featureNotSupported, `${statementName(first.stmt)} cannot stand here`, {
      position: positionAt(text, 0, base),
      hint: 'Write a SELECT.',
    });
  }
  return { select: first.stmt.SelectStmt, locate };
}

function parseText(text: string, base: Position | undefined): ReturnType<typeof parseSync> {
  try {
    return parseSync(text);
  } catch (thrown) {
    if (!hasSqlDetails(thrown)) throw thrown;
    // The parser counts characters (code points), from 0 here.
    const at = thrown.sqlDetails?.cursorPosition ?? 0;
    const offset = at < 0 ? text.length : Math.min(text.length, codePointOffset(text, at));
    throw new CausewayError(SQLSTATE.syntaxError, thrown.sqlDetails?.message ?? thrown.message, {
      position: positionAt(text, offset, base),
    });
  }
}

const statementName = (stmt: Node): string =>
  (Object.keys(stmt)[0] ?? 'this statement')
    .replace(/Stmt$/, '')
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toUpperCase();

const ASCII = /^[\0-\x7f]*$/;

/** The UTF-16 offset of a byte offset. */
function unitOffset(text: string, bytes: number): number {
  if (ASCII.test(text)) return bytes;
  return Buffer.from(text, 'utf8').subarray(0, bytes).toString('utf8').length;
}

const codePointOffset = (text: string, points: number): number =>
  ASCII.test(text) ? points : [...text].slice(0, points).join('').length;
