/**
 * Writing Delta tables: a data file nobody sees yet, then a commit that is made only if its version is still free
 * (PROTOCOL.md, "Delta Log Entries"). Appends do not conflict with appends: a lost race is tried again on top.
 */
import { randomUUID } from 'node:crypto';
import { CausewayError, SQLSTATE } from '../../../src/plan/errors.ts';
import { type SqlType, typeName } from '../../../src/plan/types.ts';
import type { ResultColumn, WriteRequest } from '../../connector.ts';
import { type ObjectStore, StoreError } from '../stores/store.ts';
import type { Metadata, Protocol } from '../tables/delta/actions.ts';
import type { DeltaState } from '../tables/delta/log.ts';
import { deltaColumns } from '../tables/delta/schema.ts';
import { assertSameColumns, type StagedFile, stageRows } from './stage.ts';

/** Tries on top of versions that others committed meanwhile. */
const TRIES = 50;

const commitKey = (base: string, version: number): string =>
  `${base}_delta_log/${String(version).padStart(20, '0')}.json`;

/** Creates a table in the folder `base` with its first rows. @throws CausewayError 42P07 when there is one. */
export async function createDelta(
  request: WriteRequest,
  base: string,
  store: ObjectStore,
  staging: string,
  signal: AbortSignal,
): Promise<number> {
  const fields = request.columns.map(({ name, type }) => ({
    name,
    type: deltaType(name, type),
    nullable: true,
    metadata: {},
  }));
  const [staged] = (await stageRows(request, staging, spelling, signal)) as [StagedFile];
  const actions = [
    commitInfo('CREATE TABLE AS SELECT'),
    { protocol: protocolFor(request.columns) },
    {
      metaData: {
        id: randomUUID(),
        format: { provider: 'parquet', options: {} },
        schemaString: JSON.stringify({ type: 'struct', fields }),
        partitionColumns: [],
        configuration: {},
        createdTime: Date.now(),
      },
    },
    await addFile(base, staged, request.columns, store, signal),
  ];
  if (await commit(base, 0, actions, store, signal)) return staged.rows;
  throw new CausewayError(SQLSTATE.duplicateTable, `relation "${request.table.table}" already exists`);
}

/** Appends rows. `latest` reads the newest state. @throws CausewayError when the table's features forbid it. */
export async function appendDelta(
  request: WriteRequest,
  base: string,
  latest: () => Promise<DeltaState>,
  store: ObjectStore,
  staging: string,
  signal: AbortSignal,
): Promise<number> {
  let state = await latest();
  assertWritable(request.table.table, state, request.columns);
  const partitionBy = state.metadata.partitionColumns;
  const files = await stageRows(request, staging, spelling, signal, partitionBy);
  const adds: object[] = [];
  for (const file of files) adds.push(await addFile(base, file, request.columns, store, signal));
  const rows = files.reduce((n, file) => n + file.rows, 0);
  for (let tries = 0; tries < TRIES; tries++) {
    if (await commit(base, state.version + 1, [commitInfo('WRITE'), ...adds], store, signal)) return rows;
    state = await latest();
    // Whoever was faster may have changed the schema or the protocol.
    assertWritable(request.table.table, state, request.columns);
    if (state.metadata.partitionColumns.join() !== partitionBy.join()) {
      throw new CausewayError(SQLSTATE.objectInUse, `others partitioned "${request.table.table}" anew meanwhile`, {
        hint: 'Run the statement again.',
      });
    }
  }
  throw new CausewayError(
    SQLSTATE.objectInUse,
    `others committed to "${request.table.table}" ${TRIES} times meanwhile`,
    {
      hint: 'Run the statement again.',
    },
  );
}

/** True when the version is ours now. */
async function commit(
  base: string,
  version: number,
  actions: readonly object[],
  store: ObjectStore,
  signal: AbortSignal,
): Promise<boolean> {
  const body = Buffer.from(actions.map((action) => `${JSON.stringify(action)}\n`).join(''));
  try {
    await store.write(commitKey(base, version), body, 'absent', signal);
    return true;
  } catch (error) {
    if (!(error instanceof StoreError) || error.kind !== 'conflict') throw error;
    // An earlier try of ours may have come through although its answer was lost.
    const found = await store.stat(commitKey(base, version), signal);
    if (found === undefined || found.size !== body.length) return false;
    const { body: there } = await store.read(found, { start: 0, end: found.size }, signal);
    return Buffer.compare(Buffer.from(there), body) === 0;
  }
}

const commitInfo = (operation: string): object => ({
  commitInfo: {
    timestamp: Date.now(),
    operation,
    operationParameters: operation === 'WRITE' ? { mode: 'Append' } : {},
    isBlindAppend: true,
    engineInfo: 'Causeway',
    txnId: randomUUID(),
  },
});

