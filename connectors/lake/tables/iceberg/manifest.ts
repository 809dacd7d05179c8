/** Manifest lists and manifests (Iceberg table specification, "Manifests"): which files a snapshot is made of. */

import { avroRecords } from './avro.ts';
import type { IcebergSnapshot } from './metadata.ts';

interface ManifestFile {
  readonly manifest_path: string;
  readonly partition_spec_id?: number;
  /** 0 data, 1 deletes. */
  readonly content?: number;
  readonly sequence_number?: bigint;
}

type IntMap<T> = readonly { readonly key: number; readonly value: T }[] | Readonly<Record<string, T>> | null;

interface RawFile {
  readonly content?: number;
  readonly file_path: string;
  readonly file_format: string;
  readonly partition: Readonly<Record<string, unknown>>;
  readonly record_count: bigint;
  readonly file_size_in_bytes: bigint;
  readonly null_value_counts?: IntMap<bigint>;
  readonly lower_bounds?: IntMap<Buffer>;
  readonly upper_bounds?: IntMap<Buffer>;
  readonly equality_ids?: readonly number[] | null;
  readonly referenced_data_file?: string | null;
  readonly content_offset?: bigint | null;
  readonly content_size_in_bytes?: bigint | null;
}

/** A live file of a snapshot. */
export interface ManifestEntry {
  readonly content: 'data' | 'positions' | 'equality';
  readonly path: string;
  readonly format: string;
  readonly specId: number;
  /** Values of the partition fields, in the spec's order, as Avro has them. */
  readonly partition: readonly unknown[];
  readonly rows: number;
  readonly size: number;
  /** Data sequence number: deletes apply to older data. */
  readonly sequence: bigint;
  readonly nulls: ReadonlyMap<number, bigint>;
  readonly lower: ReadonlyMap<number, Buffer>;
  readonly upper: ReadonlyMap<number, Buffer>;
  readonly equalityIds: readonly number[];
  /** The one data file a deletion vector belongs to, and where the vector stands in its file. */
  readonly vector?: { readonly of: string; readonly offset: number; readonly size: number };
}

const DELETED = 2;
const CONTENTS = ['data', 'positions', 'equality'] as const;
/** Manifests that are fetched at a time. */
const PARALLEL = 16;

/** All live entries of a snapshot. `read` gives the content of a file by its URI. */
export async function manifestEntries(
  snapshot: IcebergSnapshot,
  read: (uri: string) => Promise<Uint8Array>,
): Promise<ManifestEntry[]> {
  const list = snapshot['manifest-list'];
  const manifests =
    list === undefined
      ? (snapshot.manifests ?? []).map((manifest_path): ManifestFile => ({ manifest_path }))
      : await avroRecords<ManifestFile>(await read(list), list);
  const entries: ManifestEntry[] = [];
  for (let i = 0; i < manifests.length; i += PARALLEL) {
    const part = await Promise.all(manifests.slice(i, i + PARALLEL).map((manifest) => readManifest(manifest, read)));
    for (const found of part) entries.push(...found);
  }
  return entries;
}

async function readManifest(
  manifest: ManifestFile,
  read: (uri: string) => Promise<Uint8Array>,
): Promise<ManifestEntry[]> {
  const records = await avroRecords<{ status: number; sequence_number?: bigint | null; data_file: RawFile }>(
    await read(manifest.manifest_path),
    manifest.manifest_path,
  );
  return records
    .filter(({ status }) => status !== DELETED)
    .map(({ sequence_number, data_file: file }): ManifestEntry => {
      const content = CONTENTS[file.content ?? 0]!;
      const { referenced_data_file: of, content_offset: offset, content_size_in_bytes: size } = file;
      return {
        content,
        path: file.file_path,
        format: file.file_format.toUpperCase(),
        specId: manifest.partition_spec_id ?? 0,
        partition: Object.values(file.partition),
        rows: Number(file.record_count),
        size: Number(file.file_size_in_bytes),
        // NULL is inherited from the manifest ("Sequence Number Inheritance").
        sequence: sequence_number ?? manifest.sequence_number ?? 0n,
        nulls: intMap(file.null_value_counts),
        lower: intMap(file.lower_bounds),
        upper: intMap(file.upper_bounds),
        equalityIds: file.equality_ids ?? [],
        ...(of && typeof offset === 'bigint' && typeof size === 'bigint'
          ? { vector: { of, offset: Number(offset), size: Number(size) } }
          : {}),
      };
    });
}

/** Maps with integer keys are arrays of pairs in Avro. */
function intMap<T>(map: IntMap<T> | undefined): ReadonlyMap<number, T> {
  if (!map) return new Map();
  const pairs = Array.isArray(map)
    ? map.map(({ key, value }) => [key, value] as const)
    : Object.entries(map).map(([k, v]) => [Number(k), v as T] as const);
  return new Map(pairs);
}
