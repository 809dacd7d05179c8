/** Where a silo's tables come from: its options, what stands under the root, or an Iceberg REST catalog. */

import type { ScanContext } from '../context.ts';
import { discover, layoutOf } from '../discover.ts';
import type { TableSpec } from '../options.ts';
import { type ObjectStore, StoreError } from '../stores/store.ts';
import type { RestCatalog } from './iceberg/rest.ts';
import { icebergTable } from './iceberg/table.ts';
import { openTable } from './open.ts';
import type { LakeTable } from './table.ts';

export interface TableSource {
  /** Why no table can be created here, where that is so. */
  readonly fixed?: string;
  names(signal: AbortSignal): Promise<readonly string[]>;
  /** The table, or undefined when there is none of that name. */
  open(name: string, signal: AbortSignal): Promise<LakeTable | undefined>;
}

/** Tables as the option `tables` describes them. */
export function describedTables(
  specs: Readonly<Record<string, TableSpec>>,
  store: ObjectStore,
  context: ScanContext,
): TableSource {
  return {
    fixed: 'its option "tables" says which tables it has',
    names: async () => Object.keys(specs),
    async open(name, signal) {
      const spec = Object.hasOwn(specs, name) ? specs[name] : undefined;
      if (spec === undefined) return undefined;
      const table = await openTable(name, spec, store, context, signal);
      return { ...table, snapshot: (now, version) => table.snapshot(now, version ?? spec.version) };
    },
  };
}

/** Every folder and file under the root that looks like a table. */
export function foundTables(store: ObjectStore, context: ScanContext): TableSource {
  return {
    names: async (signal) => Object.keys(await discover(store, signal)),
    async open(name, signal) {
      const spec = (await layoutOf(`${name}/`, store, signal)) ?? (await discover(store, signal))[name];
      return spec === undefined ? undefined : openTable(name, spec, store, context, signal);
    },
  };
}

/** The tables of a catalog. */
export function catalogTables(catalog: RestCatalog, store: ObjectStore, context: ScanContext): TableSource {
  const inside = (uri: string): string => {
    const key = store.keyOf(uri);
    if (key !== undefined) return key;
    throw new StoreError('denied', `the Iceberg catalog names "${uri}", outside ${store.location}`, {
      hint: 'Create the silo with a url that holds all tables of the catalog.',
    });
  };
  return {
    fixed: 'its tables are registered in an Iceberg catalog, which is only read',
    names: (signal) => catalog.tables(signal),
    async open(name, signal) {
      if (!(await catalog.tables(signal)).includes(name)) return undefined;
      const { location } = await catalog.load(name, signal);
      const newest = async (now: AbortSignal) => inside((await catalog.load(name, now)).metadata);
      return icebergTable(name, `${inside(location).replace(/\/$/, '')}/`, store, context, newest);
    },
  };
}
