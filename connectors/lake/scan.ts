/**
 * One scan of one snapshot: skip files, fetch what is left of them, and say in DuckDB's SQL how to read it.
 *
 * The relation that comes out is self-contained: local files, joined with the partition values of each file and
 * without the rows that the table's metadata calls deleted. A scan that needs more than the cache holds is read in parts.
 */
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';
import { didYouMean } from '../../src/plan/nearest.ts';
import type { FragmentResult, ScanFilter, ScanFragment } from '../connector.ts';
import { constantBounds, mightMatch } from './bounds.ts';
import type { ScanContext } from './context.ts';
import { piecesOf } from './fetch.ts';
import { OpenScan } from './open-scan.ts';
import { inParts, partsOf } from './parts.ts';
import type { Scanning } from './relation.ts';
import type { DataFile, LakeColumn, Snapshot } from './tables/table.ts';

/** The rows of a scan: as a relation over local files, or streamed where they do not fit the cache. */
export async function scan(
  snapshot: Snapshot,
  fragment: ScanFragment,
  context: ScanContext,
  signal: AbortSignal,
): Promise<FragmentResult> {
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
  const open = (part: Pick<Scanning, 'files' | 'groups' | 'limit'>) =>
    new OpenScan({ ...context, snapshot, columns, filters, equality, signal, ...part }, wanted);

  const whole = open({ files, limit: fragment.limit });
  try {
    const pieces = await piecesOf(whole.scanning);
    const parts = partsOf(pieces, context.cache.limit);
    if (parts.length > 1) {
      await whole.release();
      return {
        kind: 'batches',
        columns: fragment.columns,
        batches: inParts(parts, fragment, open, context.cache, signal),
      };
    }
    const select = await whole.select(pieces);
    return { kind: 'relation', columns: fragment.columns, select, release: () => whole.release() };
  } catch (error) {
    await whole.release();
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
