/** For tests: one table in the layout of each format, written by hand around files that DuckDB or Arrow wrote. */
import { randomUUID } from 'node:crypto';
import type { DuckDBConnection } from '@duckdb/node-api';
import { type RecordBatch, Table, tableToIPC } from 'apache-arrow';
import avro from 'avsc';
import type { ProbeTable } from '../../connectors/conformance-probes.ts';
import type { ResultColumn } from '../../connectors/connector.ts';
import { storeBatches } from '../../connectors/duckdb-engine/storage.ts';
import { duckdbTypeName } from '../../connectors/duckdb-engine/types.ts';
import { long } from '../../connectors/lake/tables/iceberg/avro.ts';
import { quoteIdentifier } from '../../connectors/quoting.ts';
import { rowBatches } from '../../connectors/row-batches.ts';
import type { SqlType } from '../../src/plan/types.ts';
import { copyTo } from './lake.ts';

/** Files by their path below the silo's root. */
export type Files = Map<string, Buffer>;

export interface TableWriter {
  /** Writes the table; its rows are also in `duck`, under its name. */
  readonly files: (table: ProbeTable, duck: DuckDBConnection) => Promise<Files>;
  /** What the silo's option `tables` must say of it. */
  readonly spec?: (table: ProbeTable) => object;
}

/** Makes `table` in `duck`. */
export async function load(table: ProbeTable, duck: DuckDBConnection): Promise<void> {
  const place = { database: 'memory', schema: 'main', table: table.name };
  await storeBatches(duck, place, table.columns, rowBatches(table.columns, table.rows), new AbortController().signal);
}

const NULL_TEXT = '«null»';

/** Text files say nothing of their types: the option `types` does. */
const types = ({ columns }: ProbeTable): Record<string, string> =>
  Object.fromEntries(columns.map(({ name, type }) => [name, duckdbTypeName(type) ?? 'VARCHAR']));

const parquet = (table: ProbeTable, duck: DuckDBConnection, columns: string, more = ''): Promise<Buffer> =>
  copyTo(duck, `SELECT ${columns} FROM ${quoteIdentifier(table.name)}`, `FORMAT parquet${more}`);

export const WRITERS: Readonly<Record<string, TableWriter>> = {
  parquet: {
    files: async (table, duck) => new Map([[`${table.name}.parquet`, await parquet(table, duck, '*')]]),
  },
  csv: {
    files: async (table, duck) => {
      const options = `FORMAT csv, HEADER, NULLSTR '${NULL_TEXT}'`;
      return new Map([[`${table.name}.csv`, await copyTo(duck, `FROM ${quoteIdentifier(table.name)}`, options)]]);
    },
    spec: (table) => ({ path: `${table.name}.csv`, header: true, null: NULL_TEXT, types: types(table) }),
  },
  json: {
    files: async (table, duck) => {
      // JSON has neither bytes nor decimals: they are texts.
      const replaced = table.columns.flatMap(({ name, type }) => {
        const column = quoteIdentifier(name);
        if (type.kind === 'bytea') return [`'\\x' || lower(hex(${column})) AS ${column}`];
        return type.kind === 'numeric' ? [`${column}::VARCHAR AS ${column}`] : [];
      });
      const list = replaced.length === 0 ? '*' : `* REPLACE (${replaced.join(', ')})`;
      const query = `SELECT ${list} FROM ${quoteIdentifier(table.name)}`;
      return new Map([[`${table.name}.json`, await copyTo(duck, query, 'FORMAT json')]]);
    },
    spec: (table) => {
      const bytes = table.columns
        .filter(({ type }) => type.kind === 'bytea')
        .map(({ name }) => [name, 'VARCHAR'] as const);
      return { path: `${table.name}.json`, types: { ...types(table), ...Object.fromEntries(bytes) } };
    },
  },
  arrow: {
    files: async ({ columns, name, rows }) => {
      // Without rows there is no batch that would tell the schema.
      const written = rows.length > 0 ? rows : [columns.map(() => null)];
      const batches: RecordBatch[] = [];
      for await (const batch of rowBatches(columns, written)) batches.push(batch);
      const body = tableToIPC(new Table(batches).slice(0, rows.length), 'file');
      return new Map([[`${name}.arrow`, Buffer.from(body)]]);
    },
  },
  delta: { files: deltaFiles },
  iceberg: { files: icebergFiles },
};

interface TypeName {
  /** The type's name in the table format. */
  readonly name: unknown;
  /** What the values are cast to in the Parquet file, where that is another type. */
  readonly cast?: string;
}