async function addFile(
  base: string,
  { body, rows, bounds, partition }: StagedFile,
  all: readonly ResultColumn[],
  store: ObjectStore,
  signal: AbortSignal,
): Promise<object> {
  const columns = all.filter(({ name }) => bounds[name] !== undefined);
  const path = `part-00000-${randomUUID()}-c000.zstd.parquet`;
  await store.write(base + path, body, 'absent', signal);
  const side = (which: 'min' | 'max') =>
    columns.flatMap(({ name, type }) => {
      const text = bounds[name]?.[which];
      return text === undefined ? [] : [`${JSON.stringify(name)}:${statisticsValue(text, type)}`];
    });
  const nulls = columns.map(({ name }) => `${JSON.stringify(name)}:${bounds[name]!.nulls}`);
  // Written by hand, because a JSON number may have more digits than a double.
  const stats = `{"numRecords":${rows},"minValues":{${side('min').join()}},"maxValues":{${side('max').join()}},"nullCount":{${nulls.join()}}}`;
  return {
    add: { path, partitionValues: partition, size: body.length, modificationTime: Date.now(), dataChange: true, stats },
  };
}

function statisticsValue(text: string, type: SqlType): string {
  switch (type.kind) {
    case 'smallint':
    case 'integer':
    case 'bigint':
    case 'numeric':
      return text;
    case 'timestamp':
    case 'timestamptz': {
      // Cut to milliseconds, as the protocol has it.
      const [, day, time, fraction = ''] = /^(\S+) (\d\d:\d\d:\d\d)(?:\.(\d+))?/.exec(text)!;
      const zone = type.kind === 'timestamptz' ? 'Z' : '';
      return JSON.stringify(`${day}T${time}.${fraction.padEnd(3, '0').slice(0, 3)}${zone}`);
    }
    default:
      return JSON.stringify(text);
  }
}

const TYPES: Readonly<Partial<Record<SqlType['kind'], string>>> = {
  boolean: 'boolean',
  smallint: 'short',
  integer: 'integer',
  bigint: 'long',
  real: 'float',
  double: 'double',
  text: 'string',
  varchar: 'string',
  char: 'string',
  uuid: 'string',
  json: 'string',
  jsonb: 'string',
  bytea: 'binary',
  date: 'date',
  timestamp: 'timestamp_ntz',
  timestamptz: 'timestamp',
};

function deltaType(name: string, type: SqlType): string {
  if (type.kind === 'numeric' && type.precision !== undefined) return `decimal(${type.precision},${type.scale ?? 0})`;
  const known = TYPES[type.kind];
  if (known !== undefined) return known;
  throw new CausewayError(SQLSTATE.featureNotSupported, `Delta Lake has no type for "${name}" (${typeName(type)})`, {
    hint: type.kind === 'numeric' ? 'Cast it to numeric(p, s).' : 'Cast it to text.',
  });
}

/** Types that Delta keeps as text. */
const spelling = (type: SqlType): string | undefined =>
  type.kind === 'uuid' || type.kind === 'json' || type.kind === 'jsonb' ? 'VARCHAR' : undefined;

const protocolFor = (columns: readonly ResultColumn[]): Protocol =>
  columns.some(({ type }) => type.kind === 'timestamp')
    ? { minReaderVersion: 3, minWriterVersion: 7, readerFeatures: ['timestampNtz'], writerFeatures: ['timestampNtz'] }
    : { minReaderVersion: 1, minWriterVersion: 2 };

/** Writer features under which a plain append of whole rows needs nothing more. */
const HARMLESS = new Set([
  'appendOnly',
  'timestampNtz',
  'deletionVectors',
  'v2Checkpoint',
  'vacuumProtocolCheck',
  'changeDataFeed',
  'invariants',
  'checkConstraints',
  'generatedColumns',
  'typeWidening',
]);

function assertWritable(table: string, { protocol, metadata }: DeltaState, columns: readonly ResultColumn[]): void {
  const reason = whyNot(protocol, metadata);
  if (reason !== undefined) {
    throw new CausewayError(SQLSTATE.featureNotSupported, `cannot append to the Delta table "${table}": ${reason}`, {
      hint: 'Append with the engine that owns the table.',
    });
  }
  assertSameColumns(table, deltaColumns(metadata, table), columns);
}

function whyNot(protocol: Protocol, metadata: Metadata): string | undefined {
  const unknown = (protocol.writerFeatures ?? []).filter((feature) => !HARMLESS.has(feature));
  if (unknown.length > 0) return `it has the writer features ${unknown.join(', ')}`;
  const { configuration = {} } = metadata;
  if ((configuration['delta.columnMapping.mode'] ?? 'none') !== 'none') return 'it maps columns';
  if (Object.keys(configuration).some((key) => key.startsWith('delta.constraints.'))) return 'it has check constraints';
  if (/"delta\.(invariants|generationExpression|identity)/.test(metadata.schemaString))
    return 'it has invariants or generated columns';
  return undefined;
}
