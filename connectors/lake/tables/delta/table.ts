/** A Delta Lake table: snapshots by replay of its log, files with statistics and deletion vectors. */
import { CausewayError, SQLSTATE } from '../../../../src/plan/errors.ts';
import { type Bounds, keyOf } from '../../bounds.ts';
import type { ScanContext } from '../../context.ts';
import { type ObjectStore, StoreError, safeKey } from '../../stores/store.ts';
import { appendDelta } from '../../write/delta.ts';
import { momentOf } from '../moment.ts';
import type { DataFile, LakeColumn, LakeTable, Snapshot } from '../table.ts';
import type { AddFile, DeletionVector } from './actions.ts';
import { checkpointReader } from './checkpoint.ts';
import { decodeZ85, payloadAt, positions, vectorFile } from './deletion-vector.ts';
import { type DeltaState, listLog, replay, versionAt } from './log.ts';
import { deltaColumns } from './schema.ts';

/** The table in the folder `base` (ending in `/`); nothing is read yet. */
export function deltaTable(name: string, base: string, store: ObjectStore, context: ScanContext): LakeTable {
  const checkpoints = checkpointReader(base, store, context);
  let newest: { readonly state: DeltaState; readonly snapshot: Snapshot } | undefined;

  async function at(version: number | undefined, time: number | undefined, signal: AbortSignal): Promise<Snapshot> {
    const listing = await listLog(base, store, signal);
    const wanted =
      version ?? (time === undefined ? listing.latest : await versionAt(name, time, listing, store, signal));
    if (newest?.state.version === wanted) return newest.snapshot;
    const state = await replay(name, listing, wanted, newest?.state, checkpoints, store, signal);
    const snapshot = deltaSnapshot(name, base, state, store);
    if (wanted === listing.latest) newest = { state, snapshot };
    return snapshot;
  }

  async function latest(signal: AbortSignal): Promise<DeltaState> {
    const listing = await listLog(base, store, signal);
    return replay(name, listing, listing.latest, newest?.state, checkpoints, store, signal);
  }

  return {
    append: (request, staging, signal) => appendDelta(request, base, () => latest(signal), store, staging, signal),
    snapshot(signal, version) {
      if (version === undefined) return at(undefined, undefined, signal);
      if (/^\d+$/.test(version)) return at(Number(version), undefined, signal);
      const time = momentOf(version);
      if (time === undefined) {
        throw new CausewayError(SQLSTATE.invalidParameterValue, `"${version}" is neither a version nor a timestamp`, {
          hint: "Write FOR VERSION AS OF 3, or FOR TIMESTAMP AS OF '2024-05-06 07:08:09'.",
        });
      }
      return at(undefined, time, signal);
    },
  };
}

function deltaSnapshot(table: string, base: string, state: DeltaState, store: ObjectStore): Snapshot {
  const columns = deltaColumns(state.metadata, table);
  const physical = new Map<LakeColumn, string>(columns.map((column) => [column, column.physicalName]));
  const files = Array.from(state.files.values(), (add): DataFile => {
    const statistics = lazily(() => parseStatistics(add));
    const rows = add.stats === undefined ? undefined : statistics()?.numRecords;
    return {
      object: { key: dataKey(base, add.path, store), size: Number(add.size), etag: '' },
      partition: Object.fromEntries(
        // The empty text is NULL (PROTOCOL.md, "Partition Value Serialization").
        Object.entries(add.partitionValues).map(([key, value]) => [key, value === '' ? null : value]),
      ),
      bounds: (column) => bounds(column, physical.get(column) ?? column.name, statistics(), add),
      ...(rows === undefined ? {} : { rows }),
      ...(add.deletionVector === undefined || add.deletionVector === null
        ? {}
        : { deletes: { positions: (signal) => readVector(base, add.deletionVector!, store, signal) } }),
    };
  });
  return { version: String(state.version), format: 'parquet', columns, files };
}

/** The key of a data file. Paths in the log are percent-encoded and relative, or absolute URIs. */
function dataKey(base: string, path: string, store: ObjectStore): string {
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    decoded = path;
  }
  if (!/^[a-z][a-z0-9+.-]*:/i.test(path) && !path.startsWith('/')) return safeKey(base + decoded);
  const key = store.keyOf(decoded);
  if (key !== undefined) return key;
  throw new StoreError('denied', `the log names "${path}", outside ${store.location}`, {
    hint: 'Shallow clones point into other tables; create the silo over a root that holds both.',
  });
}

/** Numbers that a double would round stay text. */
const exact = (_: string, value: unknown, context?: { readonly source?: string }): unknown =>
  typeof value === 'number' && !Number.isSafeInteger(value) ? (context?.source ?? value) : value;

interface FileStatistics {
  readonly numRecords?: number;
  readonly minValues?: Readonly<Record<string, unknown>>;
  readonly maxValues?: Readonly<Record<string, unknown>>;
  readonly nullCount?: Readonly<Record<string, unknown>>;
}

function parseStatistics(add: AddFile): FileStatistics | undefined {
  try {
    return add.stats === undefined ? undefined : (JSON.parse(add.stats, exact) as FileStatistics);
  } catch {
    return undefined; // statistics are a help, not a truth that queries depend on
  }
}

function bounds(
  column: LakeColumn,
  name: string,
  statistics: FileStatistics | undefined,
  add: AddFile,
): Bounds | undefined {
  if (statistics === undefined) return undefined;
  const key = (values: Readonly<Record<string, unknown>> | undefined) => {
    const value = values?.[name];
    return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
      ? keyOf(column.type, value)
      : undefined;
  };
  const [min, max] = [key(statistics.minValues), key(statistics.maxValues)];
  const nulls = statistics.nullCount?.[name];
  return {
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max: upper(max, column) }),
    // With a deletion vector the counts are those of before.
    ...(typeof nulls === 'number' && (nulls === 0 || !add.deletionVector) ? { nulls } : {}),
    ...(statistics.numRecords === undefined ? {} : { rows: statistics.numRecords }),
  };
}

/** Bounds of timestamps are cut to milliseconds: the greatest value may be up to 999 µs greater. */
const upper = <T>(max: T, column: LakeColumn): T | bigint =>
  typeof max === 'bigint' && column.type.kind.startsWith('timestamp') ? max + 999n : max;

async function readVector(
  base: string,
  vector: DeletionVector,
  store: ObjectStore,
  signal: AbortSignal,
): Promise<Iterable<number>> {
  if (vector.storageType === 'i') return positions(decodeZ85(vector.pathOrInlineDv).subarray(0, vector.sizeInBytes));
  const key =
    vector.storageType === 'u'
      ? safeKey(base + vectorFile(vector.pathOrInlineDv))
      : dataKey(base, vector.pathOrInlineDv, store);
  const start = vector.offset ?? 0;
  const range = { start, end: start + vector.sizeInBytes + 8 };
  const { body } = await store.read({ key, size: range.end, etag: '' }, range, signal);
  return positions(payloadAt(Buffer.from(body), vector.sizeInBytes));
}

function lazily<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
