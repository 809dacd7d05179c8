/** MySQL's errors as ours. */
import { CausewayError, messageOf, SQLSTATE } from '../../src/plan/errors.ts';

/** By the server's error number or the library's code: our SQLSTATE, and the next action. */
const KNOWN: Readonly<Record<string, readonly [string, string?]>> = {
  ER_ACCESS_DENIED_ERROR: [SQLSTATE.invalidPassword, 'Check the options user and password.'],
  ER_BAD_DB_ERROR: ['3D000', 'Check the option database.'],
  ER_DBACCESS_DENIED_ERROR: [SQLSTATE.insufficientPrivilege, 'Ask for the privileges of this database.'],
  ER_NO_SUCH_TABLE: [SQLSTATE.undefinedTable],
  ER_BAD_FIELD_ERROR: [SQLSTATE.undefinedColumn],
  ER_PARSE_ERROR: [SQLSTATE.syntaxError],
  ER_TABLE_EXISTS_ERROR: [SQLSTATE.duplicateTable],
  ER_QUERY_INTERRUPTED: [SQLSTATE.queryCanceled],
  ER_DATA_OUT_OF_RANGE: [SQLSTATE.numericValueOutOfRange],
  ER_WARN_DATA_OUT_OF_RANGE: [SQLSTATE.numericValueOutOfRange],
  ER_DUP_ENTRY: ['23505'],
  ECONNREFUSED: ['08001', 'Check host and port, that the server runs, and that this machine may reach it.'],
  ENOTFOUND: ['08001', 'Check the option host.'],
  ETIMEDOUT: ['08001', 'Check host and port, that the server runs, and that this machine may reach it.'],
};

export function mysqlError(thrown: unknown, address: string): CausewayError {
  if (thrown instanceof CausewayError) return thrown;
  const inner = thrown instanceof AggregateError ? thrown.errors[0] : thrown;
  const { code = '', sqlState } = inner as { code?: string; sqlState?: string };
  const known = KNOWN[code];
  // Errors of the server carry a SQLSTATE; everything else is the connection.
  const sqlstate = known?.[0] ?? (sqlState === undefined ? SQLSTATE.connectionFailure : sqlState);
  const lost = known === undefined && sqlState === undefined;
  const message = lost
    ? `the connection to MySQL at ${address} was lost: ${messageOf(inner)}`
    : `MySQL at ${address}: ${messageOf(inner)}`;
  const hint = known?.[1] ?? (lost ? 'Run the statement again when the server is back.' : undefined);
  return new CausewayError(sqlstate, message, { cause: thrown, ...(hint === undefined ? {} : { hint }) });
}
