/** The one error type users see: what, where, and what to do next, with a SQLSTATE as in PostgreSQL's Appendix A. */

/** A place in the statement's text. `offset` counts UTF-16 units from 0; `line` and `column` count from 1. */
export interface Position {
  readonly offset: number;
  readonly line: number;
  readonly column: number;
}

/** SQLSTATEs in use, by PostgreSQL's condition names. Class `CW` holds what PostgreSQL has no word for. */
export const SQLSTATE = {
  syntaxError: '42601',
  undefinedTable: '42P01',
  undefinedColumn: '42703',
  undefinedFunction: '42883',
  undefinedParameter: '42P02',
  undefinedObject: '42704',
  duplicateObject: '42710',
  duplicateTable: '42P07',
  ambiguousColumn: '42702',
  datatypeMismatch: '42804',
  wrongObjectType: '42809',
  invalidParameterValue: '22023',
  invalidTextRepresentation: '22P02',
  divisionByZero: '22012',
  numericValueOutOfRange: '22003',
  noData: '02000',
  objectInUse: '55006',
  objectNotInPrerequisiteState: '55000',
  invalidObjectDefinition: '42P17',
  featureNotSupported: '0A000',
  insufficientPrivilege: '42501',
  invalidPassword: '28P01',
  connectionFailure: '08006',
  connectionException: '08000',
  outOfMemory: '53200',
  diskFull: '53100',
  configurationLimitExceeded: '53400',
  readOnlySqlTransaction: '25006',
  queryCanceled: '57014',
  adminShutdown: '57P01',
  ioError: '58030',
  undefinedFile: '58P01',
  internalError: 'XX000',
  dataCorrupted: 'XX001',
  /** A policy leaves no legal plan. */
  policyViolation: 'CW001',
  /** Training cannot go on: non-finite loss, too few windows, lost silos. */
  trainingFailed: 'CW002',
} as const;

export interface ErrorDetails {
  readonly detail?: string;
  /** The next action, as a full sentence. */
  readonly hint?: string;
  readonly position?: Position;
  /** The silo in which it happened. */
  readonly silo?: string;
  readonly cause?: unknown;
}

export class CausewayError extends Error {
  readonly sqlstate: string;
  readonly detail: string | undefined;
  readonly hint: string | undefined;
  readonly position: Position | undefined;
  readonly silo: string | undefined;

  constructor(sqlstate: string, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'CausewayError';
    this.sqlstate = sqlstate;
    this.detail = details.detail;
    this.hint = details.hint;
    this.position = details.position;
    this.silo = details.silo;
  }
}

/** The error of a statement that was cancelled by its user, a timeout or a closing session. */
export const canceled = (cause?: unknown): CausewayError =>
  new CausewayError(SQLSTATE.queryCanceled, 'canceling statement due to user request', { cause });

/** Throws {@link canceled} once `signal` is aborted. */
export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw signal.reason instanceof CausewayError ? signal.reason : canceled(signal.reason);
}

/** The message of anything that was thrown. */
export const messageOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));
