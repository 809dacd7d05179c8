/** Which tables stand under a root: each folder that looks like one, and each single file. */
import { formatOf, isHidden, stemOf } from './formats/format.ts';
import type { TableSpec } from './options.ts';
import type { ObjectStore } from './stores/store.ts';

/** The layout of the folder `folder` (ending in `/`), or undefined when it holds no table. */
export async function layoutOf(
  folder: string,
  store: ObjectStore,
  signal: AbortSignal,
): Promise<TableSpec | undefined> {
  const { folders, objects } = await store.children(folder, signal);
  if (folders.includes(`${folder}_delta_log/`)) return { path: folder, format: 'delta' };
  if (folders.includes(`${folder}metadata/`)) {
    const metadata = await store.children(`${folder}metadata/`, signal);
    if (metadata.objects.some(({ key }) => key.endsWith('.metadata.json'))) return { path: folder, format: 'iceberg' };
  }
  const here = objects.find(({ key }) => !isHidden(key) && formatOf(key) !== undefined);
  if (here !== undefined) return { path: folder, format: formatOf(here.key)! };
  for (const below of folders) {
    if (isHidden(below.slice(0, -1))) continue;
    for await (const { key } of store.list(below, signal)) {
      if (!isHidden(key) && formatOf(key) !== undefined) return { path: folder, format: formatOf(key)! };
    }
  }
  return undefined;
}

/** The tables under the store's root, by name. */
export async function discover(store: ObjectStore, signal: AbortSignal): Promise<Readonly<Record<string, TableSpec>>> {
  const { folders, objects } = await store.children('', signal);
  const specs: Record<string, TableSpec> = {};
  const layouts = await Promise.all(folders.map((folder) => layoutOf(folder, store, signal)));
  folders.forEach((folder, i) => {
    const layout = layouts[i];
    if (layout !== undefined && !isHidden(folder.slice(0, -1))) specs[folder.slice(0, -1)] = layout;
  });
  for (const { key } of objects) {
    const format = formatOf(key);
    if (format !== undefined && !isHidden(key)) specs[stemOf(key)] ??= { path: key, format };
  }
  return specs;
}
