/** CALL at the test server: procedures of one VARIANT, given as `PARSE_JSON('…')`. */
import { stringValue } from '../warehouse/tokens.ts';
import { Refusal } from './refusal.ts';
import type { StatementResult } from './statements.ts';
import { rowType } from './types.ts';

/** By name, in upper case: a job in, an answer out. */
export type Procedures = Readonly<Record<string, (job: unknown, signal: AbortSignal) => Promise<unknown>>>;

/** What a CALL gives; undefined for every other statement. */
export function procedureCall(
  procedures: Procedures,
  text: string,
  signal: AbortSignal,
): Promise<StatementResult> | undefined {
  const [, name, argument] = /^\s*CALL\s+([^\s(]+)\s*\(\s*PARSE_JSON\s*\(\s*('.*')\s*\)\s*\)\s*$/is.exec(text) ?? [];
  return name === undefined ? undefined : call(procedures, name.toUpperCase(), argument!, signal);
}

async function call(
  procedures: Procedures,
  name: string,
  argument: string,
  signal: AbortSignal,
): Promise<StatementResult> {
  const procedure = Object.hasOwn(procedures, name) ? procedures[name] : undefined;
  if (procedure === undefined) {
    throw new Refusal('002140', `SQL compilation error:\nUnknown user-defined function ${name}`, '42601');
  }
  const answer = await procedure(JSON.parse(stringValue(argument)), signal);
  const rowtype = [rowType({ name: name.split('.').at(-1)!, type: 'JSON' })];
  return { rowtype, rowset: JSON.stringify([JSON.stringify(answer)]), total: 1, chunks: [] };
}
