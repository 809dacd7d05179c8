/** DuckDB's errors as ours: the SQLSTATE PostgreSQL would give, and what to do next. */
import { CausewayError, canceled, messageOf, SQLSTATE } from '../../src/plan/errors.ts';

const INTEGERS: Readonly<Record<string, string>> = {
  INT8: 'tinyint',
  INT16: 'smallint',
  INT32: 'integer',
  INT64: 'bigint',
};

/** What PostgreSQL says instead, where DuckDB's words are not the language's. */
const WORDS: readonly (readonly [RegExp, string, (found: RegExpExecArray) => string])[] = [
  [
    /Overflow in \w+ of (INT\d+)|destination type (INT\d+)|cast .*range.* (INT\d+)$/,
    SQLSTATE.numericValueOutOfRange,
    ([, a, b, c]) => `${INTEGERS[a ?? b ?? c ?? ''] ?? 'value'} out of range`,
  ],
  [
    /DECIMAL type width must be/,
    SQLSTATE.numericValueOutOfRange,
    () => 'a numeric of more than 38 digits can be computed by a PostgreSQL silo only',
  ],
  [
    /More than one row returned by a subquery/,
    '21000',
    () => 'more than one row returned by a subquery used as an expression',
  ],
  [/interval cannot be 0/, SQLSTATE.invalidParameterValue, () => 'step size cannot equal zero'],
  [
    /^(?:Invalid Input Error: )?((?:missing|unexpected|invalid|no argument|bad) .*: .*)$/s,
    '2201B',
    ([, reason]) => `invalid regular expression: ${reason}`,
  ],
  [
    /Malformed JSON[\s\S]*?Input: "([\s\S]*)"/,
    SQLSTATE.invalidTextRepresentation,
    ([, text]) => `invalid input syntax for type json: "${text}"`,
  ],
  [
    /extract specifier "(\w*)" not recognized/,
    SQLSTATE.invalidParameterValue,
    ([, unit]) => `unit "${unit}" not recognized`,
  ],
  [
    /function with name pg_extract_(\w+) does not exist/i,
    SQLSTATE.invalidParameterValue,
    ([, unit]) => `unit "${unit}" not recognized`,
  ],
  [/Unknown TimeZone '(.*?)'/, SQLSTATE.invalidParameterValue, ([, zone]) => `time zone "${zone}" not recognized`],
  [
    /invalid timestamp field format: "(.*?)"/,
    '22007',
    ([, text]) => `invalid input syntax for type timestamp: "${text}"`,
  ],
];

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
  const worded = WORDS.map(([pattern, sqlstate, words]) => ({ sqlstate, words, found: pattern.exec(message) })).find(
    ({ found }) => found !== null,
  );
  if (worded !== undefined) return new CausewayError(worded.sqlstate, worded.words(worded.found!), { cause: thrown });
  const known = CLASSES.find(([pattern]) => pattern.test(message));
  // What follows is about DuckDB's own functions and SQL.
  const text = message
    .replace(LEADING_CLASS, '')
    .split(/\n\n|\n\tCandidate functions:/)[0]!
    .trim();
  return new CausewayError(known?.[1] ?? SQLSTATE.internalError, text, {
    cause: thrown,
    ...(operation === undefined ? {} : { detail: `While ${operation}.` }),
    ...(known?.[2] === undefined ? {} : { hint: known[2] }),
  });
}
