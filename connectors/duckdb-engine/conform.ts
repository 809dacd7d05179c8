/**
 * Makes a DuckDB query answer in the layout that was promised for its columns: casts are added where DuckDB's own type
 * of a column is another one than the type it is to travel as.
 */
import { type DuckDBConnection, type DuckDBPreparedStatement, type DuckDBType, DuckDBTypeId } from '@duckdb/node-api';
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';
import type { SqlType } from '../../src/plan/types.ts';
import type { ColumnInfo, ResultColumn } from '../connector.ts';
import { quoteIdentifier } from '../quoting.ts';
import { duckdbError } from './errors.ts';

export { quoteIdentifier, quoteLiteral } from '../quoting.ts';

import { duckdbTypeName, QUOTIENT, sqlTypeOf } from './types.ts';

/** Names and DuckDB types of a query's columns, without running it. */
async function preparedColumns(
  connection: DuckDBConnection,
  sql: string,
): Promise<{ name: string; type: DuckDBType }[]> {
  const prepared = await connection.prepare(sql).catch((thrown) => {
    throw duckdbError(thrown);
  });
  try {
    return Array.from({ length: prepared.columnCount }, (_, index) => ({
      name: prepared.columnName(index),
      type: prepared.columnType(index),
    }));
  } finally {
    prepared.destroySync();
  }
}

/** The columns of a query as SQL types, without running it. */
export async function describeQuery(connection: DuckDBConnection, sql: string): Promise<readonly ColumnInfo[]> {
  const columns = await preparedColumns(connection, sql);
  return columns.map(({ name, type }) => ({ name, type: sqlTypeOf(type), nullable: true }));
}

/** What `$1`, `$2` … of a query are inferred to be. */
export async function describeParameters(connection: DuckDBConnection, sql: string): Promise<readonly SqlType[]> {
  const prepared = await connection.prepare(sql).catch((thrown) => {
    throw duckdbError(thrown);
  });
  try {
    return Array.from({ length: prepared.parameterCount }, (_, i) => parameterType(prepared, i + 1));
  } finally {
    prepared.destroySync();
  }
}

function parameterType(prepared: DuckDBPreparedStatement, index: number): SqlType {
  try {
    return sqlTypeOf(prepared.parameterType(index));
  } catch {
    // DuckDB has no answer where nothing says what the parameter is.
    return { kind: 'unknown' };
  }
}

/**
 * `sql` with its i-th column in the DuckDB type that `columns[i]` is read from ('read': Arrow comes next) or stored as
 * ('store': other queries come next, and a numeric without precision keeps the type it has).
 */
export async function conform(
  connection: DuckDBConnection,
  sql: string,
  columns: readonly ResultColumn[],
  purpose: 'read' | 'store',
): Promise<string> {
  const actual = await preparedColumns(connection, sql);
  if (actual.length !== columns.length) {
    throw new CausewayError(
      SQLSTATE.internalError,
      `the query has ${actual.length} columns where ${columns.length} were planned`,
      { detail: sql },
    );
  }
  const expressions = columns.map((column, index) => {
    const name = `c${index}`;
    const expression = purpose === 'read' ? readable(name, actual[index]!.type, column.type) : undefined;
    return expression ?? stored(name, actual[index]!.type, column.type) ?? name;
  });
  const named = purpose === 'store' && actual.some(({ name }, index) => name !== columns[index]!.name);
  if (!named && expressions.every((expression, index) => expression === `c${index}`)) return sql;
  const outputs = expressions.map((expression, index) =>
    purpose === 'store' ? `${expression} AS ${quoteIdentifier(columns[index]!.name)}` : expression,
  );
  return `SELECT ${outputs.join(', ')} FROM (${sql}\n) AS t(${columns.map((_, index) => `c${index}`).join(', ')})`;
}

/** The cast for reading `target` as Arrow, where it differs from the cast for storing. */
function readable(name: string, actual: DuckDBType, target: SqlType): string | undefined {
  switch (target.kind) {
    case 'numeric':
      if (duckdbTypeName(target) !== undefined) return undefined;
      if (isQuotient(actual)) return `pg_quotient_text(${name}::VARCHAR)`;
      return isFloat(actual) ? `${name}::DOUBLE` : `${name}::VARCHAR`;
    case 'char':
      return `rpad(${name}::VARCHAR, greatest(${target.length}, length(${name}::VARCHAR))::INTEGER, ' ')`;
    case 'uuid':
      return `${name}::VARCHAR`;
    case 'json':
    case 'jsonb':
      return isText(actual) ? `${name}::VARCHAR` : `to_json(${name})::VARCHAR`;
    case 'array':
      return isText(actual) || isList(actual) ? name : undefined;
    default:
      return undefined;
  }
}

function stored(name: string, actual: DuckDBType, target: SqlType): string | undefined {
  const wanted = duckdbTypeName(target);
  if (wanted === undefined || sameDuckDBType(actual, target)) return undefined;
  if (isNested(actual) && wanted === 'JSON') return `to_json(${name})`;
  if (isNested(actual) && wanted === 'VARCHAR') return `to_json(${name})::VARCHAR`;
  return `${name}::${wanted}`;
}

/** True when no cast is needed: the two have one physical and logical form. */
function sameDuckDBType(actual: DuckDBType, target: SqlType): boolean {
  if (actual.typeId === DuckDBTypeId.DECIMAL && target.kind === 'numeric') {
    return actual.width === target.precision && actual.scale === (target.scale ?? 0);
  }
  if (isList(actual) && target.kind === 'array') return sameDuckDBType(actual.valueType, target.element);
  return TYPE_IDS[target.kind] === actual.typeId && !(actual.alias === 'JSON' && !target.kind.startsWith('json'));
}

const isQuotient = (type: DuckDBType) =>
  type.typeId === DuckDBTypeId.DECIMAL && type.width === QUOTIENT.width && type.scale === QUOTIENT.scale;
const isText = (type: DuckDBType) => type.typeId === DuckDBTypeId.VARCHAR;
const isFloat = (type: DuckDBType) => type.typeId === DuckDBTypeId.DOUBLE || type.typeId === DuckDBTypeId.FLOAT;
const isList = (type: DuckDBType) => type.typeId === DuckDBTypeId.LIST;
const isNested = (type: DuckDBType) =>
  type.typeId === DuckDBTypeId.STRUCT || type.typeId === DuckDBTypeId.MAP || type.typeId === DuckDBTypeId.UNION;

const TYPE_IDS: Readonly<Partial<Record<SqlType['kind'], DuckDBTypeId>>> = {
  boolean: DuckDBTypeId.BOOLEAN,
  smallint: DuckDBTypeId.SMALLINT,
  integer: DuckDBTypeId.INTEGER,
  bigint: DuckDBTypeId.BIGINT,
  real: DuckDBTypeId.FLOAT,
  double: DuckDBTypeId.DOUBLE,
  text: DuckDBTypeId.VARCHAR,
  varchar: DuckDBTypeId.VARCHAR,
  char: DuckDBTypeId.VARCHAR,
  unknown: DuckDBTypeId.VARCHAR,
  bytea: DuckDBTypeId.BLOB,
  date: DuckDBTypeId.DATE,
  time: DuckDBTypeId.TIME,
  timetz: DuckDBTypeId.TIME_TZ,
  timestamp: DuckDBTypeId.TIMESTAMP,
  timestamptz: DuckDBTypeId.TIMESTAMP_TZ,
  interval: DuckDBTypeId.INTERVAL,
  uuid: DuckDBTypeId.UUID,
};
