/** The layout of a table by its description. */
import type { TableSpec } from '../options.ts';
import type { ScanContext } from '../scan.ts';
import type { ObjectStore } from '../stores/store.ts';
import { folderTable } from './folder.ts';
import type { LakeTable } from './table.ts';

/** The table `name`; nothing is read yet. */
export function openTable(name: string, spec: TableSpec, store: ObjectStore, context: ScanContext): LakeTable {
  const { path, format, delimiter, header, null: nullText, types } = spec;
  return folderTable(
    {
      name,
      path,
      ...(format === undefined || format === 'delta' || format === 'iceberg' ? {} : { format }),
      ...(delimiter === undefined ? {} : { delimiter }),
      ...(header === undefined ? {} : { header }),
      ...(nullText === undefined ? {} : { nullText }),
      ...(types === undefined ? {} : { types }),
    },
    store,
    context,
  );
}
