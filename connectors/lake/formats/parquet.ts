/**
 * Parquet over ranges: the footer first, then only the column chunks that a scan needs, in row groups that can hold a
 * matching row by statistics and bloom filters.
 */
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { SqlType } from '../../../src/plan/types.ts';
import type { ScanFilter } from '../../connector.ts';
import { quoteLiteral } from '../../duckdb-engine/conform.ts';
import { mightMatch, sameKeys } from '../bounds.ts';
import type { ObjectCache } from '../cache/cache.ts';
import type { CachedObject } from '../cache/object.ts';
import { union } from '../cache/ranges.ts';
import { duckRows, typedLiteral } from '../duck.ts';
import type { ByteRange } from '../stores/store.ts';
import { type KeptGroup, keepRowGroups, metadataRange, TRAILER } from './footer.ts';
import { columnOf, type Footer, parseFooters, type RowGroup } from './footers.ts';
import { type KeptPages, keptPages } from './page-index.ts';

/** Bytes read from the end of the first file, in the hope that the whole footer is among them. */
const FIRST_TAIL = 8 * 1024;
/** Footers of one table are alike: what the last one took, and a little more, is asked for next. */
const NEXT_TAIL = 1.05;

/** A filter with what is needed to judge it: the column in the file and its SQL type. */
export interface ColumnFilter {
  readonly filter: ScanFilter;
  readonly key: string | number;
  readonly type: SqlType;
}

/** What a scan wants of a file. */
export interface Wanted {
  readonly keys: readonly (string | number)[];
  readonly filters: readonly ColumnFilter[];
  readonly whole: boolean;
  readonly limit: number | undefined;
  /** No other row groups than these. */
  readonly groups?: readonly number[];
}

/** What of a file must be fetched for it. */
export interface Selection {
  readonly object: CachedObject;
  readonly footer: Footer;
  readonly groups: readonly SelectedGroup[];
  readonly ranges: readonly ByteRange[];
  /** True when the object's own file serves: all row groups are selected or there already. */
  readonly everything: boolean;
}

/** A row group, or some of its pages. */
interface SelectedGroup {
  readonly index: number;
  readonly ranges: readonly ByteRange[];
  readonly pages?: KeptPages;
}

export interface LocalParquet {
  readonly path: string;
  /** Made for one scan, to be removed after it. */
  readonly temporary: boolean;
}

export class ParquetFiles {
  readonly #cache: ObjectCache;
  /** Kept as long as the entry of the cache it describes. */
  readonly #footers = new WeakMap<CachedObject, Footer>();
  #views = 0;
  #tail = FIRST_TAIL;

  constructor(cache: ObjectCache) {
    this.#cache = cache;
  }

