/** MySQL's column types, and ours. */
import mysql2, { type FieldPacket } from 'mysql2';
import { numeric, type SqlType, scalar, typeName } from '../../src/plan/types.ts';

/** A getter of the CommonJS module, which Node does not see as a named export. */
const { Types } = mysql2;

/** The type of a declared one: `decimal(12,2)`, `int(10) unsigned`, `varchar(20)`. */
export function typeFromCatalog(declared: string): SqlType {
  const [, name = '', first, second] = /^(\w+)(?:\((\d+)(?:,(\d+))?\))?/.exec(declared.toLowerCase()) ?? [];
  const unsigned = declared.includes('unsigned');
  switch (name) {
    case 'tinyint':
      return first === '1' ? scalar('boolean') : scalar('smallint');
    case 'smallint':
    case 'year':
      return unsigned ? scalar('integer') : scalar('smallint');
    case 'mediumint':
      return scalar('integer');
    case 'int':
      return unsigned ? scalar('bigint') : scalar('integer');
    case 'bigint':
      return unsigned ? numeric(20, 0) : scalar('bigint');
    case 'decimal':
      return Number(first) > 38 ? numeric() : numeric(Number(first ?? 10), Number(second ?? 0));
    case 'float':
      return scalar('real');
    case 'double':
      return scalar('double');
    case 'varchar':
      return { kind: 'varchar', length: Number(first) };
    case 'date':
    case 'time':
    case 'json':
      return scalar(name);
    case 'datetime':
      return scalar('timestamp');
    case 'timestamp':
      return scalar('timestamptz');
    default:
      return /blob|binary/.test(name) ? scalar('bytea') : scalar('text');
  }
}

/** The type of a result's column. */
export function describedType({ columnType, columnLength, decimals }: FieldPacket): SqlType {
  switch (columnType) {
    case Types.TINY:
    case Types.SHORT:
      return scalar('smallint');
    case Types.INT24:
    case Types.LONG:
      return scalar('integer');
    case Types.LONGLONG:
      return scalar('bigint');
    case Types.NEWDECIMAL: {
      // The length counts a sign and, where there are decimals, a point.
      const precision = (columnLength ?? 12) - ((decimals ?? 0) > 0 ? 2 : 1);
      return precision > 38 ? numeric() : numeric(precision, decimals ?? 0);
    }
    case Types.FLOAT:
      return scalar('real');
    case Types.DOUBLE:
      return scalar('double');
    case Types.DATE:
      return scalar('date');
    case Types.TIME:
      return scalar('time');
    case Types.DATETIME:
      return scalar('timestamp');
    case Types.TIMESTAMP:
      return scalar('timestamptz');
    default:
      return scalar('text');
  }
}

/** What a column is declared as, so that it is read back as the type it was written with. */
export function writtenType(type: SqlType): string {
  switch (type.kind) {
    case 'boolean':
      return 'tinyint(1)';
    case 'real':
      return 'float';
    case 'double':
      return 'double';
    case 'numeric':
      return type.precision === undefined ? 'longtext' : `decimal(${type.precision}, ${type.scale ?? 0})`;
    case 'bytea':
      return 'longblob';
    case 'time':
      return 'time(6)';
    case 'timestamp':
      return 'datetime(6)';
    case 'timestamptz':
      return 'timestamp(6) NULL';
    case 'varchar':
      return type.length === undefined ? 'longtext' : `varchar(${type.length})`;
    case 'smallint':
    case 'integer':
    case 'bigint':
    case 'date':
    case 'json':
      return typeName(type);
    default:
      return 'longtext';
  }
}
