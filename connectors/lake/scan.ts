/**
 * One scan of one snapshot: skip files, fetch what is left of them, and say in DuckDB's SQL how to read it.
 *
 * The relation that comes out is self-contained: local files, joined with the partition values of each file and
 * without the rows that the table's metadata calls deleted.
 */
import { rm } from 'node:fs/promises';
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';
import { didYouMean } from '../../src/plan/nearest.ts';
import { isNumeric } from '../../src/plan/types.ts';
import type { RelationResult, ScanFilter, ScanFragment } from '../connector.ts';
import { quoteIdentifier, quoteLiteral } from '../duckdb-conform.ts';
import { constantBounds, mightMatch } from './bounds.ts';
import type { ObjectCache } from './cache/cache.ts';
import type { CachedObject } from './cache/object.ts';
import { writePositions } from './deletes.ts';
import { typedLiteral } from './duck.ts';
import { type ColumnFilter, columnOf, type Footer, type ParquetFiles } from './formats/parquet.ts';
import { textRelation } from './formats/text.ts';
import type { DataFile, LakeColumn, Snapshot } from './tables/table.ts';

/** What a silo lends to its scans. */
export interface ScanContext {
  readonly cache: ObjectCache;
  readonly parquet: ParquetFiles;
}

/** Name of the column with the path of the file a row came from. Data columns are called `c0`, `c1` … */
const FILE = '__file';

interface LocalFile {
  readonly file: DataFile;
  readonly path: string;
}

/** The relation, and what must be let go once its rows were read. */
export async function scan(
  snapshot: Snapshot,
  fragment: ScanFragment,
  context: ScanContext,
  signal: AbortSignal,
): Promise<RelationResult> {
  const wanted = fragment.sourceColumns.map((name) => columnNamed(snapshot, fragment.table.table, name));
  const filters = fragment.filters.map((filter) => ({
    filter,
    column: columnNamed(snapshot, fragment.table.table, filter.column),
  }));
  const files = snapshot.files.filter((file) =>
    filters.every(({ filter, column }) => fileMightMatch(file, filter, column)),
  );
  const equality = [...new Set(files.flatMap((file) => file.deletes?.equality ?? []))];
  const compared = equality.flatMap((i) => snapshot.equalityDeletes![i]!.columns);
  const columns = [...new Set([...wanted, ...filters.map((f) => f.column), ...compared])];

  const pinned: CachedObject[] = [];
  const temporary: string[] = [];
  const release = async (): Promise<void> => {
    await context.cache.release(pinned.splice(0));
    await Promise.all(temporary.splice(0).map((path) => rm(path, { force: true })));
  };
  const scanning: Scanning = { ...context, snapshot, columns, filters, files, equality, signal, pin };
  function pin(object: DataFile['object']): CachedObject {
    const entry = context.cache.pin(object);
    pinned.push(entry);
    return entry;
  }

  try {
    const local = snapshot.format === 'parquet' ? await fetchParquet(scanning, temporary) : await fetchWhole(scanning);
    const select = await relation(scanning, wanted, local, temporary, fragment.limit);
    return { kind: 'relation', columns: fragment.columns, select, release };
  } catch (error) {
    await release();
    throw error;
  }
}

interface Scanning extends ScanContext {
  readonly snapshot: Snapshot;
  /** Columns that are selected or filtered. */
  readonly columns: readonly LakeColumn[];
  readonly filters: readonly { readonly filter: ScanFilter; readonly column: LakeColumn }[];
  /** Files that can hold a matching row. */
  readonly files: readonly DataFile[];
  /** The equality deletes that apply to any of them. */
  readonly equality: readonly number[];
  readonly signal: AbortSignal;
  readonly pin: (object: DataFile['object']) => CachedObject;
}

function columnNamed(snapshot: Snapshot, table: string, name: string): LakeColumn {
  const column = snapshot.columns.find((c) => c.name === name);
  if (column !== undefined) return column;
  const hint = didYouMean(
    name,
    snapshot.columns.map((c) => c.name),
  );
  throw new CausewayError(SQLSTATE.undefinedColumn, `the table "${table}" has no column "${name}"`, {
    ...(hint === undefined ? {} : { hint }),
  });
}

function fileMightMatch(file: DataFile, filter: ScanFilter, column: LakeColumn): boolean {
  if (column.source.kind === 'partition') {
    const value = file.partition[column.source.key];
    return value === undefined || mightMatch(filter, column.type, constantBounds(column.type, value));
  }
  if (file.excludes?.(filter, column) === true) return false;
  return mightMatch(filter, column.type, file.bounds?.(column));
}

