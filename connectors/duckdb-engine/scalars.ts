/** Scalar functions that DuckDB calls back for: PostgreSQL's meaning in JavaScript, a row at a time. */

import {
  ANY,
  DECIMAL,
  DOUBLE,
  type DuckDBConnection,
  type DuckDBDataChunk,
  DuckDBDecimalValue,
  DuckDBIntervalValue,
  DuckDBListValue,
  DuckDBScalarFunction,
  DuckDBTimestampValue,
  type DuckDBType,
  type DuckDBValue,
  type DuckDBVector,
  FLOAT,
  INTERVAL,
  LIST,
  TIMESTAMP,
  VARCHAR,
} from '@duckdb/node-api';
import duckdb from '@duckdb/node-bindings';
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';
import {
  formatText,
  intervalToChar,
  numberToChar,
  parseTimestamp,
  timestampToChar,
} from '../postgres-language/format.ts';
import { jsonbText } from '../postgres-language/jsonb.ts';
import { divide, quotientText, rescale } from '../postgres-language/numeric.ts';
import { matchGroups, similarPattern } from '../postgres-language/regexp.ts';
import { arrayText, doubleText, intervalText, realText } from '../postgres-language/text.ts';
import { QUOTIENT } from './types.ts';
import { valueText } from './values.ts';

const QUOTIENT_LIMIT = 10n ** BigInt(QUOTIENT.width);

interface Scalar {
  readonly name: string;
  readonly parameters: readonly DuckDBType[];
  readonly varargs?: DuckDBType;
  readonly returns: DuckDBType;
  /** Called for rows without NULL; with `nulls` for every row. */
  readonly call: (args: readonly DuckDBValue[]) => DuckDBValue;
  readonly nulls?: boolean;
}

const SCALARS: readonly Scalar[] = [
  {
    name: 'pg_numeric_quotient',
    parameters: [VARCHAR, VARCHAR],
    returns: DECIMAL(QUOTIENT.width, QUOTIENT.scale),
    call: ([a, b]) => {
      const unscaled = rescale(divide(String(a), String(b)), QUOTIENT.scale);
      if (unscaled >= QUOTIENT_LIMIT || unscaled <= -QUOTIENT_LIMIT) {
        throw new CausewayError(SQLSTATE.numericValueOutOfRange, 'value overflows numeric format');
      }
      return new DuckDBDecimalValue(unscaled, QUOTIENT.width, QUOTIENT.scale);
    },
  },
  { name: 'pg_quotient_text', parameters: [VARCHAR], returns: VARCHAR, call: ([x]) => quotientText(String(x)) },
  { name: 'pg_double_text', parameters: [DOUBLE], returns: VARCHAR, call: ([x]) => doubleText(Number(x)) },
  { name: 'pg_real_text', parameters: [FLOAT], returns: VARCHAR, call: ([x]) => realText(Number(x)) },
  {
    name: 'pg_interval_text',
    parameters: [INTERVAL],
    returns: VARCHAR,
    call: ([x]) => (x instanceof DuckDBIntervalValue ? intervalText(x.months, x.days, x.micros) : null),
  },
  {
    name: 'pg_list_text',
    parameters: [LIST(VARCHAR)],
    returns: VARCHAR,
    call: ([x]) =>
      x instanceof DuckDBListValue ? arrayText(x.items.map((v) => (v === null ? null : String(v)))) : null,
  },
  {
    name: 'pg_to_char_time',
    parameters: [TIMESTAMP, VARCHAR],
    returns: VARCHAR,
    call: ([t, format]) => (t instanceof DuckDBTimestampValue ? timestampToChar(t.micros, String(format)) : null),
  },
  {
    name: 'pg_to_char_interval',
    parameters: [INTERVAL, VARCHAR],
    returns: VARCHAR,
    call: ([x, format]) =>
      x instanceof DuckDBIntervalValue ? intervalToChar(x.months, x.days, x.micros, String(format)) : null,
  },
  {
    name: 'pg_to_char_number',
    parameters: [VARCHAR, VARCHAR],
    returns: VARCHAR,
    call: ([x, format]) => numberToChar(String(x), String(format)),
  },
  {
    name: 'pg_parse_timestamp',
    parameters: [VARCHAR, VARCHAR],
    returns: TIMESTAMP,
    call: ([text, format]) => new DuckDBTimestampValue(parseTimestamp(String(text), String(format))),
  },
  {
    name: 'pg_format',
    parameters: [VARCHAR],
    varargs: ANY,
    returns: VARCHAR,
    nulls: true,
    call: ([pattern, ...args]) =>
      pattern === null
        ? null
        : formatText(
            String(pattern),
            args.map((arg) => (arg === null ? null : valueText(arg))),
          ),
  },
  {
    name: 'pg_similar_pattern',
    parameters: [VARCHAR],
    varargs: VARCHAR,
    returns: VARCHAR,
    call: ([pattern, character]) => similarPattern(String(pattern), character === undefined ? '\\' : String(character)),
  },
  {
    name: 'pg_regexp_groups',
    parameters: [VARCHAR, VARCHAR, VARCHAR],
    returns: VARCHAR,
    call: ([text, pattern, flags]) => {
      const groups = matchGroups(String(text), String(pattern), String(flags));
      return groups === null ? null : JSON.stringify(groups);
    },
  },
  { name: 'pg_jsonb', parameters: [VARCHAR], returns: VARCHAR, call: ([text]) => jsonbText(String(text)) },
];

/** A column of the arguments; undefined for one that is the untyped NULL, which has no vector to read. */
function vectorOf(input: DuckDBDataChunk, index: number): DuckDBVector | undefined {
  const type = duckdb.vector_get_column_type(duckdb.data_chunk_get_vector(input.chunk, index));
  return duckdb.get_type_id(type) === duckdb.Type.SQLNULL ? undefined : input.getColumnVector(index);
}

/** Registers the functions in the connection's instance. */
export function registerScalars(connection: DuckDBConnection): void {
  for (const { name, parameters, varargs, returns, call, nulls } of SCALARS) {
    connection.registerScalarFunction(
      DuckDBScalarFunction.create({
        name,
        parameterTypes: parameters,
        ...(varargs === undefined ? {} : { varArgsType: varargs }),
        returnType: returns,
        specialHandling: nulls === true,
        mainFunction: (_info, input, output) => {
          const vectors = Array.from({ length: input.columnCount }, (_, index) => vectorOf(input, index));
          for (let row = 0; row < input.rowCount; row++) {
            const args = vectors.map((vector) => vector?.getItem(row) ?? null);
            output.setItem(row, nulls !== true && args.includes(null) ? null : call(args));
          }
          output.flush();
        },
      }),
    );
  }
}