async function deltaFiles(table: ProbeTable, duck: DuckDBConnection): Promise<Files> {
  const typed = table.columns.map((column) => ({ ...column, as: deltaType(column.type) }));
  const body = await parquet(table, duck, selection(typed));
  const fields = typed.map(({ name, as }) => ({ name, type: as.name, nullable: true, metadata: {} }));
  const actions = [
    { protocol: { minReaderVersion: 1, minWriterVersion: 2 } },
    {
      metaData: {
        id: randomUUID(),
        format: { provider: 'parquet', options: {} },
        schemaString: JSON.stringify({ type: 'struct', fields }),
        partitionColumns: [],
        configuration: {},
      },
    },
    { add: { path: 'part-0.parquet', partitionValues: {}, size: body.length, modificationTime: 0, dataChange: true } },
  ];
  return new Map([
    [`${table.name}/part-0.parquet`, body],
    [
      `${table.name}/_delta_log/${'0'.repeat(20)}.json`,
      Buffer.from(actions.map((each) => JSON.stringify(each)).join('\n')),
    ],
  ]);
}

function deltaType(type: SqlType): TypeName {
  const known: Readonly<Record<string, string>> = {
    boolean: 'boolean',
    smallint: 'short',
    integer: 'integer',
    bigint: 'long',
    real: 'float',
    double: 'double',
    text: 'string',
    bytea: 'binary',
    date: 'date',
    timestamp: 'timestamp_ntz',
    timestamptz: 'timestamp',
  };
  if (type.kind === 'numeric') return { name: `decimal(${type.precision},${type.scale})` };
  if (type.kind === 'array')
    return { name: { type: 'array', elementType: deltaType(type.element).name, containsNull: true } };
  const name = known[type.kind];
  return name === undefined ? { name: 'string', cast: 'VARCHAR' } : { name };
}

async function icebergFiles(table: ProbeTable, duck: DuckDBConnection): Promise<Files> {
  const typed = table.columns.map((column, i) => ({ ...column, as: icebergType(column.type, 100 + i) }));
  const ids = typed.map(({ name, type }, i) =>
    type.kind === 'array'
      ? `${quoteIdentifier(name)}: {__duckdb_field_id: ${i + 1}, element: ${100 + i}}`
      : `${quoteIdentifier(name)}: ${i + 1}`,
  );
  const body = await parquet(table, duck, selection(typed), `, FIELD_IDS {${ids.join(', ')}}`);
  const fields = typed.map(({ name, as }, i) => ({ id: i + 1, name, required: false, type: as.name }));
  return icebergTable(table.name, fields, [{ path: 'data/0.parquet', body, rows: table.rows.length }]);
}

function icebergType(type: SqlType, elementId: number): TypeName {
  const known: Readonly<Record<string, string>> = {
    boolean: 'boolean',
    integer: 'int',
    bigint: 'long',
    real: 'float',
    double: 'double',
    text: 'string',
    bytea: 'binary',
    date: 'date',
    time: 'time',
    timestamp: 'timestamp',
    timestamptz: 'timestamptz',
    uuid: 'uuid',
  };
  if (type.kind === 'smallint') return { name: 'int', cast: 'INTEGER' };
  if (type.kind === 'numeric') return { name: `decimal(${type.precision}, ${type.scale})` };
  if (type.kind === 'array') {
    const element = icebergType(type.element, 0).name;
    return { name: { type: 'list', 'element-id': elementId, 'element-required': false, element } };
  }
  const name = known[type.kind];
  return name === undefined ? { name: 'string', cast: 'VARCHAR' } : { name };
}

const selection = (columns: readonly (ResultColumn & { readonly as: TypeName })[]): string =>
  columns
    .map(({ name, as }) => {
      const column = quoteIdentifier(name);
      return as.cast === undefined ? column : `${column}::${as.cast} AS ${column}`;
    })
    .join(', ');

const LOCATION = 'file:///somewhere/else';

interface DataFile {
  readonly path: string;
  readonly body: Buffer;
  readonly rows: number;
  /** By the name of the partition field, as Avro has it. */
  readonly partition?: Readonly<Record<string, unknown>>;
}

interface IcebergOptions {
  readonly properties?: Readonly<Record<string, string>>;
  /** Fields of the partition spec; `avro` is the type of the values. */
  readonly spec?: readonly {
    readonly name: string;
    readonly 'source-id': number;
    readonly transform: string;
    readonly avro: string;
  }[];
}

