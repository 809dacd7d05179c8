/**
 * Parquet over ranges: the footer first, then only the column chunks that a scan needs, in row groups that can hold a
 * matching row by statistics and bloom filters.
 */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { SqlType } from '../../../src/plan/types.ts';
import type { ScanFilter } from '../../connector.ts';
import { quoteLiteral } from '../../duckdb-conform.ts';
import { type Bounds, keyOf, mightMatch, sameKeys } from '../bounds.ts';
import type { ObjectCache } from '../cache/cache.ts';
import type { CachedObject } from '../cache/object.ts';
import { union } from '../cache/ranges.ts';
import { type DuckColumn, type DuckRow, duckColumns, duckRows, typedLiteral } from '../duck.ts';
import type { ByteRange } from '../stores/store.ts';
import { keepRowGroups, metadataRange, TRAILER } from './footer.ts';

/** Bytes read from the end of the first file, in the hope that the whole footer is among them. */
const FIRST_TAIL = 8 * 1024;
/** Footers of one table are alike: what the last one took, and a little more, is asked for next. */
const NEXT_TAIL = 1.05;

/** A top-level column of a file. */
export interface FileColumn {
  readonly name: string;
  readonly fieldId: number | undefined;
  readonly type: SqlType;
  readonly duckType: string;
  /** Its leaves, by their position among all leaves of the file. */
  readonly leaves: readonly number[];
}

interface Chunk {
  readonly range: ByteRange;
  readonly bloom: ByteRange | undefined;
  readonly bounds: Bounds;
}

interface RowGroup {
  readonly rows: number;
  /** By leaf. */
  readonly chunks: readonly Chunk[];
}

export interface Footer {
  readonly metadata: ByteRange;
  readonly rows: number;
  readonly columns: readonly FileColumn[];
  readonly rowGroups: readonly RowGroup[];
}

/** A filter with what is needed to judge it: the column in the file and its SQL type. */
export interface ColumnFilter {
  readonly filter: ScanFilter;
  readonly key: string | number;
  readonly type: SqlType;
}

