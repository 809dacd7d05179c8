/** Scans that need more than the cache holds, a part at a time: fetched, read, forgotten. */
import type { RecordBatch } from 'apache-arrow';
import type { ScanFragment } from '../connector.ts';
import { connectDuckDB } from '../duckdb-engine/process.ts';
import { streamQuery } from '../duckdb-engine/reader.ts';
import type { ObjectCache } from './cache/cache.ts';
import { type Piece, piecesOf } from './fetch.ts';
import type { OpenScan } from './open-scan.ts';
import type { Scanning } from './relation.ts';
import type { DataFile } from './tables/table.ts';

/** Some files, or some row groups of one file. */
export interface Part {
  readonly files: readonly DataFile[];
  readonly groups?: readonly number[];
}

/**
 * The pieces in parts that fit a cache of `limit` bytes: one part when all fit together. A part takes half the cache at
 * most, for what the last one fetched still stands in the other half.
 */
export function partsOf(pieces: readonly Piece[], limit: number): readonly Part[] {
  const total = pieces.reduce((n, { bytes }) => n + bytes, 0);
  if (total <= limit) return [{ files: pieces.map(({ file }) => file) }];
  const most = limit / 2;
  const parts: Part[] = [];
  let files: DataFile[] = [];
  let size = 0;
  const close = (): void => {
    if (files.length > 0) parts.push({ files });
    files = [];
    size = 0;
  };
  for (const { bytes, file, groups } of pieces) {
    if (size + bytes > most) close();
    if (bytes > most && groups !== undefined) {
      parts.push(...packed(groups, most).map((some) => ({ files: [file], groups: some })));
      continue;
    }
    files.push(file);
    size += bytes;
  }
  close();
  return parts;
}

/** Runs of neighbouring row groups of at most `most` bytes; a greater one stands alone. */
function packed(groups: NonNullable<Piece['groups']>, most: number): readonly number[][] {
  const runs: number[][] = [];
  let size = Number.POSITIVE_INFINITY;
  for (const { bytes, index } of groups) {
    if (size + bytes > most) {
      runs.push([]);
      size = 0;
    }
    runs.at(-1)!.push(index);
    size += bytes;
  }
  return runs;
}

/**
 * The rows of all parts, one after another.
 * @throws CausewayError 53100 when a single part is more than the cache may hold, 55006 when an object was replaced
 */
export async function* inParts(
  parts: readonly Part[],
  { columns, limit }: ScanFragment,
  open: (part: Pick<Scanning, 'files' | 'groups' | 'limit'>) => OpenScan,
  cache: ObjectCache,
  signal: AbortSignal,
): AsyncGenerator<RecordBatch, void, undefined> {
  let left = limit;
  for (const { files, groups } of parts) {
    if (left === 0) return;
    await cache.makeRoom(cache.limit / 2);
    const part = open({ files, limit: left, ...(groups === undefined ? {} : { groups }) });
    const connection = await connectDuckDB();
    try {
      const pieces = await piecesOf(part.scanning);
      cache.reserve(pieces.reduce((n, { bytes }) => n + bytes, 0));
      for await (const batch of streamQuery(connection, await part.select(pieces), columns, signal)) {
        if (left !== undefined) left -= batch.numRows;
        yield batch;
      }
    } finally {
      connection.closeSync();
      await part.release();
    }
  }
}
