/** The layout of a table by its description. */
import { CausewayError, SQLSTATE } from '../../../src/plan/errors.ts';
import type { ScanContext } from '../context.ts';
import { layoutOf } from '../discover.ts';
import { formatOf } from '../formats/format.ts';
import type { TableSpec } from '../options.ts';
import { type ObjectStore, safeKey } from '../stores/store.ts';
import { deltaTable } from './delta/table.ts';
import { folderTable } from './folder.ts';
import { isGlob } from './glob.ts';
import { icebergTable, newestMetadata } from './iceberg/table.ts';
import type { LakeTable } from './table.ts';

/** The table `name`. What the description leaves open is looked up in the store. */
export async function openTable(
  name: string,
  given: TableSpec,
  store: ObjectStore,
  context: ScanContext,
  signal: AbortSignal,
): Promise<LakeTable> {
  const { path, format, delimiter, header, null: nullText, types } = await complete(name, given, store, signal);
  if (format === 'delta') return deltaTable(name, path, store, context);
  if (format === 'iceberg') return icebergTable(name, path, store, context, newestMetadata(name, path, store));
  return folderTable(
    {
      name,
      path,
      ...(format === undefined ? {} : { format }),
      ...(delimiter === undefined ? {} : { delimiter }),
      ...(header === undefined ? {} : { header }),
      ...(nullText === undefined ? {} : { nullText }),
      ...(types === undefined ? {} : { types }),
    },
    store,
    context,
  );
}

/** The description with a folder's path ending in `/` and its layout found out. */
async function complete(name: string, given: TableSpec, store: ObjectStore, signal: AbortSignal): Promise<TableSpec> {
  const path = safeKey(given.path);
  if (isGlob(path) || formatOf(path) !== undefined) return { ...given, path };
  const folder = path.endsWith('/') || path === '' ? path : `${path}/`;
  if (given.format !== undefined) return { ...given, path: folder };
  const layout = await layoutOf(folder, store, signal);
  if (layout !== undefined) return { ...given, ...layout };
  throw new CausewayError(SQLSTATE.undefinedFile, `the table "${name}" has no files at ${store.location}/${folder}`, {
    hint: 'Check the path of the table, and that its files end in .parquet, .csv, .json or .arrow.',
  });
}
