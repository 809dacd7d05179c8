/** DuckDB's errors as ours: the SQLSTATE PostgreSQL would give, and what to do next. */
import { CausewayError, canceled, messageOf, SQLSTATE } from '../../src/plan/errors.ts';

/** DuckDB puts its class in front of the message: `Catalog Error: Table with name x does not exist!`. */
const CLASSES: readonly (readonly [RegExp, string, string?])[] = [
  [
    /^Out of Memory Error/,
    SQLSTATE.outOfMemory,
    'Raise the limit with SET causeway.memory_limit, give it disk to spill to, or select less.',
  ],
  [/^Invalid Input Error: More than one row returned by a subquery/, '21000'],
  [/division by zero/i, SQLSTATE.divisionByZero],
  [/square root of a negative|raised to a (negative|non-integer) power/, '2201F'],
  [/cannot take logarithm/, '2201E'],
  [/negative substring length/, '22011'],
  [/^Out of Range Error|out of range|overflow/i, SQLSTATE.numericValueOutOfRange],
  [/^Conversion Error/, SQLSTATE.invalidTextRepresentation],
  [/^Parser Error/, SQLSTATE.syntaxError],
  [/^Catalog Error: Table/, SQLSTATE.undefinedTable],
  [/^Catalog Error: .*Function|^Binder Error: No function matches/, SQLSTATE.undefinedFunction],
  [/^Binder Error: .*(Referenced column|column named)/, SQLSTATE.undefinedColumn],
  [/^Binder Error/, SQLSTATE.datatypeMismatch],
  [/No space left on device/i, SQLSTATE.diskFull],
  [/^IO Error: No files found/, SQLSTATE.undefinedFile],
  [/^IO Error/, SQLSTATE.ioError],
  [/^Constraint Error/, '23000'],
  [/^Invalid Input Error/, SQLSTATE.invalidParameterValue],
  [/^Not implemented Error/i, SQLSTATE.featureNotSupported],
  [/^Permission Error/, SQLSTATE.insufficientPrivilege],
];

const LEADING_CLASS = /^(?:[A-Z][A-Za-z]*(?: [a-zA-Z]+)*|INTERRUPT) Error: /;

/** `thrown` by DuckDB during `operation` ("reading readings.parquet"), as an error for the user. */
export function duckdbError(thrown: unknown, operation?: string): CausewayError {
  if (thrown instanceof CausewayError) return thrown;
  const message = messageOf(thrown);
  if (/^INTERRUPT|Interrupted!/.test(message)) return canceled(thrown);
  const known = CLASSES.find(([pattern]) => pattern.test(message));
  const text = message.replace(LEADING_CLASS, '').split('\n\n')[0]!.trim();
  return new CausewayError(known?.[1] ?? SQLSTATE.internalError, text, {
    cause: thrown,
    ...(operation === undefined ? {} : { detail: `While ${operation}.` }),
    ...(known?.[2] === undefined ? {} : { hint: known[2] }),
  });
}
