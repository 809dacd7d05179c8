/** An error with the text it is about, so that its place can be told. */
import { CausewayError, messageOf, SQLSTATE } from '../../plan/errors.ts';
import { errorPosition } from './error-position.ts';

export class FailedStatement extends Error {
  readonly error: CausewayError;
  /** Characters from 1. */
  readonly position: number | undefined;

  /** @param base where the statement begins in `script` */
  constructor(thrown: unknown, script: string, base: number) {
    const error = asCausewayError(thrown);
    super(error.message, { cause: thrown });
    this.error = error;
    this.position = errorPosition(error, script, base);
  }
}

/** Anything that was thrown as the error clients see. What is no CausewayError is a defect of ours: XX000. */
export function asCausewayError(thrown: unknown): CausewayError {
  if (thrown instanceof FailedStatement) return thrown.error;
  if (thrown instanceof CausewayError) return thrown;
  return new CausewayError(SQLSTATE.internalError, messageOf(thrown), { cause: thrown });
}