async function fetchParquet(scanning: Scanning, temporary: string[]): Promise<LocalFile[]> {
  const { columns, parquet, signal } = scanning;
  const keys = columns.flatMap((c) => (c.source.kind === 'field' ? [c.source.id] : []));
  const filters = scanning.filters.flatMap(({ filter, column }): ColumnFilter[] =>
    column.source.kind === 'field' ? [{ filter, key: column.source.id, type: column.type }] : [],
  );
  const objects = scanning.files.map((file) => scanning.pin(file.object));
  const footers = await parquet.footers(objects, signal);
  for (const [i, object] of objects.entries()) checkTypes(object, footers[i]!, columns);
  const prepared = await Promise.all(
    scanning.files.map((file, i) =>
      parquet.prepare(objects[i]!, keys, filters, file.deletes?.positions !== undefined, signal),
    ),
  );
  return scanning.files.flatMap((file, i) => {
    const ready = prepared[i];
    if (ready === undefined) return [];
    if (ready.temporary) temporary.push(ready.path);
    return [{ file, path: ready.path }];
  });
}

/** @throws CausewayError 42804 when a file holds a column in a type that the table's cannot be read from. */
function checkTypes(object: CachedObject, footer: Footer, columns: readonly LakeColumn[]): void {
  for (const column of columns) {
    if (column.source.kind !== 'field') continue;
    const found = columnOf(footer, column.source.id);
    if (found === undefined || found.duckType === column.duckType || widens(found.duckType, column.duckType)) continue;
    throw new CausewayError(
      SQLSTATE.datatypeMismatch,
      `${object.info.key} holds column "${column.name}" as ${found.duckType}, and the table has it as ${column.duckType}`,
      {
        detail: `Columns of the file: ${footer.columns.map((c) => `${c.name} ${c.duckType}`).join(', ')}.`,
        hint: 'Leave the file out of the table, or give the column a type that fits all files.',
      },
    );
  }
}

const RANKS = [
  'UTINYINT',
  'TINYINT',
  'USMALLINT',
  'SMALLINT',
  'UINTEGER',
  'INTEGER',
  'UBIGINT',
  'BIGINT',
  'HUGEINT',
  'FLOAT',
  'DOUBLE',
];

