/** BigQuery's errors as ours. */
import { CausewayError, messageOf, SQLSTATE } from '../../src/plan/errors.ts';

/** What the service says of a failed request or job (the ErrorProto of its REST reference). */
export interface ServiceProblem {
  readonly reason?: string;
  readonly message?: string;
  readonly location?: string;
}

/** A request that the service answered with an error. */
export class RequestRefused extends Error {
  readonly status: number;
  readonly problem: ServiceProblem;

  constructor(status: number, problem: ServiceProblem) {
    super(problem.message ?? `it answered ${status}`);
    this.status = status;
    this.problem = problem;
  }
}

type Meaning = readonly [sqlstate: string, hint?: string];

/** By the reason: our SQLSTATE and the next action. */
const BY_REASON: Readonly<Record<string, Meaning>> = {
  accessDenied: [SQLSTATE.insufficientPrivilege, 'Grant what the message names (docs/silos/bigquery.md).'],
  authError: [SQLSTATE.invalidPassword, 'The access token is refused: check key_file, key or access_token.'],
  required: [SQLSTATE.invalidPassword, 'The service wants an access token: check key_file, key or access_token.'],
  billingNotEnabled: [SQLSTATE.objectNotInPrerequisiteState, 'Enable billing for the project of billing_project.'],
  billingTierLimitExceeded: [SQLSTATE.configurationLimitExceeded],
  bytesBilledLimitExceeded: [
    SQLSTATE.configurationLimitExceeded,
    'Read less (EXPLAIN shows the bytes), or raise the option max_bytes_billed.',
  ],
  blocked: [SQLSTATE.insufficientPrivilege, 'The project is blocked at the service.'],
  duplicate: [SQLSTATE.duplicateTable],
  notFound: [
    SQLSTATE.undefinedTable,
    'Check the name, the options project, dataset and location, and what is granted.',
  ],
  notImplemented: [SQLSTATE.featureNotSupported],
  quotaExceeded: [
    SQLSTATE.configurationLimitExceeded,
    'A quota of the project is used up: wait until it is renewed, or have it raised.',
  ],
  rateLimitExceeded: [SQLSTATE.configurationLimitExceeded, 'Too many requests at once: try again later.'],
  resourcesExceeded: [SQLSTATE.outOfMemory, 'The statement needs more than the service gives it: read less at once.'],
  responseTooLarge: [SQLSTATE.configurationLimitExceeded],
  stopped: [SQLSTATE.queryCanceled],
  tableUnavailable: [SQLSTATE.objectInUse, 'The table is unavailable for now: try again later.'],
  timeout: [SQLSTATE.queryCanceled],
  backendError: [SQLSTATE.connectionException, 'The service failed: run the statement again.'],
  internalError: [SQLSTATE.connectionException, 'The service failed: run the statement again.'],
};

/** Words of the messages of `invalidQuery` and `invalid`, which hold everything that is wrong with a statement or a value. */
const BY_WORDS: readonly (readonly [RegExp, ...Meaning])[] = [
  [
    /not found in location|different locations|disallowed location/i,
    SQLSTATE.undefinedTable,
    'Check the option location.',
  ],
  [/division by zero/i, SQLSTATE.divisionByZero],
  [/overflow|out of range|does not fit/i, SQLSTATE.numericValueOutOfRange],
  [
    /bad (int64|double|numeric|bignumeric|bool|date|time)|invalid (date|time|timestamp|datetime|cast|value)|could not (cast|parse|convert)/i,
    SQLSTATE.invalidTextRepresentation,
  ],
  [/syntax error|unexpected (keyword|end)|expected/i, SQLSTATE.syntaxError],
  [/unrecognized name|name \S+ not found|column \S+ not found/i, SQLSTATE.undefinedColumn],
  [/function not found|no matching signature/i, SQLSTATE.undefinedFunction],
  [/not found: (table|dataset)|table .* not found|must be qualified with a dataset/i, SQLSTATE.undefinedTable],
  [/already exists/i, SQLSTATE.duplicateTable],
];

/** By the answer's status, where its body says nothing. */
const BY_STATUS: Readonly<Record<number, string>> = {
  401: 'authError',
  403: 'accessDenied',
  404: 'notFound',
  409: 'duplicate',
};

/** Texts as short as this stand in any message: hiding them would hide words, and protect nothing. */
const SHORT = 4;

/** Makes errors of one silo: with its address, without its secrets. */
export interface BigQueryErrors {
  of(thrown: unknown): CausewayError;
}

/** @param secrets asked at each error: access tokens come and go */
export function bigqueryErrors(address: string, secrets: () => readonly string[]): BigQueryErrors {
  const clean = (text: string) =>
    secrets().reduce((rest, secret) => (secret.length < SHORT ? rest : rest.replaceAll(secret, '***')), text);
  return {
    of(thrown) {
      if (thrown instanceof CausewayError) return thrown;
      if (!(thrown instanceof RequestRefused)) {
        return new CausewayError(
          SQLSTATE.connectionFailure,
          `the connection to BigQuery at ${address} failed: ${clean(reasonOf(thrown))}`,
          { hint: 'Check the options project and endpoint, and that this machine may reach it.' },
        );
      }
      const [sqlstate, hint] = meaningOf(thrown);
      return new CausewayError(
        sqlstate,
        `BigQuery at ${address}: ${clean(thrown.message)}`,
        hint === undefined ? {} : { hint },
      );
    },
  };
}

function meaningOf({ status, problem, message }: RequestRefused): Meaning {
  const reason = problem.reason ?? BY_STATUS[status] ?? (status >= 500 ? 'backendError' : 'invalid');
  const words = BY_WORDS.find(([pattern]) => pattern.test(message));
  const [, ...said] = words ?? [undefined, SQLSTATE.internalError];
  const known = Object.hasOwn(BY_REASON, reason) ? BY_REASON[reason] : undefined;
  // What is not found where it is looked for may stand somewhere else.
  return known !== undefined && !(reason === 'notFound' && said[1] !== undefined)
    ? known
    : (said as unknown as Meaning);
}

/** The innermost message: fetch says "fetch failed" and keeps the reason. */
function reasonOf(thrown: unknown): string {
  const cause = thrown instanceof Error ? thrown.cause : undefined;
  return cause instanceof Error && cause.message !== '' ? reasonOf(cause) : messageOf(thrown);
}
