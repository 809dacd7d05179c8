/** The files of a scan on their way to this machine: what each costs, and how it is fetched. */
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';
import type { CachedObject } from './cache/object.ts';
import { byteCount } from './cache/ranges.ts';
import { arrowAsParquet } from './formats/arrow.ts';
import type { Footer } from './formats/footers.ts';
import type { FileFormat } from './formats/format.ts';
import type { ColumnFilter } from './formats/parquet.ts';
import { isField, type Projected, project } from './projection.ts';
import type { LocalFile, Scanning } from './relation.ts';
import type { DataFile } from './tables/table.ts';

/** What a scan needs of one file. */
export interface Piece {
  readonly file: DataFile;
  readonly bytes: number;
  /** The needed row groups with their bytes, where the file may be read a few row groups at a time. */
  readonly groups?: readonly { readonly index: number; readonly bytes: number }[];
  /** Brings it here. What it needs beside the cache is added to `temporary`. */
  readonly fetch: (temporary: string[]) => Promise<LocalFile>;
}

/** The pieces of a scan; files that cannot hold a matching row have none. Nothing but metadata is read yet. */
export const piecesOf = (scanning: Scanning): Promise<Piece[]> => PIECES[scanning.snapshot.format](scanning);

async function parquetPieces(scanning: Scanning): Promise<Piece[]> {
  const { cache, columns, groups, parquet, signal } = scanning;
  const objects = scanning.files.map((file) => scanning.pin(file.object));
  const footers = await parquet.footers(objects, signal);
  const fields = columns.filter(isField);
  const pieces = await Promise.all(
    scanning.files.map(async (file, i): Promise<Piece | undefined> => {
      const projected = project(fields, footers[i]!, file);
      checkTypes(objects[i]!, footers[i]!, projected);
      const keys = projected.map(({ key }) => key);
      const filters = scanning.filters.flatMap(({ filter, column }): ColumnFilter[] => {
        const place = projected.find((each) => each.column === column);
        return place === undefined ? [] : [{ filter, key: place.key, type: column.type }];
      });
      const untouched = filters.length === 0 && file.deletes === undefined;
      const limit = untouched && scanning.filters.length === 0 ? scanning.limit : undefined;
      const whole = file.deletes?.positions !== undefined;
      const only = groups === undefined ? {} : { groups };
      const selection = await parquet.select(objects[i]!, { keys, filters, whole, limit, ...only }, signal);
      if (selection === undefined) return undefined;
      return {
        file,
        bytes: cache.isLocal ? 0 : byteCount(selection.ranges),
        ...(whole
          ? {}
          : { groups: selection.groups.map(({ index, ranges }) => ({ index, bytes: byteCount(ranges) })) }),
        async fetch(temporary) {
          const local = await parquet.fetch(selection, signal);
          if (local.temporary) temporary.push(local.path);
          return { file, path: local.path, projected };
        },
      };
    }),
  );
  return pieces.filter((piece) => piece !== undefined);
}

/** @throws CausewayError 42804 when a file holds a column in a type that the table's cannot be read from. */
function checkTypes(object: CachedObject, footer: Footer, projected: readonly Projected[]): void {
  for (const { column, found } of projected) {
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

async function wholePieces(scanning: Scanning): Promise<Piece[]> {
  return scanning.files.map((file) => ({
    file,
    bytes: bytesOf(file, scanning),
    fetch: async () => ({ file, path: (await fetchWhole(file, scanning)).path }),
  }));
}

async function arrowPieces(scanning: Scanning): Promise<Piece[]> {
  const { cache, columns, signal } = scanning;
  const names = columns.filter(isField).map((c) => String(c.source.id));
  return scanning.files.map((file) => ({
    file,
    bytes: bytesOf(file, scanning),
    async fetch(temporary) {
      const path = await arrowAsParquet(await fetchWhole(file, scanning), names, cache, signal);
      temporary.push(path);
      return { file, path };
    },
  }));
}

/** Bytes of the cache that the whole file takes: none where it is read in place. */
const bytesOf = (file: DataFile, { cache }: Scanning): number => (cache.isLocal ? 0 : file.object.size);

async function fetchWhole(file: DataFile, { pin, signal }: Scanning): Promise<CachedObject> {
  const object = pin(file.object);
  await object.fetch([{ start: 0, end: object.info.size }], signal);
  return object;
}

const PIECES: Readonly<Record<FileFormat, (scanning: Scanning) => Promise<Piece[]>>> = {
  parquet: parquetPieces,
  arrow: arrowPieces,
  csv: wholePieces,
  json: wholePieces,
};
