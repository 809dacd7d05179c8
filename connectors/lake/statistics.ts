/** What a table's metadata says about its rows: exact counts where the layout keeps them, samples of footers elsewhere. */
import type { ColumnStatistics, TableStatistics } from '../connector.ts';
import { type Bounds, compareKeys, type Key } from './bounds.ts';
import type { ScanContext } from './context.ts';
import { columnOf } from './formats/footers.ts';
import type { DataFile, LakeColumn, Snapshot } from './tables/table.ts';

/** Footers that are read when the layout itself knows nothing. */
const FOOTERS = 16;

/** Bytes of a row of text, when nothing better is known. */
const TEXT_ROW = 100;

export async function statisticsOf(
  snapshot: Snapshot,
  context: ScanContext,
  signal: AbortSignal,
): Promise<TableStatistics> {
  const bytes = snapshot.files.reduce((n, file) => n + file.object.size, 0);
  if (snapshot.format !== 'parquet') {
    return { rows: Math.ceil(bytes / TEXT_ROW), bytes, columns: {} };
  }
  const files = snapshot.files.every((file) => file.rows !== undefined)
    ? snapshot.files
    : await withFooters(snapshot, context, signal);
  const known = files.reduce((n, file) => n + file.rows!, 0);
  const knownBytes = files.reduce((n, file) => n + file.object.size, 0);
  const rows = files.length === snapshot.files.length ? known : Math.round((known / Math.max(1, knownBytes)) * bytes);
  const columns = snapshot.columns.flatMap((column): [string, ColumnStatistics][] => {
    const statistics = columnStatistics(column, files);
    return statistics === undefined ? [] : [[column.name, statistics]];
  });
  return { rows, bytes, columns: Object.fromEntries(columns) };
}

/** Some of the snapshot's files, with rows and bounds from their footers. */
async function withFooters(
  snapshot: Snapshot,
  { cache, parquet }: ScanContext,
  signal: AbortSignal,
): Promise<DataFile[]> {
  const step = Math.max(1, snapshot.files.length / FOOTERS);
  const sample = Array.from(
    { length: Math.min(FOOTERS, snapshot.files.length) },
    (_, i) => snapshot.files[Math.floor(i * step)]!,
  );
  const objects = sample.map((file) => cache.pin(file.object));
  try {
    const footers = await parquet.footers(objects, signal);
    return sample.map((file, i) => ({
      ...file,
      rows: footers[i]!.rows,
      bounds: (column) => {
        if (column.source.kind !== 'field') return undefined;
        const leaf = columnOf(footers[i]!, column.source.id)?.leaves[0];
        return leaf === undefined ? undefined : merge(footers[i]!.rowGroups.map((group) => group.chunks[leaf]!.bounds));
      },
    }));
  } finally {
    await cache.release(objects);
  }
}

function columnStatistics(column: LakeColumn, files: readonly DataFile[]): ColumnStatistics | undefined {
  if (column.source.kind === 'partition') {
    const { key } = column.source;
    return { distinct: new Set(files.map((file) => file.partition[key])).size };
  }
  const all = files.map((file) => file.bounds?.(column));
  if (all.length === 0 || all.includes(undefined)) return undefined;
  const { min, max, nulls, rows } = merge(all as Bounds[]);
  return {
    ...(rows === undefined || nulls === undefined || rows === 0 ? {} : { nullFraction: nulls / rows }),
    ...bound('min', min, column),
    ...bound('max', max, column),
  };
}

/** Keys as statistics print them. */
function bound(name: 'min' | 'max', key: Key | undefined, column: LakeColumn): ColumnStatistics {
  if (key === undefined) return {};
  if (typeof key === 'string') return { [name]: key };
  switch (column.type.kind) {
    case 'smallint':
    case 'integer':
    case 'bigint':
    case 'numeric':
      return { [name]: Number(key) / 1e40 };
    case 'real':
    case 'double':
      return { [name]: Number(key) };
    case 'date':
      return { [name]: timeText(key).slice(0, 10) };
    case 'timestamp':
    case 'timestamptz':
      return {
        [name]: timeText(key)
          .replace('T', ' ')
          .replace('Z', column.type.kind === 'timestamptz' ? '+00' : ''),
      };
    default:
      return {};
  }
}

const timeText = (micros: Key): string => new Date(Number(BigInt(micros) / 1000n)).toISOString();

function merge(all: readonly Bounds[]): Bounds {
  const least = (a: Key, b: Key): Key => (compareKeys(a, b) <= 0 ? a : b);
  const most = (a: Key, b: Key): Key => (compareKeys(a, b) >= 0 ? a : b);
  const sum = (values: (number | undefined)[]): number | undefined =>
    values.includes(undefined) ? undefined : (values as number[]).reduce((a, b) => a + b, 0);
  const mins = all.flatMap((b) => (b.min === undefined ? [] : [b.min]));
  const maxes = all.flatMap((b) => (b.max === undefined ? [] : [b.max]));
  const [nulls, rows] = [sum(all.map((b) => b.nulls)), sum(all.map((b) => b.rows))];
  return {
    ...(mins.length === 0 ? {} : { min: mins.reduce(least) }),
    ...(maxes.length === 0 ? {} : { max: maxes.reduce(most) }),
    ...(nulls === undefined ? {} : { nulls }),
    ...(rows === undefined ? {} : { rows }),
  };
}
