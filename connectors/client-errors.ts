/** Errors of a client library as ours: SQLSTATE, whose server it was, and the next action. */
import { CausewayError, messageOf, SQLSTATE } from '../src/plan/errors.ts';

/** By a pattern for `CODE: message`; the first that fits wins. */
export type KnownErrors = readonly (readonly [pattern: RegExp, sqlstate: string, hint?: string])[];

const REACH = 'Check host and port, that the server runs, and that this machine may reach it.';

const NETWORK: KnownErrors = [
  [/^ECONNREFUSED|^ETIMEDOUT|^EHOSTUNREACH/, '08001', REACH],
  [/^ENOTFOUND/, '08001', 'Check the option host.'],
];

/** SQLSTATEs of the X/Open CLI, where PostgreSQL has others (ODBC Programmer's Reference, appendix A). */
const XOPEN: Readonly<Record<string, readonly [sqlstate: string, hint?: string]>> = {
  '28000': [SQLSTATE.invalidPassword, 'Check the options user and password.'],
  '42S01': [SQLSTATE.duplicateTable],
  '42S02': [SQLSTATE.undefinedTable],
  '42S22': [SQLSTATE.undefinedColumn],
  '70100': [SQLSTATE.queryCanceled],
};

export interface ClientErrors {
  /** What the messages begin with: `MySQL at localhost:3306/shop`. */
  readonly server: string;
  readonly known: KnownErrors;
  /** True where there is no connection that could be lost. */
  readonly local?: true;
}

/** Whatever was thrown, as our error. What is not known and has no SQLSTATE of the server's is a lost connection. */
export function clientError(thrown: unknown, { server, known, local }: ClientErrors): CausewayError {
  if (thrown instanceof CausewayError) return thrown;
  // One error per address that was tried, and no message of its own.
  const inner: unknown = thrown instanceof AggregateError ? thrown.errors[0] : thrown;
  const { code = '', sqlState } = inner as { code?: string; sqlState?: string };
  const message = messageOf(inner);
  const found = [...known, ...NETWORK].find(([pattern]) => pattern.test(`${code}: ${message}`));
  const make = (sqlstate: string, text: string, hint?: string) =>
    new CausewayError(sqlstate, text, { cause: thrown, ...(hint === undefined ? {} : { hint }) });
  if (found !== undefined) return make(found[1], `${server}: ${message}`, found[2]);
  if (sqlState !== undefined) {
    const [sqlstate, hint] = XOPEN[sqlState] ?? [sqlState];
    return make(sqlstate, `${server}: ${message}`, hint);
  }
  if (local) return make(SQLSTATE.internalError, `${server}: ${message}`);
  const again = 'Run the statement again when the server is back.';
  return make(SQLSTATE.connectionFailure, `the connection to ${server} was lost: ${message}`, again);
}