/** An Iceberg table of format version 2 with one snapshot, at `name/`. Paths of data files are below it. */
export function icebergTable(
  name: string,
  fields: readonly { readonly id: number }[],
  data: readonly DataFile[],
  { properties = {}, spec = [] }: IcebergOptions = {},
): Files {
  const manifestPath = 'metadata/manifest.avro';
  const entries = data.map(({ path, body, rows, partition = {} }) => ({
    status: 1,
    snapshot_id: 1n,
    sequence_number: 1n,
    data_file: {
      content: 0,
      file_path: `${LOCATION}/${path}`,
      file_format: 'PARQUET',
      partition,
      record_count: BigInt(rows),
      file_size_in_bytes: BigInt(body.length),
    },
  }));
  const manifest = avroFile(manifestEntry(spec), entries);
  const list = avroFile(MANIFEST_FILE, [
    {
      manifest_path: `${LOCATION}/${manifestPath}`,
      manifest_length: BigInt(manifest.length),
      partition_spec_id: 0,
      content: 0,
      sequence_number: 1n,
    },
  ]);
  const metadata = {
    'format-version': 2,
    'table-uuid': randomUUID(),
    location: LOCATION,
    'current-schema-id': 0,
    schemas: [{ 'schema-id': 0, type: 'struct', fields }],
    'default-spec-id': 0,
    'partition-specs': [{ 'spec-id': 0, fields: spec.map((field, i) => ({ ...field, 'field-id': 1000 + i })) }],
    properties,
    'current-snapshot-id': 1,
    snapshots: [
      { 'snapshot-id': 1, 'timestamp-ms': 0, 'sequence-number': 1, 'manifest-list': `${LOCATION}/metadata/list.avro` },
    ],
  };
  return new Map([
    ...data.map(({ path, body }) => [`${name}/${path}`, body] as const),
    [`${name}/${manifestPath}`, manifest],
    [`${name}/metadata/list.avro`, list],
    [`${name}/metadata/v1.metadata.json`, Buffer.from(JSON.stringify(metadata))],
  ]);
}

/** What is read of "Manifests" in Iceberg's table specification. */
const manifestEntry = (spec: NonNullable<IcebergOptions['spec']>) => ({
  type: 'record',
  name: 'manifest_entry',
  fields: [
    { name: 'status', type: 'int' },
    { name: 'snapshot_id', type: ['null', 'long'] },
    { name: 'sequence_number', type: ['null', 'long'] },
    {
      name: 'data_file',
      type: {
        type: 'record',
        name: 'r2',
        fields: [
          { name: 'content', type: 'int' },
          { name: 'file_path', type: 'string' },
          { name: 'file_format', type: 'string' },
          {
            name: 'partition',
            type: { type: 'record', name: 'r102', fields: spec.map(({ avro, name }) => ({ name, type: avro })) },
          },
          { name: 'record_count', type: 'long' },
          { name: 'file_size_in_bytes', type: 'long' },
        ],
      },
    },
  ],
});

const MANIFEST_FILE = {
  type: 'record',
  name: 'manifest_file',
  fields: [
    { name: 'manifest_path', type: 'string' },
    { name: 'manifest_length', type: 'long' },
    { name: 'partition_spec_id', type: 'int' },
    { name: 'content', type: 'int' },
    { name: 'sequence_number', type: 'long' },
  ],
};

/** An Avro object container file (Avro specification, "Object Container Files") of one block. */
function avroFile(schema: object, records: readonly object[]): Buffer {
  const type = avro.Type.forSchema(schema as avro.Schema, { registry: { long } });
  const body = Buffer.concat(records.map((record) => type.toBuffer(record)));
  const sync = Buffer.alloc(16, 7);
  const count = (value: number) => avro.Type.forSchema('long').toBuffer(value);
  const header = avro.Type.forSchema({ type: 'map', values: 'bytes' }).toBuffer({
    'avro.schema': Buffer.from(JSON.stringify(schema)),
    'avro.codec': Buffer.from('null'),
  });
  return Buffer.concat([Buffer.from('Obj\x01'), header, sync, count(records.length), count(body.length), body, sync]);
}

/** The option `tables` for tables of one writer. */
export const tablesOption = (writer: TableWriter, tables: readonly ProbeTable[]): string | undefined =>
  writer.spec && JSON.stringify(Object.fromEntries(tables.map((table) => [table.name, writer.spec?.(table)])));
