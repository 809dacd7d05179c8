/** DuckDB's types and ours, both ways. */
import { type DuckDBType, DuckDBTypeId } from '@duckdb/node-api';
import { arrayOf, numeric, type SqlType, scalar } from '../../src/plan/types.ts';

/** Decimal digits of DuckDB's widest exact number. */
export const MAX_DECIMAL_DIGITS = 38;

/** The type of every numeric quotient in DuckDB, whose decimals PostgreSQL would choose by the value. */
export const QUOTIENT = { width: MAX_DECIMAL_DIGITS, scale: 20 } as const;

/** The SQL type a DuckDB value appears as. Nested values (struct, map, union) appear as json. */
export function sqlTypeOf(type: DuckDBType): SqlType {
  if (type.alias === 'JSON') return scalar('json');
  switch (type.typeId) {
    case DuckDBTypeId.BOOLEAN:
      return scalar('boolean');
    case DuckDBTypeId.TINYINT:
    case DuckDBTypeId.SMALLINT:
    case DuckDBTypeId.UTINYINT:
      return scalar('smallint');
    case DuckDBTypeId.INTEGER:
    case DuckDBTypeId.USMALLINT:
      return scalar('integer');
    case DuckDBTypeId.BIGINT:
    case DuckDBTypeId.UINTEGER:
      return scalar('bigint');
    case DuckDBTypeId.UBIGINT:
      return numeric(20, 0);
    case DuckDBTypeId.HUGEINT:
      return numeric(MAX_DECIMAL_DIGITS, 0);
    case DuckDBTypeId.UHUGEINT:
    case DuckDBTypeId.BIGNUM:
      return numeric();
    case DuckDBTypeId.FLOAT:
      return scalar('real');
    case DuckDBTypeId.DOUBLE:
      return scalar('double');
    case DuckDBTypeId.DECIMAL:
      return numeric(type.width, type.scale);
    case DuckDBTypeId.BLOB:
      return scalar('bytea');
    case DuckDBTypeId.DATE:
      return scalar('date');
    case DuckDBTypeId.TIME:
    case DuckDBTypeId.TIME_NS:
      return scalar('time');
    case DuckDBTypeId.TIME_TZ:
      return scalar('timetz');
    case DuckDBTypeId.TIMESTAMP:
    case DuckDBTypeId.TIMESTAMP_S:
    case DuckDBTypeId.TIMESTAMP_MS:
    case DuckDBTypeId.TIMESTAMP_NS:
      return scalar('timestamp');
    case DuckDBTypeId.TIMESTAMP_TZ:
      return scalar('timestamptz');
    case DuckDBTypeId.INTERVAL:
      return scalar('interval');
    case DuckDBTypeId.UUID:
      return scalar('uuid');
    case DuckDBTypeId.LIST:
    case DuckDBTypeId.ARRAY:
      return arrayOf(sqlTypeOf(type.valueType));
    case DuckDBTypeId.STRUCT:
    case DuckDBTypeId.MAP:
    case DuckDBTypeId.UNION:
      return scalar('json');
    default:
      return scalar('text');
  }
}

/**
 * The DuckDB type that holds values of `type`, as DDL. Undefined for numeric that DuckDB cannot hold exactly in one
 * fixed type: without precision, or wider than 38 digits.
 */
export function duckdbTypeName(type: SqlType): string | undefined {
  switch (type.kind) {
    case 'numeric':
      return type.precision === undefined || type.precision > MAX_DECIMAL_DIGITS
        ? undefined
        : `DECIMAL(${type.precision},${type.scale ?? 0})`;
    case 'array': {
      const element = duckdbTypeName(type.element);
      return `${element ?? 'DOUBLE'}[]`;
    }
    default:
      return NAMES[type.kind];
  }
}

const NAMES: Readonly<Record<Exclude<SqlType['kind'], 'numeric' | 'array'>, string>> = {
  boolean: 'BOOLEAN',
  smallint: 'SMALLINT',
  integer: 'INTEGER',
  bigint: 'BIGINT',
  real: 'FLOAT',
  double: 'DOUBLE',
  text: 'VARCHAR',
  varchar: 'VARCHAR',
  char: 'VARCHAR',
  unknown: 'VARCHAR',
  bytea: 'BLOB',
  date: 'DATE',
  time: 'TIME',
  timetz: 'TIMETZ',
  timestamp: 'TIMESTAMP',
  timestamptz: 'TIMESTAMPTZ',
  interval: 'INTERVAL',
  uuid: 'UUID',
  json: 'JSON',
  jsonb: 'JSON',
};
