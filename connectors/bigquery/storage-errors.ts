/** What the Storage Read API's refusals mean: by gRPC's status codes (google.rpc.Code). */
import { CausewayError, messageOf, SQLSTATE } from '../../src/plan/errors.ts';

const CODE = {
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

const codeOf = (thrown: unknown): number | undefined => (thrown as { readonly code?: number }).code;

/** The network, or the service for now: what is asked again may be answered. */
const PASSING: ReadonlySet<number | undefined> = new Set([
  ...[CODE.cancelled, CODE.unknown, CODE.deadlineExceeded, CODE.resourceExhausted],
  ...[CODE.aborted, CODE.internal, CODE.unavailable],
]);

export const mayPass = (thrown: unknown): boolean => PASSING.has(codeOf(thrown));

/** The token has expired: worth one more try, for which a fresh one is asked. */
export const isUnauthenticated = (thrown: unknown): boolean => codeOf(thrown) === CODE.unauthenticated;

/** The API is switched off, or the silo's account may not use it: the rows can still be had through REST. */
export const isRefused = (thrown: unknown): boolean =>
  codeOf(thrown) === CODE.permissionDenied || codeOf(thrown) === CODE.unimplemented;

/** The service's own words, without gRPC's number in front. */
export const reasonOf = (thrown: unknown): string =>
  (thrown as { readonly details?: string }).details || messageOf(thrown);

const HINTS: Readonly<Record<number, readonly [sqlstate: string, hint: string]>> = {
  [CODE.invalidArgument]: [SQLSTATE.invalidParameterValue, 'Check the table and the columns that are read.'],
  [CODE.notFound]: [
    SQLSTATE.noData,
    'The table, or the session that read it, is gone: results are kept for a day. Run the statement again.',
  ],
  [CODE.failedPrecondition]: [SQLSTATE.noData, 'The session has expired: run the statement again.'],
  [CODE.permissionDenied]: [
    SQLSTATE.insufficientPrivilege,
    'Grant roles/bigquery.readSessionUser on the billing project (docs/silos/bigquery.md).',
  ],
  [CODE.unauthenticated]: [
    SQLSTATE.invalidPassword,
    'The credentials of the silo are not accepted, and could not be renewed: check them.',
  ],
  [CODE.resourceExhausted]: [
    SQLSTATE.configurationLimitExceeded,
    'The quota of the Storage Read API is used up: read fewer rows at once, or ask Google for more.',
  ],
};

/** The error of a read of `table`, with what to do next. */
export function storageError(thrown: unknown, table: string): CausewayError {
  if (thrown instanceof CausewayError) return thrown;
  const [sqlstate, hint] = HINTS[codeOf(thrown) ?? CODE.unavailable] ?? [
    SQLSTATE.connectionFailure,
    'Run the statement again; if it fails again, check that this machine may reach the Storage Read API.',
  ];
  // The service may repeat the token that it refuses.
  const reason = isUnauthenticated(thrown) ? 'the access token is refused' : reasonOf(thrown);
  // No cause: what gRPC throws holds the request's metadata, and with it the token.
  return new CausewayError(sqlstate, `reading ${table} through BigQuery's Storage API failed: ${reason}`, {
    hint,
  });
}
