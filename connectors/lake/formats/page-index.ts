/**
 * Parquet's page index (parquet-format, "PageIndex"): which pages of a row group can hold a matching row.
 *
 * The pages of different columns need not begin at the same rows. What is kept are runs of rows at whose ends every needed column
 * has a page border; writers that begin a page every 20,000 rows (Arrow, parquet-java, arrow-rs) have them in plenty.
 */
import type { SqlType } from '../../../src/plan/types.ts';
import type { ScanFilter } from '../../connector.ts';
import { mightMatch, sameKeys } from '../bounds.ts';
import type { CachedObject } from '../cache/object.ts';
import { byteCount, union } from '../cache/ranges.ts';
import type { ByteRange } from '../stores/store.ts';
import { chunksOf, rowGroupsOf } from './footer.ts';
import { columnOf, type Footer } from './footers.ts';
import { boundsReader, pageBounds, type ReadBound } from './page-bounds.ts';
import type { ColumnFilter } from './parquet.ts';
import { decodeStruct, itemsAt, numberAt, type Struct } from './thrift.ts';

/** Pages that are kept of a row group. */
export interface KeptPages {
  readonly rows: number;
  /** By leaf: what to copy, in this order, to the beginning of its chunk. */
  readonly ranges: ReadonlyMap<number, readonly ByteRange[]>;
}

interface Page extends ByteRange {
  readonly firstRow: number;
}

/** Rows from `start` up to `end`, which is not among them. */
type RowRange = ByteRange;

/** The index is not worth its bytes when it is greater than this part of what it may save. */
const WORTH = 1 / 4;
/** Nor is a copy of nearly all pages. */
const NEARLY_ALL = 0.8;

/**
 * The pages that can pass `filters`, by row group: no rows where none can. A row group that is not in the map is kept whole.
 * @param leaves the columns that are read; where one is nested or has no offset index, nothing is skipped
 */
export async function keptPages(
  object: CachedObject,
  footer: Footer,
  groups: readonly number[],
  leaves: readonly number[],
  filters: readonly ColumnFilter[],
  signal: AbortSignal,
): Promise<ReadonlyMap<number, KeptPages>> {
  const kept = new Map<number, KeptPages>();
  const flat = new Set(footer.columns.flatMap((column) => (column.leaves.length === 1 ? column.leaves : [])));
  if (filters.length === 0 || !leaves.every((leaf) => flat.has(leaf))) return kept;
  const file = decodeStruct(await object.bytes(footer.metadata));
  const described = rowGroupsOf(file);
  const indexed = groups.flatMap((group) => indexesOf(file, described[group], group, footer, leaves, filters));
  const needed = union(indexed.flatMap(({ offsets, judged }) => [...offsets, ...judged.map(({ at }) => at)]));
  const gain = indexed.flatMap(({ group }) => leaves.map((leaf) => footer.rowGroups[group]!.chunks[leaf]!.range));
  if (byteCount(needed) > byteCount(union(gain)) * WORTH) return kept;
  await object.fetch(needed, signal);
  for (const each of indexed) {
    const pages = await keptOf(object, footer, each, leaves);
    if (pages !== undefined) kept.set(each.group, pages);
  }
  return kept;
}

/** Where the indexes of one row group stand, and how its filters are judged. */
interface Indexes {
  readonly group: number;
  /** Offset indexes, by the position of the leaf among those that are read. */
  readonly offsets: readonly ByteRange[];
  readonly judged: readonly {
    readonly filter: ScanFilter;
    readonly type: SqlType;
    readonly leaf: number;
    readonly at: ByteRange;
    readonly read: ReadBound;
  }[];
}

function indexesOf(
  file: Struct,
  described: Struct | undefined,
  group: number,
  footer: Footer,
  leaves: readonly number[],
  filters: readonly ColumnFilter[],
): Indexes[] {
  const chunks = described === undefined ? [] : chunksOf(described);
  const offsets = leaves.map((leaf) => rangeAt(chunks[leaf], OFFSET_INDEX));
  const judged = filters.flatMap(({ filter, key, type }) => {
    const column = columnOf(footer, key);
    const leaf = column?.leaves[0];
    if (column === undefined || leaf === undefined || !sameKeys(column.type, type)) return [];
    const at = rangeAt(chunks[leaf], COLUMN_INDEX);
    const read = boundsReader(file, chunks[leaf], column.type, leaf);
    return at === undefined || read === undefined ? [] : [{ filter, type: column.type, leaf, at, read }];
  });
  const known = offsets.filter((each) => each !== undefined);
  return judged.length === 0 || known.length < leaves.length ? [] : [{ group, offsets: known, judged }];
}

