/** What the footers of Parquet files say: columns, row groups, and where their chunks stand. DuckDB parses them. */
import type { SqlType } from '../../../src/plan/types.ts';
import { quoteLiteral } from '../../duckdb-engine/conform.ts';
import { type Bounds, keyOf } from '../bounds.ts';
import type { CachedObject } from '../cache/object.ts';
import { type DuckColumn, type DuckRow, duckColumns, duckRows } from '../duck.ts';
import type { ByteRange } from '../stores/store.ts';

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

export interface RowGroup {
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

/** The column of a file by name, or by field id when `key` is a number. */
export const columnOf = (footer: Footer, key: string | number): FileColumn | undefined =>
  typeof key === 'number'
    ? footer.columns.find((c) => c.fieldId === key)
    : (footer.columns.find((c) => c.name === key) ??
      footer.columns.find((c) => c.name.toLowerCase() === key.toLowerCase()));

/**
 * The footers of `objects`, in their order; all their metadata must be present, at `ranges`.
 * @throws CausewayError XX001 when DuckDB cannot read one.
 */
export async function parseFooters(
  objects: readonly CachedObject[],
  ranges: readonly ByteRange[],
  signal: AbortSignal,
): Promise<Footer[]> {
  if (objects.length === 0) return [];
  const footers: Footer[] = [];
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
    const shape = JSON.stringify(rows.map(({ name, num_children, duckdb_type }) => [name, num_children, duckdb_type]));
    const types = typesOf.get(shape) ?? (await describe(object));
    typesOf.set(shape, types);
    const columns = topLevelColumns(rows, types);
    footers.push(footer(ranges[i]!, columns, chunksOf.get(object.path) ?? [], object.info.size));
  }
  return footers;
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
