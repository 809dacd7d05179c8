/** Iceberg's table metadata (Iceberg table specification, "Table Metadata"), format versions 1 to 3. */
import { gunzipSync } from 'node:zlib';
import { CausewayError, SQLSTATE } from '../../../../src/plan/errors.ts';

export type IcebergType =
  | string
  | { readonly type: 'struct'; readonly fields: readonly IcebergField[] }
  | { readonly type: 'list'; readonly element: IcebergType }
  | { readonly type: 'map'; readonly key: IcebergType; readonly value: IcebergType };

interface IcebergField {
  readonly id: number;
  readonly name: string;
  readonly required: boolean;
  readonly type: IcebergType;
  readonly doc?: string;
  readonly 'initial-default'?: unknown;
}

export interface IcebergSchema {
  readonly 'schema-id'?: number;
  readonly fields: readonly IcebergField[];
}

interface PartitionField {
  readonly 'source-id': number;
  readonly name: string;
  readonly transform: string;
}

export interface IcebergSnapshot {
  /** Text, because it has up to 63 bits. */
  readonly 'snapshot-id': string;
  readonly 'timestamp-ms': number;
  readonly 'manifest-list'?: string;
  /** Format version 1 without manifest lists. */
  readonly manifests?: readonly string[];
  readonly 'schema-id'?: number;
}

/** Top-level fields of `schema.name-mapping.default`: names that stand for field ids. */
export type NameMapping = readonly { readonly 'field-id'?: number; readonly names: readonly string[] }[];

export interface TableMetadata {
  readonly 'format-version': number;
  readonly location: string;
  readonly schemas: readonly IcebergSchema[];
  readonly 'current-schema-id': number;
  readonly 'partition-specs': readonly { readonly 'spec-id': number; readonly fields: readonly PartitionField[] }[];
  readonly 'current-snapshot-id'?: string | null;
  readonly properties?: Readonly<Record<string, string>>;
  readonly snapshots: readonly IcebergSnapshot[];
}

/** Parses a metadata file, compressed or not. @throws CausewayError naming `file` when it is none or too new. */
export function parseMetadata(bytes: Uint8Array, file: string): TableMetadata {
  let raw: Record<string, unknown>;
  try {
    const text = bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : Buffer.from(bytes);
    raw = JSON.parse(text.toString(), exactIds) as Record<string, unknown>;
  } catch (error) {
    throw new CausewayError(SQLSTATE.dataCorrupted, `${file} is no Iceberg table metadata`, { cause: error });
  }
  return checkMetadata(raw, file);
}

/** Metadata as a catalog's answer has it. */
function checkMetadata(raw: Record<string, unknown>, file: string): TableMetadata {
  const version = raw['format-version'];
  if (version !== 1 && version !== 2 && version !== 3) {
    throw new CausewayError(
      SQLSTATE.featureNotSupported,
      `${file} has Iceberg format version ${String(version)}, unknown to this version`,
    );
  }
  const snapshots = (raw.snapshots ?? []) as IcebergSnapshot[];
  const current = raw['current-snapshot-id'];
  return {
    ...(raw as unknown as TableMetadata),
    // Version 1 may have one schema and one spec without ids.
    schemas: (raw.schemas ?? [{ ...(raw.schema as IcebergSchema), 'schema-id': 0 }]) as IcebergSchema[],
    'current-schema-id': (raw['current-schema-id'] ?? 0) as number,
    'partition-specs': (raw['partition-specs'] ?? [
      { 'spec-id': 0, fields: raw['partition-spec'] ?? [] },
    ]) as TableMetadata['partition-specs'],
    snapshots: snapshots.map((s) => ({ ...s, 'snapshot-id': String(s['snapshot-id']) })),
    'current-snapshot-id':
      current === undefined || current === null || String(current) === '-1' ? null : String(current),
  };
}

/** The table's name mapping, if it has one. @throws CausewayError XX001 when it is no JSON list */
export function nameMapping({ properties }: TableMetadata, table: string): NameMapping | undefined {
  const text = properties?.['schema.name-mapping.default'];
  if (text === undefined) return undefined;
  try {
    const mapping: unknown = JSON.parse(text);
    if (Array.isArray(mapping) && mapping.every((each) => Array.isArray(each?.names))) return mapping as NameMapping;
  } catch {
    // Told below.
  }
  throw new CausewayError(
    SQLSTATE.dataCorrupted,
    `the name mapping of the Iceberg table "${table}" is no list of names`,
  );
}

/** Integers beyond 53 bits stay text. */
const exactIds = (_: string, value: unknown, context?: { readonly source?: string }): unknown =>
  typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)
    ? (context?.source ?? value)
    : value;