async function keptOf(
  object: CachedObject,
  footer: Footer,
  { group, judged, offsets }: Indexes,
  leaves: readonly number[],
): Promise<KeptPages | undefined> {
  const { rows, chunks } = footer.rowGroups[group]!;
  const pages = new Map<number, readonly Page[]>();
  for (const [i, leaf] of leaves.entries()) pages.set(leaf, pagesOf(await object.bytes(offsets[i]!)));
  let wanted: readonly RowRange[] = [{ start: 0, end: rows }];
  for (const { at, filter, leaf, read, type } of judged) {
    const bounds = pageBounds(await object.bytes(at), read);
    const own = pages.get(leaf)!;
    if (bounds.length !== own.length) return undefined;
    const passing = own.flatMap((page, i): RowRange[] =>
      mightMatch(filter, type, bounds[i]) ? [{ start: page.firstRow, end: own[i + 1]?.firstRow ?? rows }] : [],
    );
    wanted = intersection(wanted, passing);
  }
  const runs = alignedRuns(wanted, [...pages.values()], rows);
  const kept = byteCount(runs);
  if (kept > rows * NEARLY_ALL) return undefined;
  const ranges = leaves.map((leaf) => {
    const own = pages.get(leaf)!;
    const dictionary = { start: chunks[leaf]!.range.start, end: own[0]!.start };
    const some = runs.map((run) => bytesOf(own, run));
    return [leaf, dictionary.end > dictionary.start ? [dictionary, ...some] : some] as const;
  });
  return { rows: kept, ranges: new Map(ranges) };
}

/** ColumnChunk 4 and 5: the offset index; 6 and 7: the column index. */
const OFFSET_INDEX = [4, 5] as const;
const COLUMN_INDEX = [6, 7] as const;

function rangeAt(chunk: Struct | undefined, [offset, length]: readonly [number, number]): ByteRange | undefined {
  const [start, size] = [numberAt(chunk, offset), numberAt(chunk, length)];
  return start === undefined || size === undefined || size <= 0 ? undefined : { start, end: start + size };
}

/** OffsetIndex 1 page_locations; PageLocation 1 offset, 2 compressed_page_size with its header, 3 first_row_index. */
function pagesOf(bytes: Uint8Array): readonly Page[] {
  return itemsAt(decodeStruct(bytes), 1).flatMap((item): Page[] => {
    if (!(item instanceof Map)) return [];
    const [start = 0, size = 0, firstRow = 0] = [numberAt(item, 1), numberAt(item, 2), numberAt(item, 3)];
    return [{ start, end: start + size, firstRow }];
  });
}

function intersection(a: readonly RowRange[], b: readonly RowRange[]): RowRange[] {
  return a.flatMap((x) =>
    b
      .map((y) => ({ start: Math.max(x.start, y.start), end: Math.min(x.end, y.end) }))
      .filter(({ start, end }) => start < end),
  );
}

/** The shortest runs around `wanted` that begin and end with a page in every column. */
function alignedRuns(wanted: readonly RowRange[], columns: readonly (readonly Page[])[], rows: number): RowRange[] {
  const sets = columns.map((pages) => new Set(pages.map(({ firstRow }) => firstRow)));
  const borders = [...sets[0]!].filter((row) => sets.every((set) => set.has(row))).sort((a, b) => a - b);
  return union(
    wanted.map(({ start, end }) => ({
      start: borders.findLast((border) => border <= start) ?? 0,
      end: borders.find((border) => border >= end) ?? rows,
    })),
  );
}

/** The bytes of the pages of a run; they stand one after another. */
function bytesOf(pages: readonly Page[], { start, end }: RowRange): ByteRange {
  const some = pages.filter(({ firstRow }) => firstRow >= start && firstRow < end);
  return { start: some[0]!.start, end: some.at(-1)!.end };
}