/** True when every value of `from` is one of `to`: wider numbers, finer times, nested types that DuckDB checks itself. */
function widens(from: string, to: string): boolean {
  if (/[([]/.test(from) && /[([]/.test(to)) return true; // decimals and nested types: DuckDB casts or refuses by itself
  const [low, high] = [RANKS.indexOf(from), RANKS.indexOf(to)];
  if (low >= 0 && high >= 0) return low < high;
  if (low >= 0) return to.startsWith('DECIMAL');
  if (from === 'DATE') return to.startsWith('TIMESTAMP');
  return from.startsWith('TIMESTAMP') && to.startsWith('TIMESTAMP');
}

async function fetchWhole({ files, pin, cache, signal }: Scanning): Promise<LocalFile[]> {
  cache.reserve(files.reduce((n, file) => n + file.object.size, 0));
  return Promise.all(
    files.map(async (file) => {
      const object = pin(file.object);
      await object.fetch([{ start: 0, end: object.info.size }], signal);
      return { file, path: object.path };
    }),
  );
}

async function relation(
  scanning: Scanning,
  wanted: readonly LakeColumn[],
  local: readonly LocalFile[],
  temporary: string[],
  limit: number | undefined,
): Promise<string> {
  const { snapshot, columns, filters } = scanning;
  const text = snapshot.text;
  const nameOf = (column: LakeColumn): string =>
    column.source.kind === 'partition'
      ? `p.${quoteIdentifier(`c${columns.indexOf(column)}`)}`
      : text === undefined
        ? `f.${quoteIdentifier(`c${columns.indexOf(column)}`)}`
        : `f.${quoteIdentifier(String(column.source.id))}`;
  const values = wanted.map((c, i) => `${nameOf(c)} AS v${i}`);
  const list = values.length === 0 ? '1 AS v0' : values.join(', ');
  if (local.length === 0) {
    const none = wanted.map((c, i) => `CAST(NULL AS ${c.duckType}) AS v${i}`);
    return `SELECT ${none.length === 0 ? '1 AS v0' : none.join(', ')} WHERE false`;
  }
  const fields = columns.filter((c) => c.source.kind === 'field');
  const positions = local.filter(({ file }) => file.deletes?.positions !== undefined);
  const from =
    text === undefined
      ? parquetSource(
          local.map((l) => l.path),
          fields.map((c) => ({ ...c, name: `c${columns.indexOf(c)}` })),
        )
      : textRelation(
          text,
          local.map((l) => l.path),
          FILE,
        );
  const parts = [`SELECT ${list} FROM ${from} AS f`];
  const partitions = columns.filter((c) => c.source.kind === 'partition');
  if (partitions.length > 0) parts.push(`JOIN ${partitionValues(partitions, columns, local)} ON f.${FILE} = p.${FILE}`);
  if (positions.length > 0) {
    const path = await writePositions(scanning.cache, positions, scanning.signal);
    temporary.push(path);
    parts.push(
      `ANTI JOIN read_parquet(${quoteLiteral(path)}) AS d ON f.${FILE} = d.file AND f.file_row_number = d.position`,
    );
  }
  const conditions = filters.map(({ filter, column }) => condition(filter, nameOf(column), column));
  conditions.push(...(await Promise.all(scanning.equality.map((i) => notDeleted(i, scanning, local, nameOf)))));
  if (conditions.length > 0) parts.push(`WHERE ${conditions.join(' AND ')}`);
  if (limit !== undefined) parts.push(`LIMIT ${limit}`);
  return parts.join(' ');
}

/** The condition that a row equals no row of equality delete `index`, in the files to which it applies. */
async function notDeleted(
  index: number,
  { snapshot, pin, signal }: Scanning,
  local: readonly LocalFile[],
  nameOf: (column: LakeColumn) => string,
): Promise<string> {
  const { object, columns } = snapshot.equalityDeletes![index]!;
  const entry = pin(object);
  await entry.fetch([{ start: 0, end: object.size }], signal);
  const applies = local.filter(({ file }) => file.deletes?.equality?.includes(index) === true);
  if (applies.length === 0) return 'true';
  const deleted = parquetSource(
    [entry.path],
    columns.map((column, i) => ({ ...column, name: `e${i}` })),
  );
  const same = columns.map((column, i) => `e.e${i} IS NOT DISTINCT FROM ${nameOf(column)}`).join(' AND ');
  const files = applies.map(({ path }) => quoteLiteral(path)).join(', ');
  return `NOT (f.${FILE} IN (${files}) AND EXISTS (SELECT 1 FROM ${deleted} AS e WHERE ${same}))`;
}

/** The FROM item that reads `fields` of Parquet files under their `name`, and the file's path as {@link FILE}. */
function parquetSource(paths: readonly string[], fields: readonly LakeColumn[]): string {
  const schema = fields.flatMap(({ name, duckType, source }) => {
    if (source.kind !== 'field') return [];
    const id = typeof source.id === 'number' ? String(source.id) : quoteLiteral(source.id);
    return [`${id}: {name: ${quoteLiteral(name)}, type: ${quoteLiteral(duckType)}, default_value: NULL}`];
  });
  const parts = [
    `[${paths.map(quoteLiteral).join(', ')}]`,
    ...(schema.length === 0 ? ['hive_partitioning = false'] : [`schema = MAP {${schema.join(', ')}}`]),
    `filename = ${quoteLiteral(FILE)}`,
  ];
  return `read_parquet(${parts.join(', ')})`;
}

function partitionValues(
  partitions: readonly LakeColumn[],
  columns: readonly LakeColumn[],
  local: readonly LocalFile[],
): string {
  const names = partitions.map((c) => quoteIdentifier(`c${columns.indexOf(c)}`));
  const rows = local.map(({ file, path }) => {
    const values = partitions.map((c) =>
      typedLiteral(c.source.kind === 'partition' ? (file.partition[c.source.key] ?? null) : null, c.duckType),
    );
    return `(${[quoteLiteral(path), ...values].join(', ')})`;
  });
  return `(VALUES ${rows.join(', ')}) AS p(${[FILE, ...names].join(', ')})`;
}

/** The filter in DuckDB's SQL. */
function condition({ operator, values }: ScanFilter, name: string, column: LakeColumn): string {
  if (operator === 'is_null') return `${name} IS NULL`;
  if (operator === 'is_not_null') return `${name} IS NOT NULL`;
  // A number keeps its own type: as one of the column's it might be rounded.
  const literal = (v: ScanFilter['values'][number]): string =>
    typeof v !== 'string' || (isNumeric(column.type) && /^-?\d+(\.\d+)?$/.test(v))
      ? String(v)
      : typedLiteral(v, column.duckType);
  return operator === 'in'
    ? values.length === 0
      ? 'false'
      : `${name} IN (${values.map(literal).join(', ')})`
    : `${name} ${operator} ${literal(values[0]!)}`;
}
