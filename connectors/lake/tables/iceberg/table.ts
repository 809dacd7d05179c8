/** An Iceberg table: snapshots from metadata and manifests, files with bounds, partitions and deletes. */
import { CausewayError, SQLSTATE } from '../../../../src/plan/errors.ts';
import type { Bounds } from '../../bounds.ts';
import type { ScanContext } from '../../context.ts';
import { type ObjectInfo, type ObjectStore, StoreError, safeKey } from '../../stores/store.ts';
import { momentOf } from '../moment.ts';
import type { DataFile, EqualityDelete, LakeColumn, LakeTable, Snapshot } from '../table.ts';
import { type ManifestEntry, manifestEntries } from './manifest.ts';
import { type IcebergSnapshot, nameMapping, parseMetadata, type TableMetadata } from './metadata.ts';
import { positionReader } from './position-deletes.ts';
import { boundsOfPartition, bucketExcludes, identityText } from './transforms.ts';
import { icebergColumns, keyOfBytes } from './types.ts';

/** Tells the key or URI of the newest metadata file. */
export type FindMetadata = (signal: AbortSignal) => Promise<string>;

/** The table whose files stand below `base` (ending in `/`); nothing is read yet. */
export function icebergTable(
  name: string,
  base: string,
  store: ObjectStore,
  context: ScanContext,
  find: FindMetadata,
): LakeTable {
  const known = new Map<string, Snapshot>();
  let current: { readonly key: string; readonly metadata: TableMetadata } | undefined;

  async function metadata(signal: AbortSignal): Promise<TableMetadata> {
    const key = await find(signal);
    if (current?.key !== key) current = { key, metadata: parseMetadata(await whole(key, store, signal), key) };
    return current.metadata;
  }

  return {
    async snapshot(signal, version) {
      const table = await metadata(signal);
      const chosen = chooseSnapshot(name, table, version);
      const id = chosen?.['snapshot-id'] ?? 'empty';
      const found = known.get(`${id} ${version === undefined ? table['current-schema-id'] : ''}`);
      if (found !== undefined) return found;
      const schemaId = version === undefined ? undefined : chosen?.['schema-id'];
      const schema = table.schemas.find((s) => s['schema-id'] === (schemaId ?? table['current-schema-id']));
      if (schema === undefined)
        throw new CausewayError(SQLSTATE.dataCorrupted, `the metadata of "${name}" lacks its schema`);
      const columns = icebergColumns(schema, name, nameMapping(table, name));
      const keyOf = (uri: string): string => locate(uri, base, table.location, store);
      const entries =
        chosen === undefined ? [] : await manifestEntries(chosen, (uri) => whole(keyOf(uri), store, signal));
      const snapshot = icebergSnapshot(name, id, table, columns, entries, keyOf, store, context);
      known.set(`${id} ${version === undefined ? table['current-schema-id'] : ''}`, snapshot);
      return snapshot;
    },
  };
}

/** The metadata file with the highest version in the table's own folder: what a table without a catalog has. */
export function newestMetadata(name: string, base: string, store: ObjectStore): FindMetadata {
  return async (signal) => {
    const { objects } = await store.children(`${base}metadata/`, signal);
    let best: { readonly key: string; readonly version: number } | undefined;
    for (const { key } of objects) {
      const match = /\/v?(\d+)(?:-[^/]*)?(?:\.gz)?\.metadata\.json(?:\.gz)?$/.exec(key);
      if (match !== null && (best === undefined || Number(match[1]) > best.version))
        best = { key, version: Number(match[1]) };
    }
    if (best !== undefined) return best.key;
    throw new CausewayError(
      SQLSTATE.undefinedFile,
      `the Iceberg table "${name}" has no metadata at ${store.location}/${base}metadata`,
    );
  };
}

async function whole(key: string, store: ObjectStore, signal: AbortSignal): Promise<Uint8Array> {
  const object = await store.stat(key, signal);
  if (object === undefined)
    throw new StoreError('missing', `${store.location}/${key} is not there, but the table's metadata names it`);
  return (await store.read(object, { start: 0, end: object.size }, signal)).body;
}

