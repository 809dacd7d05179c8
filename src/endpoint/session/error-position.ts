/** Where in what the client sent an error lies: characters from 1, as PostgreSQL counts. */
import type { CausewayError } from '../../plan/errors.ts';
import { OracleError } from '../oracle/messages.ts';

/** Code points, not UTF-16 units. */
function characters(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

/**
 * @param script what the client sent
 * @param base where the statement that failed begins in it, in UTF-16 units
 */
export function errorPosition(error: CausewayError, script: string, base: number): number | undefined {
  if (error instanceof OracleError) {
    return error.character === undefined ? undefined : characters(script.slice(0, base)) + error.character;
  }
  if (error.position === undefined) return undefined;
  return characters(script.slice(0, base + error.position.offset)) + 1;
}
