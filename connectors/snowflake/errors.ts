/** Snowflake's errors as ours. */
import { CausewayError, messageOf, SQLSTATE } from '../../src/plan/errors.ts';

/** By the service's error number: our SQLSTATE, and the next action. */
const KNOWN: Readonly<Record<string, readonly [string, string?]>> = {
  '001003': [SQLSTATE.syntaxError],
  '000904': [SQLSTATE.undefinedColumn],
  '002003': [SQLSTATE.undefinedTable, 'Check the name, and that the role of the silo may use it.'],
  '002043': [SQLSTATE.undefinedObject, 'Check the options database, schema and warehouse, and what the role may use.'],
  '002002': [SQLSTATE.duplicateTable],
  '002141': [SQLSTATE.undefinedFunction],
  '003001': [
    SQLSTATE.insufficientPrivilege,
    'Grant the role of the silo what the message names (docs/silos/snowflake.md).',
  ],
  '000604': [SQLSTATE.queryCanceled],
  '000606': [
    SQLSTATE.objectNotInPrerequisiteState,
    'Give the silo a warehouse: the option warehouse, or a default for the user.',
  ],
  '000608': [
    SQLSTATE.objectNotInPrerequisiteState,
    'Resume the warehouse, or let it resume by itself: ALTER WAREHOUSE … SET AUTO_RESUME = TRUE.',
  ],
  '090073': [
    SQLSTATE.objectNotInPrerequisiteState,
    'The resource monitor of the warehouse must be raised, or another warehouse be used.',
  ],
  '000630': [SQLSTATE.queryCanceled, 'The statement ran longer than STATEMENT_TIMEOUT_IN_SECONDS allows.'],
  '000709': [SQLSTATE.noData, 'Results are kept for a day: run the statement again.'],
  '100035': [SQLSTATE.invalidTextRepresentation],
  '100038': [SQLSTATE.invalidTextRepresentation],
  '100051': [SQLSTATE.divisionByZero],
  '100039': [SQLSTATE.numericValueOutOfRange],
  '100046': [SQLSTATE.numericValueOutOfRange],
  '100132': [SQLSTATE.numericValueOutOfRange],
  '390100': [SQLSTATE.invalidPassword, 'Check the options user and password.'],
  '390101': [SQLSTATE.invalidPassword, 'Check the option user, and that it is not locked.'],
  '390144': [
    SQLSTATE.invalidPassword,
    'Check the options account, user and private_key, and that the key is the one of ALTER USER … SET RSA_PUBLIC_KEY.',
  ],
  '390303': [SQLSTATE.invalidPassword, 'Check the option oauth_token.'],
  '390318': [SQLSTATE.invalidPassword, 'The access token has expired: give a new one in the option oauth_token.'],
  '390195': [SQLSTATE.invalidPassword, 'Check the option token: it may have expired, or its role is not allowed.'],
  '394400': [SQLSTATE.invalidPassword, 'Check the option token: it may have expired, or its role is not allowed.'],
  '390127': [SQLSTATE.invalidPassword, 'Give the code of the second factor in the option passcode.'],
  '390112': [
    SQLSTATE.connectionException,
    'The session has expired and could not be renewed: run the statement again.',
  ],
  '390114': [SQLSTATE.connectionException, 'The login has expired: run the statement again.'],
  '390111': [SQLSTATE.connectionException, 'The session is gone: run the statement again.'],
  '390201': [SQLSTATE.undefinedObject, 'Check the option database, and that the role may use it.'],
  '390189': [SQLSTATE.insufficientPrivilege, 'Check the option role, and that it is granted to the user.'],
};

/** What the service answers, or the client library throws. */
interface ServiceError {
  readonly code?: string | number;
  readonly sqlState?: string;
  readonly message?: string;
  readonly cause?: unknown;
}

/** Texts as short as this stand in any message: hiding them would hide words, and protect nothing. */
const SHORT = 4;

/** Makes errors of one silo: with its address, without its secrets. */
export interface SnowflakeErrors {
  /** Of anything that was thrown, or of an answer with `success: false`. */
  of(thrown: unknown): CausewayError;
}

export function snowflakeErrors(address: string, secrets: readonly string[]): SnowflakeErrors {
  const clean = (text: string) =>
    secrets.reduce((rest, secret) => (secret.length < SHORT ? rest : rest.replaceAll(secret, '***')), text);
  return {
    of(thrown) {
      if (thrown instanceof CausewayError) return thrown;
      const { code, sqlState } = thrown as ServiceError;
      const number = String(code ?? '').padStart(6, '0');
      const known = Object.hasOwn(KNOWN, number) ? KNOWN[number] : undefined;
      // The library numbers its own failures 401xxx (network) and 402xxx (the service's answer).
      const lost = sqlState === undefined && known === undefined;
      const sqlstate = known?.[0] ?? (lost ? SQLSTATE.connectionFailure : (sqlState ?? SQLSTATE.internalError));
      const text = clean(lost ? reasonOf(thrown) : ((thrown as ServiceError).message ?? messageOf(thrown)));
      const message = lost
        ? `the connection to Snowflake at ${address} failed: ${text}`
        : `Snowflake at ${address}: ${text}`;
      const hint =
        known?.[1] ?? (lost ? 'Check the options account and url, and that this machine may reach it.' : undefined);
      // No cause: what the library throws may hold the request, and with it the login.
      return new CausewayError(sqlstate, message, hint === undefined ? {} : { hint });
    },
  };
}

/** The innermost message: the library wraps "connect ECONNREFUSED …" in sentences of its own. */
function reasonOf(thrown: unknown): string {
  const cause = thrown instanceof Error ? thrown.cause : undefined;
  return cause instanceof Error && cause.message !== '' ? reasonOf(cause) : messageOf(thrown);
}
