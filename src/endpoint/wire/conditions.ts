/** SQLSTATEs that only a front door speaks (PostgreSQL, Appendix A), beside those of `src/plan/errors.ts`. */
import { CausewayError, type ErrorDetails } from '../../plan/errors.ts';

export const CONDITION = {
  protocolViolation: '08P01',
  tooManyConnections: '53300',
  invalidAuthorization: '28000',
  invalidPassword: '28P01',
  configFile: 'F0000',
  invalidCatalogName: '3D000',
  invalidCursorName: '34000',
  invalidStatementName: '26000',
  duplicateCursor: '42P03',
  duplicatePreparedStatement: '42P05',
  activeTransaction: '25001',
  readOnlyTransaction: '25006',
  noActiveTransaction: '25P01',
  failedTransaction: '25P02',
  idleInTransactionTimeout: '25P03',
  invalidSavepoint: '3B001',
  characterNotInRepertoire: '22021',
  invalidBinaryRepresentation: '22P03',
  programLimitExceeded: '54000',
  adminShutdown: '57P01',
  cannotConnectNow: '57P03',
  idleSessionTimeout: '57P05',
} as const;

/** The client broke the protocol: the connection ends after this error is told. */
export class ProtocolViolation extends CausewayError {
  constructor(message: string, sqlstate: string = CONDITION.protocolViolation, details: ErrorDetails = {}) {
    super(sqlstate, message, details);
    this.name = 'ProtocolViolation';
  }
}