/** The key of a file. Under the table's recorded location it is relative to where the table stands now. */
function locate(uri: string, base: string, location: string, store: ObjectStore): string {
  const plain = (text: string): string => text.replace(/^file:\/*/, '/').replace(/\/+$/, '');
  if (plain(uri).startsWith(`${plain(location)}/`)) return safeKey(base + plain(uri).slice(plain(location).length + 1));
  const key = store.keyOf(uri);
  if (key !== undefined) return key;
  throw new StoreError('denied', `the metadata names "${uri}", outside ${store.location}`, {
    hint: 'Table metadata may name only objects under the location the silo was created with.',
  });
}

function chooseSnapshot(name: string, table: TableMetadata, version: string | undefined): IcebergSnapshot | undefined {
  const byId = (id: string | null | undefined) => table.snapshots.find((s) => s['snapshot-id'] === id);
  if (version === undefined) return byId(table['current-snapshot-id']);
  const exact = byId(version);
  if (exact !== undefined) return exact;
  const time = momentOf(version) ?? Number.NaN;
  const past = table.snapshots
    .filter((s) => s['timestamp-ms'] <= time)
    .sort((a, b) => a['timestamp-ms'] - b['timestamp-ms']);
  if (past.length > 0) return past.at(-1);
  const last = table.snapshots.at(-1)?.['snapshot-id'];
  throw new CausewayError(SQLSTATE.invalidParameterValue, `the Iceberg table "${name}" has no snapshot "${version}"`, {
    hint:
      last === undefined ? 'It has none at all.' : `Its newest snapshot is ${last}; a timestamp may be given as well.`,
  });
}

function icebergSnapshot(
  name: string,
  id: string,
  table: TableMetadata,
  columns: readonly LakeColumn[],
  entries: readonly ManifestEntry[],
  keyOf: (uri: string) => string,
  store: ObjectStore,
  context: ScanContext,
): Snapshot {
  const notParquet = entries.find((e) => e.format !== 'PARQUET' && e.vector === undefined);
  if (notParquet !== undefined) {
    throw new CausewayError(
      SQLSTATE.featureNotSupported,
      `the Iceberg table "${name}" holds ${notParquet.format} files`,
      {
        hint: 'Only Parquet data files can be read; rewrite the table with write.format.default = parquet.',
      },
    );
  }
  const object = (entry: ManifestEntry): ObjectInfo => ({ key: keyOf(entry.path), size: entry.size, etag: '' });
  const byColumn = new Map(
    columns.map((column) => [column.source.kind === 'field' ? Number(column.source.id) : -1, column]),
  );
  const equality = entries.filter((e) => e.content === 'equality');
  const positional = entries.filter((e) => e.content === 'positions');
  const read = positionReader(store, context, object);

  const files = entries
    .filter((e) => e.content === 'data')
    .map((entry): DataFile => {
      const spec = table['partition-specs'].find((s) => s['spec-id'] === entry.specId)?.fields ?? [];
      const fieldsOf = (column: LakeColumn) =>
        spec.flatMap((field, i) =>
          byColumn.get(field['source-id']) === column
            ? [{ transform: field.transform, value: entry.partition[i] ?? null }]
            : [],
        );
      const deletes = positional.filter((d) => appliesTo(d, entry));
      // Equality deletes of an unpartitioned spec are global.
      const equal = equality.flatMap((d, i) =>
        d.sequence > entry.sequence && (isGlobal(d, table) || samePartition(d, entry)) ? [i] : [],
      );
      return {
        object: object(entry),
        partition: {},
        constant: (column) => identityText(column, fieldsOf(column).find((f) => f.transform === 'identity')?.value),
        rows: entry.rows,
        bounds: (column) =>
          narrowest(
            columnBounds(column, entry),
            fieldsOf(column).map((f) => boundsOfPartition(f.transform, column.type, f.value)),
          ),
        excludes: (filter, column) =>
          fieldsOf(column).some((f) => bucketExcludes(f.transform, column.type, f.value, filter)),
        ...(deletes.length === 0 && equal.length === 0
          ? {}
          : {
              deletes: {
                ...(deletes.length === 0
                  ? {}
                  : { positions: (signal: AbortSignal) => read(deletes, entry.path, signal) }),
                ...(equal.length === 0 ? {} : { equality: equal }),
              },
            }),
      };
    });
  const equalityDeletes = equality.map(
    (entry): EqualityDelete => ({
      object: object(entry),
      columns: entry.equalityIds.map((field) => {
        const column = byColumn.get(field);
        if (column !== undefined) return column;
        throw new CausewayError(
          SQLSTATE.featureNotSupported,
          `an equality delete of the Iceberg table "${name}" uses a dropped column`,
        );
      }),
    }),
  );
  return { version: id, format: 'parquet', columns, files, equalityDeletes };
}

const samePartition = (a: ManifestEntry, b: ManifestEntry): boolean =>
  a.specId === b.specId && a.partition.every((value, i) => String(value) === String(b.partition[i]));

const isGlobal = (entry: ManifestEntry, table: TableMetadata): boolean =>
  (table['partition-specs'].find((s) => s['spec-id'] === entry.specId)?.fields.length ?? 0) === 0;

/** "Scan Planning": position deletes apply to data of the same age or older, a vector to its one file. */
const appliesTo = (deletes: ManifestEntry, data: ManifestEntry): boolean =>
  deletes.sequence >= data.sequence &&
  (deletes.vector === undefined ? samePartition(deletes, data) : deletes.vector.of === data.path);

function columnBounds(column: LakeColumn, entry: ManifestEntry): Bounds {
  const field = column.source.kind === 'field' ? Number(column.source.id) : -1;
  const [lower, upper, nulls] = [entry.lower.get(field), entry.upper.get(field), entry.nulls.get(field)];
  const min = lower === undefined ? undefined : keyOfBytes(column.type, lower);
  const max = upper === undefined ? undefined : keyOfBytes(column.type, upper);
  return {
    rows: entry.rows,
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
    ...(nulls === undefined ? {} : { nulls: Number(nulls) }),
  };
}

/** Bounds of the file where it has them, else those of a partition field. */
function narrowest(own: Bounds, partitions: readonly (Bounds | undefined)[]): Bounds {
  if (own.min !== undefined || own.max !== undefined || own.nulls === own.rows) return own;
  return partitions.find((bounds) => bounds !== undefined) ?? own;
}
