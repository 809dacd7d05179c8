/** SQLite's errors as ours. */
import { CausewayError, messageOf, SQLSTATE } from '../../src/plan/errors.ts';

/** Runs one of SQLite's synchronous calls; its errors become ours. */
export function guarded<T>(call: () => T): T {
  try {
    return call();
  } catch (thrown) {
    if (thrown instanceof CausewayError) throw thrown;
    const message = messageOf(thrown);
    const known = ERRORS.find(([pattern]) => pattern.test(message));
    throw new CausewayError(known?.[1] ?? SQLSTATE.internalError, message, { cause: thrown });
  }
}

const ERRORS: readonly (readonly [RegExp, string])[] = [
  [/no such table/, SQLSTATE.undefinedTable],
  [/no such column/, SQLSTATE.undefinedColumn],
  [/no such function/, SQLSTATE.undefinedFunction],
  [/already exists/, SQLSTATE.duplicateTable],
  [/syntax error|incomplete input/, SQLSTATE.syntaxError],
  [/integer overflow/, SQLSTATE.numericValueOutOfRange],
  [/not a database|malformed/, SQLSTATE.dataCorrupted],
  [/unable to open|disk I\/O/, SQLSTATE.ioError],
  [/full/, SQLSTATE.diskFull],
  [/locked|busy/, SQLSTATE.objectInUse],
];