/** The column of a file by name, or by field id when `key` is a number. */
export const columnOf = (footer: Footer, key: string | number): FileColumn | undefined =>
  typeof key === 'number'
    ? footer.columns.find((c) => c.fieldId === key)
    : (footer.columns.find((c) => c.name === key) ??
      footer.columns.find((c) => c.name.toLowerCase() === key.toLowerCase()));

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
      await this.#parse(unknown.slice(i, i + 256), ranges.slice(i, i + 256), signal);
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

  async #parse(objects: readonly CachedObject[], ranges: readonly ByteRange[], signal: AbortSignal): Promise<void> {
    if (objects.length === 0) return;
    const list = `[${objects.map((o) => quoteLiteral(o.path)).join(', ')}]`;
    const what =
      objects.length === 1
        ? objects[0]!.info.key
        : `one of ${objects
            .map((o) => o.info.key)
            .slice(0, 5)
            .join(', ')}`;
    const schema = await duckRows(
      `SELECT file_name, name, num_children, field_id, duckdb_type, column_id FROM parquet_schema(${list})`,
      what,
      signal,
    );
    const chunks = await duckRows(
      `SELECT file_name, row_group_id::INT AS g, row_group_num_rows::DOUBLE AS rows, column_id::INT AS leaf,
              least(coalesce(nullif(dictionary_page_offset, 0), data_page_offset), data_page_offset)::DOUBLE AS start,
              total_compressed_size::DOUBLE AS size, stats_min_value AS lo, stats_max_value AS hi,
              stats_null_count::DOUBLE AS nulls, bloom_filter_offset::DOUBLE AS bloom, bloom_filter_length::DOUBLE AS bloom_size
       FROM parquet_metadata(${list})`,
      what,
      signal,
    );
    const schemaOf = Map.groupBy(schema, (row) => row.file_name as string);
    const chunksOf = Map.groupBy(chunks, (row) => row.file_name as string);
    const typesOf = new Map<string, readonly DuckColumn[]>();
    for (const [i, object] of objects.entries()) {
      const rows = schemaOf.get(object.path) ?? [];
      const shape = JSON.stringify(
        rows.map(({ name, num_children, duckdb_type }) => [name, num_children, duckdb_type]),
      );
      const types = typesOf.get(shape) ?? (await describe(object));
      typesOf.set(shape, types);
      const columns = topLevelColumns(rows, types);
      this.#footers.set(object, footer(ranges[i]!, columns, chunksOf.get(object.path) ?? [], object.info.size));
    }
  }

  /**
   * A local file that holds, of `object`, at least the columns `keys` in every row group that can pass `filters`, or
   * undefined when none can. `whole` keeps all row groups, so that row positions stay what they are.
   */
  async prepare(
    object: CachedObject,
    keys: readonly (string | number)[],
    filters: readonly ColumnFilter[],
    whole: boolean,
    signal: AbortSignal,
  ): Promise<{ path: string; temporary: boolean } | undefined> {
    if (object.isLocal) return { path: object.path, temporary: false };
    const [footer] = await this.footers([object], signal);
    const leaves = keys.flatMap((key) => columnOf(footer!, key)?.leaves ?? []);
    let groups = footer!.rowGroups.map((_, i) => i);
    if (!whole) {
      groups = groups.filter((g) => filters.every((f) => groupMightMatch(footer!, footer!.rowGroups[g]!, f)));
      groups = await this.#probeBlooms(object, footer!, groups, leaves, filters, signal);
    }
    if (groups.length === 0 && footer!.rowGroups.length > 0) return undefined;
    const ranges = rangesOf(footer!, groups, leaves);
    await object.fetch(ranges, signal);
    const everything = groups.length === footer!.rowGroups.length;
    if (everything || object.has(rangesOf(footer!, [...footer!.rowGroups.keys()], leaves))) {
      return { path: object.path, temporary: false };
    }
    return { path: await this.#view(object, footer!, groups, ranges), temporary: true };
  }

  /** Row groups of `groups` that no bloom filter rules out. Skipped where the filters cost more than they can save. */
  async #probeBlooms(
    object: CachedObject,
    footer: Footer,
    groups: number[],
    leaves: readonly number[],
    filters: readonly ColumnFilter[],
    signal: AbortSignal,
  ): Promise<number[]> {
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
      const probe = await this.#view(object, footer, left, blooms as ByteRange[]);
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
      const sets = excluded.map((rows) => new Set(rows.map((row) => row.g as number)));
      left = left.filter((_, i) => !sets.every((set) => set.has(i)));
    }
    return left;
  }

  /** A file of its own with the bytes `ranges` of the object and a footer that names only `groups`. */
  async #view(
    object: CachedObject,
    footer: Footer,
    groups: readonly number[],
    ranges: readonly ByteRange[],
  ): Promise<string> {
    const path = join(this.#cache.folder, `view-${this.#views++}.parquet`);
    const rows = groups.reduce((n, g) => n + footer.rowGroups[g]!.rows, 0);
    const metadata = keepRowGroups(await object.bytes(footer.metadata), groups, rows);
    const trailer = Buffer.alloc(TRAILER);
    trailer.writeUInt32LE(metadata.length);
    trailer.write('PAR1', 4, 'latin1');
    const file = await open(path, 'w');
    try {
      await file.write('PAR1', 0, 'latin1');
      for (const range of ranges) {
        const body = await object.bytes(range);
        await file.write(body, 0, body.length, range.start);
      }
      const { size } = object.info;
      await file.write(metadata, 0, metadata.length, size - TRAILER - metadata.length);
      await file.write(trailer, 0, TRAILER, size - TRAILER);
    } finally {
      await file.close();
    }
    return path;
  }
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

/** DuckDB's type of every top-level column: of nested ones, parquet_schema tells only the leaves. */
const describe = ({ path, info }: CachedObject): Promise<readonly DuckColumn[]> =>
  duckColumns(`SELECT * FROM read_parquet(${quoteLiteral(path)}, hive_partitioning = false)`, info.key);

function topLevelColumns(schema: readonly DuckRow[], types: readonly DuckColumn[]): FileColumn[] {
  const rows = schema.toSorted((a, b) => Number(a.column_id) - Number(b.column_id));
  const columns: FileColumn[] = [];
  let at = 1; // 0 is the root
  let leaf = 0;
  const walk = (): number[] => {
    const children = Number(rows[at++]!.num_children ?? 0);
    return children === 0 ? [leaf++] : Array.from({ length: children }, walk).flat();
  };
  while (at < rows.length) {
    const row = rows[at]!;
    const name = row.name as string;
    const fieldId = row.field_id === null ? undefined : Number(row.field_id);
    const { type, duckType } = types[columns.length]!;
    columns.push({ name, fieldId, type, duckType, leaves: walk() });
  }
  return columns;
}

function footer(metadata: ByteRange, columns: readonly FileColumn[], rows: readonly DuckRow[], size: number): Footer {
  const typeOfLeaf = new Map(columns.filter((c) => c.leaves.length === 1).map((c) => [c.leaves[0]!, c.type]));
  const groups: { rows: number; chunks: Chunk[] }[] = [];
  const inside = (start: unknown, length: unknown): ByteRange | undefined =>
    typeof start === 'number' && typeof length === 'number' && start >= 0 && length > 0 && start + length <= size
      ? { start, end: start + length }
      : undefined;
  for (const row of rows) {
    groups[row.g as number] ??= { rows: row.rows as number, chunks: [] };
    const group = groups[row.g as number]!;
    const type = typeOfLeaf.get(row.leaf as number);
    const range = inside(row.start, row.size) ?? { start: 0, end: size };
    group.chunks[row.leaf as number] = {
      range,
      bloom: inside(row.bloom, row.bloom_size),
      bounds: { ...bounds(type, row), rows: group.rows },
    };
  }
  return { metadata, columns, rowGroups: groups, rows: groups.reduce((n, g) => n + g.rows, 0) };
}

function bounds(type: SqlType | undefined, row: DuckRow): Bounds {
  const key = (text: unknown) =>
    // DuckDB prints bytes that are not UTF-8 as \x escapes: such a bound is cut inside a character.
    type === undefined || typeof text !== 'string' || text.includes('\\x') ? undefined : keyOf(type, text);
  const [min, max] = [key(row.lo), key(row.hi)];
  return {
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
    ...(typeof row.nulls === 'number' ? { nulls: row.nulls } : {}),
  };
}