  /** The footers of `objects`, in their order; those not seen before are fetched in parallel and parsed together. */
  async footers(objects: readonly CachedObject[], signal: AbortSignal): Promise<Footer[]> {
    const unknown = objects.filter((object) => !this.#footers.has(object));
    const [first, ...others] = unknown;
    const ranges = first === undefined ? [] : [await this.#fetchMetadata(first, signal)];
    ranges.push(...(await Promise.all(others.map((object) => this.#fetchMetadata(object, signal)))));
    // Some hundred at a time: parquet_metadata answers with a row per column chunk.
    for (let i = 0; i < unknown.length; i += 256) {
      const part = unknown.slice(i, i + 256);
      const parsed = await parseFooters(part, ranges.slice(i, i + 256), signal);
      for (const [at, object] of part.entries()) this.#footers.set(object, parsed[at]!);
    }
    return objects.map((object) => this.#footers.get(object)!);
  }

  async #fetchMetadata(object: CachedObject, signal: AbortSignal): Promise<ByteRange> {
    const { size, key } = object.info;
    const tail = { start: Math.max(0, size - this.#tail), end: size };
    await object.fetch([tail], signal);
    const metadata = metadataRange(await object.bytes({ start: Math.max(0, size - TRAILER), end: size }), size, key);
    await object.fetch([metadata], signal);
    this.#tail = Math.ceil((size - metadata.start) * NEXT_TAIL);
    return metadata;
  }

  /**
   * What of `object` must be there: the columns `keys` in every row group that can pass `filters`, or undefined when
   * none can. `whole` keeps all row groups, so that row positions stay what they are; `limit` is the most rows wanted
   * when there are no filters.
   */
  async select(object: CachedObject, wanted: Wanted, signal: AbortSignal): Promise<Selection | undefined> {
    const [footer] = (await this.footers([object], signal)) as [Footer];
    const leaves = wanted.keys.flatMap((key) => columnOf(footer, key)?.leaves ?? []);
    const all = [...footer.rowGroups.keys()];
    let groups = wanted.groups ?? all;
    // Where DuckDB reads the object itself, it skips by itself.
    if (!wanted.whole && !object.isLocal) {
      groups = firstRows(footer, groups, wanted.limit).filter((g) =>
        wanted.filters.every((filter) => groupMightMatch(footer, footer.rowGroups[g]!, filter)),
      );
      groups = await this.#probeBlooms(object, footer, groups, leaves, wanted.filters, signal);
    }
    const everything =
      groups.length === all.length || (wanted.groups === undefined && object.has(rangesOf(footer, all, leaves)));
    // What is here already costs nothing.
    const lacking = groups.filter((index) => !object.has(rangesOf(footer, [index], leaves)));
    const filters = wanted.whole ? [] : wanted.filters;
    const kept = await keptPages(object, footer, lacking, leaves, filters, signal);
    const selected = groups.flatMap((index): SelectedGroup[] => {
      const pages = kept.get(index);
      if (pages === undefined) return [{ index, ranges: rangesOf(footer, [index], leaves) }];
      return pages.rows === 0 ? [] : [{ index, ranges: union([...pages.ranges.values()].flat()), pages }];
    });
    if (selected.length === 0 && all.length > 0) return undefined;
    return {
      object,
      footer,
      groups: selected,
      ranges: union(selected.flatMap(({ ranges }) => ranges)),
      everything: everything && kept.size === 0,
    };
  }

  /** A local file that holds the selection and names no other row group. */
  async fetch({ object, footer, groups, ranges, everything }: Selection, signal: AbortSignal): Promise<LocalParquet> {
    await object.fetch(ranges, signal);
    if (everything && object.staysOpen) return { path: object.path, temporary: false };
    return { path: await this.#view(object, footer, groups), temporary: true };
  }

  /** Row groups of `groups` that no bloom filter rules out. Skipped where the filters cost more than they can save. */
  async #probeBlooms(
    object: CachedObject,
    footer: Footer,
    groups: readonly number[],
    leaves: readonly number[],
    filters: readonly ColumnFilter[],
    signal: AbortSignal,
  ): Promise<readonly number[]> {
    let left = groups;
    for (const { filter, key, type } of filters) {
      const column = columnOf(footer, key);
      if (left.length === 0 || column === undefined || column.leaves.length !== 1) continue;
      if ((filter.operator !== '=' && filter.operator !== 'in') || filter.values.length > 16 || type.kind === 'real')
        continue;
      const blooms = left.map((g) => footer.rowGroups[g]!.chunks[column.leaves[0]!]!.bloom);
      const cost = blooms.reduce((n, b) => n + (b === undefined ? 0 : b.end - b.start), 0);
      const gain = rangesOf(footer, left, leaves).reduce((n, r) => n + r.end - r.start, 0);
      if (blooms.includes(undefined) || cost * 4 > gain) continue;
      await object.fetch(union(blooms as ByteRange[]), signal);
      const probed = left.map((index, i) => ({ index, ranges: [blooms[i]!] }));
      const probe = await this.#view(object, footer, probed);
      const excluded = await Promise.all(
        filter.values.map((value) =>
          duckRows(
            `SELECT row_group_id::INT AS g FROM parquet_bloom_probe(${quoteLiteral(probe)}, ${quoteLiteral(column.name)},
             ${typedLiteral(value, column.duckType)}) WHERE bloom_filter_excludes`,
            object.info.key,
            signal,
          ),
        ),
      );
      await rm(probe);
      const sets = excluded.map((rows) => new Set(rows.map((row) => row.g as number)));
      left = left.filter((_, i) => !sets.every((set) => set.has(i)));
    }
    return left;
  }

  /** A file of its own with the bytes of `groups`, where they stand in the object, and a footer that names nothing else. */
  async #view(object: CachedObject, footer: Footer, groups: readonly SelectedGroup[]): Promise<string> {
    const path = join(this.#cache.folder, `view-${this.#views++}.parquet`);
    const kept = groups.map(({ index, pages }) =>
      pages === undefined ? { index } : { index, pages: keptSizes(pages) },
    );
    const metadata = keepRowGroups(await object.bytes(footer.metadata), kept);
    const trailer = Buffer.alloc(TRAILER);
    trailer.writeUInt32LE(metadata.length);
    trailer.write('PAR1', 4, 'latin1');
    await using file = await open(path, 'w');
    const copy = async (range: ByteRange, to: number): Promise<number> => {
      const body = await object.bytes(range);
      await file.write(body, 0, body.length, to);
      return to + body.length;
    };
    await file.write('PAR1', 0, 'latin1');
    for (const { index, pages, ranges } of groups) {
      if (pages === undefined) for (const range of ranges) await copy(range, range.start);
      else {
        for (const [leaf, some] of pages.ranges) {
          let at = footer.rowGroups[index]!.chunks[leaf]!.range.start;
          for (const range of some) at = await copy(range, at);
        }
      }
    }
    const { size } = object.info;
    await file.write(metadata, 0, metadata.length, size - TRAILER - metadata.length);
    await file.write(trailer, 0, TRAILER, size - TRAILER);
    return path;
  }
}

const keptSizes = ({ ranges, rows }: KeptPages): NonNullable<KeptGroup['pages']> => ({
  rows,
  bytes: new Map(Array.from(ranges, ([leaf, some]) => [leaf, some.reduce((n, r) => n + r.end - r.start, 0)])),
});

/** The first row groups that hold `limit` rows. */
function firstRows(footer: Footer, groups: readonly number[], limit: number | undefined): readonly number[] {
  if (limit === undefined) return groups;
  let rows = 0;
  return groups.filter((g) => {
    const needed = rows < limit;
    rows += footer.rowGroups[g]!.rows;
    return needed;
  });
}

/** The chunks of `leaves` in `groups`, with their bloom filters: DuckDB reads those by itself for equality filters. */
function rangesOf(footer: Footer, groups: readonly number[], leaves: readonly number[]): ByteRange[] {
  return union(
    groups.flatMap((g) =>
      leaves.flatMap((leaf) => {
        const chunk = footer.rowGroups[g]!.chunks[leaf]!;
        return chunk.bloom === undefined ? [chunk.range] : [chunk.range, chunk.bloom];
      }),
    ),
  );
}

function groupMightMatch(footer: Footer, group: RowGroup, { filter, key, type }: ColumnFilter): boolean {
  const column = columnOf(footer, key);
  if (column === undefined || column.leaves.length !== 1) return true;
  // Bounds are keys of the file's own type, which may be narrower than the table's.
  const own = column.type;
  return (
    !sameKeys(own, type) ||
    mightMatch(filter, own.kind === 'real' ? own : type, group.chunks[column.leaves[0]!]!.bounds)
  );
}
