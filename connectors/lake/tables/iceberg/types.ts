/** Iceberg's types as ours, and its single-value serialization (specification, Appendix D) as keys for data skipping. */
import { CausewayError, SQLSTATE } from '../../../../src/plan/errors.ts';
import { arrayOf, numeric, type SqlType, scalar } from '../../../../src/plan/types.ts';
import { quoteIdentifier } from '../../../duckdb-engine/conform.ts';
import { type Key, keyOf } from '../../bounds.ts';
import type { LakeColumn } from '../table.ts';
import type { IcebergSchema, IcebergType, NameMapping } from './metadata.ts';

const TYPES: Readonly<Record<string, readonly [string, SqlType]>> = {
  boolean: ['BOOLEAN', scalar('boolean')],
  int: ['INTEGER', scalar('integer')],
  long: ['BIGINT', scalar('bigint')],
  float: ['FLOAT', scalar('real')],
  double: ['DOUBLE', scalar('double')],
  date: ['DATE', scalar('date')],
  time: ['TIME', scalar('time')],
  timestamp: ['TIMESTAMP', scalar('timestamp')],
  timestamptz: ['TIMESTAMP WITH TIME ZONE', scalar('timestamptz')],
  string: ['VARCHAR', scalar('text')],
  uuid: ['UUID', scalar('uuid')],
  binary: ['BLOB', scalar('bytea')],
};

/**
 * The columns of a schema, mapped by field id, and by `mapping` in files without ids.
 * @throws CausewayError 0A000 for what is not known.
 */
export function icebergColumns(schema: IcebergSchema, table: string, mapping?: NameMapping): readonly LakeColumn[] {
  return schema.fields.map((field): LakeColumn => {
    const [duckType, type] = typeOf(field.type, table);
    const standing = field['initial-default'] ?? undefined;
    if (standing !== undefined && (typeof standing === 'object' || type.kind === 'bytea')) {
      throw unsupported(table, `the column default of "${field.name}"`);
    }
    const names = mapping?.find((each) => each['field-id'] === field.id)?.names;
    return {
      name: field.name,
      type,
      duckType,
      nullable: !field.required,
      source: {
        kind: 'field',
        id: field.id,
        ...(names === undefined ? {} : { names }),
        ...(standing === undefined ? {} : { initial: String(standing) }),
      },
      ...(field.doc === undefined ? {} : { comment: field.doc }),
    };
  });
}

function typeOf(type: IcebergType, table: string): readonly [string, SqlType] {
  if (typeof type === 'string') {
    const decimal = /^decimal\((\d+), ?(\d+)\)$/.exec(type);
    if (decimal !== null) {
      const [precision, scale] = [Number(decimal[1]), Number(decimal[2])];
      return [`DECIMAL(${precision},${scale})`, numeric(precision, scale)];
    }
    if (/^fixed\[\d+\]$/.test(type)) return TYPES.binary!;
    const known = Object.hasOwn(TYPES, type) ? TYPES[type] : undefined;
    if (known === undefined) throw unsupported(table, `the type "${type}"`);
    return known;
  }
  switch (type.type) {
    case 'list': {
      const [duckType, element] = typeOf(type.element, table);
      return [`${duckType}[]`, element.kind === 'json' ? element : arrayOf(element)];
    }
    case 'map':
      return [`MAP(${typeOf(type.key, table)[0]}, ${typeOf(type.value, table)[0]})`, scalar('json')];
    default: {
      const fields = type.fields.map((field) => `${quoteIdentifier(field.name)} ${typeOf(field.type, table)[0]}`);
      return [`STRUCT(${fields.join(', ')})`, scalar('json')];
    }
  }
}

const unsupported = (table: string, what: string): CausewayError =>
  new CausewayError(SQLSTATE.featureNotSupported, `the Iceberg table "${table}" uses ${what}, unknown to this version`);

const MICROS_PER_DAY = 86_400_000_000n;

/** The key of a bound. A file written before its column was widened has the shorter form. */
export function keyOfBytes(type: SqlType, bytes: Buffer): Key | undefined {
  switch (type.kind) {
    case 'boolean':
      return bytes.length === 1 ? bytes[0] : undefined;
    case 'smallint':
    case 'integer':
    case 'bigint':
      return keyOf(type, integer(bytes));
    case 'real':
    case 'double':
      return bytes.length === 4 ? bytes.readFloatLE() : bytes.length === 8 ? bytes.readDoubleLE() : undefined;
    case 'numeric': {
      const digits = BigInt.asIntN(bytes.length * 8, BigInt(`0x${bytes.toString('hex') || '0'}`));
      return keyOf(type, `${digits}e-${type.scale ?? 0}`);
    }
    case 'date':
      return BigInt(integer(bytes)) * MICROS_PER_DAY;
    case 'timestamp':
    case 'timestamptz':
      return integer(bytes);
    case 'text':
      return bytes.toString();
    case 'uuid':
      return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
    default:
      return undefined;
  }
}

const integer = (bytes: Buffer): bigint => (bytes.length === 4 ? BigInt(bytes.readInt32LE()) : bytes.readBigInt64LE());
