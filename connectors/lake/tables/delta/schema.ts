/** Delta's schema (PROTOCOL.md, "Schema Serialization Format") as columns, with column mapping. */
import { CausewayError, SQLSTATE } from '../../../../src/plan/errors.ts';
import { numeric, type SqlType, scalar } from '../../../../src/plan/types.ts';
import { quoteIdentifier } from '../../../duckdb-engine/conform.ts';
import type { LakeColumn } from '../table.ts';
import type { Metadata } from './actions.ts';

type DeltaType =
  | string
  | { readonly type: 'struct'; readonly fields: readonly DeltaField[] }
  | { readonly type: 'array'; readonly elementType: DeltaType }
  | { readonly type: 'map'; readonly keyType: DeltaType; readonly valueType: DeltaType };

interface DeltaField {
  readonly name: string;
  readonly type: DeltaType;
  readonly nullable: boolean;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

const TYPES: Readonly<Record<string, readonly [string, SqlType]>> = {
  string: ['VARCHAR', scalar('text')],
  long: ['BIGINT', scalar('bigint')],
  integer: ['INTEGER', scalar('integer')],
  short: ['SMALLINT', scalar('smallint')],
  byte: ['TINYINT', scalar('smallint')],
  float: ['FLOAT', scalar('real')],
  double: ['DOUBLE', scalar('double')],
  boolean: ['BOOLEAN', scalar('boolean')],
  binary: ['BLOB', scalar('bytea')],
  date: ['DATE', scalar('date')],
  timestamp: ['TIMESTAMP WITH TIME ZONE', scalar('timestamptz')],
  timestamp_ntz: ['TIMESTAMP', scalar('timestamp')],
};

/** A column with the name that the files and the statistics have for it. */
export interface DeltaColumn extends LakeColumn {
  readonly physicalName: string;
}

/** @throws CausewayError for a type or a mapping mode that is not known. */
export function deltaColumns(metadata: Metadata, table: string): readonly DeltaColumn[] {
  const mode = metadata.configuration?.['delta.columnMapping.mode'] ?? 'none';
  if (!['none', 'name', 'id'].includes(mode)) throw unsupported(table, `the column mapping mode "${mode}"`);
  const { fields } = JSON.parse(metadata.schemaString) as { fields: readonly DeltaField[] };
  return fields.map((field): DeltaColumn => {
    const physicalName = physicalNameOf(field, mode);
    const id = Number(field.metadata?.['delta.columnMapping.id']);
    const [duckType, type] = duckTypeOf(field.type, mode, table);
    const comment = field.metadata?.comment;
    return {
      name: field.name,
      type,
      duckType,
      nullable: field.nullable,
      physicalName,
      source: metadata.partitionColumns.includes(field.name)
        ? { kind: 'partition', key: physicalName }
        : { kind: 'field', id: mode === 'id' ? id : physicalName },
      ...(typeof comment === 'string' ? { comment } : {}),
      ...(mode !== 'none' && hasStruct(field.type) ? { restore: (value) => restored(value, field.type, table) } : {}),
    };
  });
}

function duckTypeOf(type: DeltaType, mode: string, table: string): readonly [string, SqlType] {
  if (typeof type === 'string') {
    const decimal = /^decimal\((\d+),(-?\d+)\)$/.exec(type);
    if (decimal !== null) {
      const [precision, scale] = [Number(decimal[1]), Number(decimal[2])];
      return [`DECIMAL(${precision},${scale})`, numeric(precision, scale)];
    }
    const known = Object.hasOwn(TYPES, type) ? TYPES[type] : undefined;
    if (known === undefined) throw unsupported(table, `the type "${type}"`);
    return known;
  }
  const nested = (inner: DeltaType): string => duckTypeOf(inner, mode, table)[0];
  switch (type.type) {
    case 'array': {
      const [duckType, element] = duckTypeOf(type.elementType, mode, table);
      return [`${duckType}[]`, element.kind === 'json' ? element : Object.freeze({ kind: 'array', element })];
    }
    case 'map':
      return [`MAP(${nested(type.keyType)}, ${nested(type.valueType)})`, scalar('json')];
    default: {
      const fields = type.fields.map((f) => `${quoteIdentifier(physicalNameOf(f, mode))} ${nested(f.type)}`);
      return [`STRUCT(${fields.join(', ')})`, scalar('json')];
    }
  }
}

const physicalNameOf = (field: DeltaField, mode: string): string =>
  mode === 'none' ? field.name : String(field.metadata?.['delta.columnMapping.physicalName']);

function hasStruct(type: DeltaType): boolean {
  if (typeof type === 'string') return false;
  if (type.type === 'array') return hasStruct(type.elementType);
  return type.type === 'struct' || hasStruct(type.keyType) || hasStruct(type.valueType);
}

/** Inside structs the files have physical names: the value with the logical ones. */
function restored(value: string, type: DeltaType, table: string, depth = 0): string {
  if (!hasStruct(type) || typeof type === 'string') return value;
  switch (type.type) {
    case 'array':
      return `list_transform(${value}, lambda e${depth}: ${restored(`e${depth}`, type.elementType, table, depth + 1)})`;
    case 'map':
      throw unsupported(table, 'a map of structs under column mapping');
    default: {
      const fields = type.fields.map((field) => {
        const inner = `${value}.${quoteIdentifier(physicalNameOf(field, 'name'))}`;
        return `${quoteIdentifier(field.name)} := ${restored(inner, field.type, table, depth)}`;
      });
      return `CASE WHEN ${value} IS NOT NULL THEN struct_pack(${fields.join(', ')}) END`;
    }
  }
}

const unsupported = (table: string, what: string): CausewayError =>
  new CausewayError(SQLSTATE.featureNotSupported, `the Delta table "${table}" uses ${what}, unknown to this version`);
