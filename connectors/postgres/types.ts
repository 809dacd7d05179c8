/** PostgreSQL's types and ours. */
import { arrayOf, numeric, type SqlType, scalar } from '../../src/plan/types.ts';

/** By pg_type.typname; domains are asked for by their base type. */
const BY_NAME: Readonly<Record<string, SqlType>> = {
  bool: scalar('boolean'),
  int2: scalar('smallint'),
  int4: scalar('integer'),
  int8: scalar('bigint'),
  oid: scalar('bigint'),
  float4: scalar('real'),
  float8: scalar('double'),
  text: scalar('text'),
  bytea: scalar('bytea'),
  date: scalar('date'),
  time: scalar('time'),
  timetz: scalar('timetz'),
  timestamp: scalar('timestamp'),
  timestamptz: scalar('timestamptz'),
  interval: scalar('interval'),
  uuid: scalar('uuid'),
  json: scalar('json'),
  jsonb: scalar('jsonb'),
};

/** The bytes of the length word that a type modifier of varchar and char includes (VARHDRSZ). */
const HEADER = 4;

/**
 * A type by its name and modifier (pg_attribute.atttypmod). Types without a counterpart (inet, point, enums, ranges)
 * appear as text, in their text form.
 */
export function typeFromCatalog(name: string, modifier: number): SqlType {
  if (name.startsWith('_')) return arrayOf(typeFromCatalog(name.slice(1), modifier));
  switch (name) {
    case 'numeric': {
      if (modifier < 0) return numeric();
      const packed = modifier - HEADER;
      // The scale is 11 bits with sign since PostgreSQL 15 (numeric(3, -2)).
      const scale = ((packed & 0x7ff) ^ 1024) - 1024;
      const precision = (packed >> 16) & 0xffff;
      return scale < 0 || scale > precision ? numeric() : numeric(precision, scale);
    }
    case 'varchar':
      return modifier < 0 ? { kind: 'varchar' } : { kind: 'varchar', length: modifier - HEADER };
    case 'bpchar':
      return modifier < 0 ? scalar('text') : { kind: 'char', length: modifier - HEADER };
    default:
      return BY_NAME[name] ?? scalar('text');
  }
}

/** The cast that makes a value arrive in the layout of arrow.ts: text for what travels as text. */
export function transferCast(type: SqlType): string {
  switch (type.kind) {
    case 'boolean':
    case 'smallint':
    case 'integer':
    case 'bigint':
    case 'real':
    case 'bytea':
    case 'date':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return type.kind;
    case 'double':
      return 'double precision';
    case 'numeric':
      return type.precision === undefined || type.precision > 38 ? 'text' : 'numeric';
    case 'char':
      return 'bpchar';
    default:
      return 'text';
  }
}
