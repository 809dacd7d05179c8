/** Snowflake's types and ours. */
import { numeric, type SqlType, scalar } from '../../src/plan/types.ts';

/**
 * A type by its name and, for numbers, its precision and scale. INTEGER and BIGINT are other words for NUMBER(38, 0) in
 * Snowflake; what fits is a whole number here, wider ones are numeric and stay exact.
 */
export function typeOf(name: string, precision?: number, scale?: number): SqlType {
  switch (name.toUpperCase()) {
    case 'FIXED':
    case 'NUMBER':
    case 'DECIMAL':
    case 'NUMERIC':
      return numberType(precision ?? 38, scale ?? 0);
    case 'REAL':
    case 'FLOAT':
    case 'DOUBLE':
      return scalar('double');
    case 'BOOLEAN':
      return scalar('boolean');
    case 'DATE':
      return scalar('date');
    case 'TIME':
      return scalar('time');
    case 'TIMESTAMP_NTZ':
      return scalar('timestamp');
    case 'TIMESTAMP_LTZ':
    case 'TIMESTAMP_TZ':
      return scalar('timestamptz');
    case 'BINARY':
      return scalar('bytea');
    case 'VARIANT':
    case 'OBJECT':
    case 'ARRAY':
    case 'MAP':
    case 'VECTOR':
    // The session asks for GeoJSON.
    case 'GEOGRAPHY':
    case 'GEOMETRY':
      return scalar('json');
    default:
      return scalar('text');
  }
}

/** Digits that every value of a whole type has: 9,999 is a smallint, 99,999 may be none. */
const SMALLINT_DIGITS = 4;
const INTEGER_DIGITS = 9;
const BIGINT_DIGITS = 18;

function numberType(precision: number, scale: number): SqlType {
  if (scale !== 0 || precision > BIGINT_DIGITS) return numeric(precision, scale);
  if (precision <= SMALLINT_DIGITS) return scalar('smallint');
  return scalar(precision <= INTEGER_DIGITS ? 'integer' : 'bigint');
}

/** What a column is declared as, wide enough for every value of its type. */
export function writtenType(type: SqlType): string {
  switch (type.kind) {
    case 'boolean':
      return 'BOOLEAN';
    case 'smallint':
      return 'NUMBER(5, 0)';
    case 'integer':
      return 'NUMBER(10, 0)';
    case 'bigint':
      return 'NUMBER(19, 0)';
    case 'numeric':
      return type.precision === undefined || type.precision > 38
        ? 'VARCHAR'
        : `NUMBER(${type.precision}, ${type.scale ?? 0})`;
    case 'real':
    case 'double':
      return 'DOUBLE';
    case 'bytea':
      return 'BINARY';
    case 'date':
      return 'DATE';
    case 'time':
      return 'TIME(6)';
    case 'timestamp':
      return 'TIMESTAMP_NTZ(6)';
    case 'timestamptz':
      return 'TIMESTAMP_LTZ';
    case 'json':
    case 'jsonb':
      return 'VARIANT';
    case 'varchar':
      return type.length === undefined ? 'VARCHAR' : `VARCHAR(${type.length})`;
    default:
      return 'VARCHAR';
  }
}
