/** Position deletes: Parquet files of (path, position), and the deletion vectors of format version 3. */
import { quoteLiteral } from '../../../duckdb-engine/conform.ts';
import type { ScanContext } from '../../context.ts';
import { duckRows } from '../../duck.ts';
import type { ObjectInfo, ObjectStore } from '../../stores/store.ts';
import { payloadAt, positions } from '../delta/deletion-vector.ts';
import type { ManifestEntry } from './manifest.ts';

/** Reads position deletes of a data file, each delete file once. */
export function positionReader(
  store: ObjectStore,
  { cache }: ScanContext,
  object: (entry: ManifestEntry) => ObjectInfo,
) {
  const files = new Map<string, Promise<ReadonlyMap<string, readonly bigint[]>>>();

  async function deleteFile(
    entry: ManifestEntry,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, readonly bigint[]>> {
    const pinned = cache.pin(object(entry));
    try {
      await pinned.fetch([{ start: 0, end: entry.size }], signal);
      const rows = await duckRows(
        `SELECT file_path, pos FROM read_parquet(${quoteLiteral(pinned.path)})`,
        entry.path,
        signal,
      );
      const byFile = new Map<string, bigint[]>();
      for (const row of rows) {
        const path = String(row.file_path);
        const list = byFile.get(path) ?? [];
        list.push(BigInt(String(row.pos)));
        byFile.set(path, list);
      }
      return byFile;
    } finally {
      await cache.release([pinned]);
    }
  }

  async function vector(entry: ManifestEntry, signal: AbortSignal): Promise<Iterable<number>> {
    const { offset, size } = entry.vector!;
    const { body } = await store.read(object(entry), { start: offset, end: offset + size }, signal);
    return positions(payloadAt(Buffer.from(body), size - 8));
  }

  return async (
    deletes: readonly ManifestEntry[],
    path: string,
    signal: AbortSignal,
  ): Promise<Iterable<bigint | number>> => {
    const vectors = deletes.filter((d) => d.vector !== undefined);
    // A vector takes the place of all older position deletes of its file.
    if (vectors.length > 0) return vector(vectors.at(-1)!, signal);
    const all = await Promise.all(
      deletes.map((entry) => {
        const reading = files.get(entry.path) ?? deleteFile(entry, signal);
        files.set(entry.path, reading);
        reading.catch(() => files.delete(entry.path));
        return reading;
      }),
    );
    return all.flatMap((byFile) => byFile.get(path) ?? []);
  };
}
