/**
 * One scan of one snapshot: skip files, fetch what is left of them, and say in DuckDB's SQL how to read it.
 *
 * The relation that comes out is self-contained: local files, joined with the partition values of each file and
 * without the rows that the table's metadata calls deleted.
 */
import { rm } from 'node:fs/promises';
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';
import { didYouMean } from '../../src/plan/nearest.ts';
import type { RelationResult, ScanFilter, ScanFragment } from '../connector.ts';
import { constantBounds, mightMatch } from './bounds.ts';
import type { CachedObject } from './cache/object.ts';
import { byteCount } from './cache/ranges.ts';
import type { ScanContext } from './context.ts';
import { arrowAsParquet } from './formats/arrow.ts';
import { columnOf, type Footer } from './formats/footers.ts';
import type { FileFormat } from './formats/format.ts';
import type { ColumnFilter } from './formats/parquet.ts';
import { type LocalFile, relation, type Scanning } from './relation.ts';
import type { DataFile, LakeColumn, Snapshot } from './tables/table.ts';

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
  const scanning: Scanning = {
    ...context,
    snapshot,
    columns,
    filters,
    files,
    equality,
    limit: fragment.limit,
    signal,
    pin,
  };
  function pin(object: DataFile['object']): CachedObject {
    const entry = context.cache.pin(object);
    pinned.push(entry);
    return entry;
  }

  try {
    const local = await FETCH[snapshot.format](scanning, temporary);
    const select = await relation(scanning, wanted, local, temporary);
    return { kind: 'relation', columns: fragment.columns, select, release };
  } catch (error) {
    await release();
    throw error;
  }
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
  const selections = await Promise.all(
    scanning.files.map((file, i) => {
      const untouched = filters.length === 0 && file.deletes === undefined;
      const limit = untouched && scanning.filters.length === 0 ? scanning.limit : undefined;
      return parquet.select(
        objects[i]!,
        { keys, filters, whole: file.deletes?.positions !== undefined, limit },
        signal,
      );
    }),
  );
  scanning.cache.reserve(selections.reduce((n, each) => n + byteCount(each?.ranges ?? []), 0));
  const local = await Promise.all(selections.map((each) => each && parquet.fetch(each, signal)));
  return scanning.files.flatMap((file, i) => {
    const ready = local[i];
    if (ready === undefined) return [];
    if (ready.temporary) temporary.push(ready.path);
    return [{ file, path: ready.path }];
  });
}

/** A file that is on this machine as a whole. */
interface WholeFile extends LocalFile {
  readonly object: CachedObject;
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

async function fetchWhole({ files, pin, cache, signal }: Scanning): Promise<WholeFile[]> {
  cache.reserve(files.reduce((n, file) => n + file.object.size, 0));
  return Promise.all(
    files.map(async (file) => {
      const object = pin(file.object);
      await object.fetch([{ start: 0, end: object.info.size }], signal);
      return { file, object, path: object.path };
    }),
  );
}

async function fetchArrow(scanning: Scanning, temporary: string[]): Promise<LocalFile[]> {
  const { cache, columns, signal } = scanning;
  const names = columns.flatMap((c) => (c.source.kind === 'field' ? [String(c.source.id)] : []));
  const local: LocalFile[] = [];
  // One after another: each stands in memory as a whole.
  for (const { file, object } of await fetchWhole(scanning)) {
    const path = await arrowAsParquet(object, names, cache, signal);
    temporary.push(path);
    local.push({ file, path });
  }
  return local;
}

/** How the files of a format come to this machine; what they need beside the cache is added to `temporary`. */
const FETCH: Readonly<Record<FileFormat, (scanning: Scanning, temporary: string[]) => Promise<LocalFile[]>>> = {
  parquet: fetchParquet,
  arrow: fetchArrow,
  csv: fetchWhole,
  json: fetchWhole,
};
