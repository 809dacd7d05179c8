/** An open lake: tables over an object store. It answers a scan with local files that the mediator reads. */
import { CausewayError, SQLSTATE, throwIfAborted } from '../../src/plan/errors.ts';
import { didYouMean } from '../../src/plan/nearest.ts';
import type {
  Fragment,
  FragmentResult,
  Silo,
  SiloOptions,
  TableInfo,
  TableName,
  TableStatistics,
  WriteRequest,
} from '../connector.ts';
import { type CacheOptions, ObjectCache } from './cache/cache.ts';
import type { ScanContext } from './context.ts';
import { ParquetFiles } from './formats/parquet.ts';
import { tableSpecs, writeFormat } from './options.ts';
import { scan } from './scan.ts';
import { statisticsOf } from './statistics.ts';
import { RETRY } from './stores/retry.ts';
import { type ObjectStore, StoreError, type StoreErrorKind, safeKey } from './stores/store.ts';
import { type RestCatalog, restCatalog } from './tables/iceberg/rest.ts';
import { catalogTables, describedTables, foundTables, type TableSource } from './tables/source.ts';
import type { LakeTable, Snapshot } from './tables/table.ts';
import { createDelta } from './write/delta.ts';
import { createFolder } from './write/folder.ts';

export interface LakeOptions {
  readonly cache: CacheOptions;
  /** The silo's options as its owner wrote them. */
  readonly silo: SiloOptions;
}

export class LakeSilo implements Silo {
  readonly context: string;
  readonly #store: ObjectStore;
  readonly #scan: ScanContext;
  readonly #source: TableSource;
  readonly #writesDelta: boolean;
  readonly #opened = new Map<string, Promise<LakeTable>>();

  private constructor(store: ObjectStore, scanContext: ScanContext, source: TableSource, writesDelta: boolean) {
    this.context = store.location;
    this.#store = store;
    this.#scan = scanContext;
    this.#source = source;
    this.#writesDelta = writesDelta;
  }

  /** Opens the lake and proves that the store answers. Takes over the store. */
  static async open(store: ObjectStore, options: LakeOptions, signal: AbortSignal): Promise<LakeSilo> {
    try {
      const specs = tableSpecs(options.silo);
      const catalog = catalogOf(options.silo);
      await store.children('', signal);
      const cache = await ObjectCache.open(store, options.cache);
      const context = { cache, parquet: new ParquetFiles(cache) };
      const source =
        specs !== undefined
          ? describedTables(specs, store, context)
          : catalog !== undefined
            ? catalogTables(catalog, store, context)
            : foundTables(store, context);
      return new LakeSilo(store, context, source, writeFormat(options.silo) === 'delta');
    } catch (error) {
      await store[Symbol.asyncDispose]();
      throw asCausewayError(error);
    }
  }

  /** Requests and bytes that went over the wire so far. */
  get traffic(): { readonly requests: number; readonly bytes: number } {
    return this.#scan.cache.traffic;
  }

  tables(signal: AbortSignal): Promise<readonly TableInfo[]> {
    return this.#guarded(async () => {
      const names = await this.#source.names(signal);
      return Promise.all(
        names.map(async (table): Promise<TableInfo> => {
          try {
            return tableInfo({ table }, await this.#snapshot({ table }, signal));
          } catch (error) {
            // A store that does not answer says nothing about the table.
            if (error instanceof StoreError && (error.kind === 'transient' || error.kind === 'throttled')) throw error;
            const known = asCausewayError(error);
            if (!(known instanceof CausewayError) || signal.aborted) throw error;
            const { sqlstate, message, hint } = known;
            const unreadable = { sqlstate, message, ...(hint === undefined ? {} : { hint }) };
            return { table, kind: 'table', columns: [], unreadable };
          }
        }),
      );
    });
  }

  tableAt({ table }: TableName, version: string, signal: AbortSignal): Promise<TableInfo> {
    const name = { table, version };
    return this.#guarded(async () => tableInfo(name, await this.#snapshot(name, signal)));
  }

  statistics(name: TableName, signal: AbortSignal): Promise<TableStatistics | undefined> {
    return this.#guarded(async () => statisticsOf(await this.#snapshot(name, signal), this.#scan, signal));
  }

  run(fragment: Fragment, signal: AbortSignal): Promise<FragmentResult> {
    return this.#guarded(async () => {
      if (fragment.kind !== 'scan') {
        throw new CausewayError(SQLSTATE.featureNotSupported, `${this.context} holds files and speaks no SQL`);
      }
      throwIfAborted(signal);
      const once = async () => scan(await this.#snapshot(fragment.table, signal), fragment, this.#scan, signal);
      try {
        return await once();
      } catch (error) {
        // An object was replaced between the listing and the read: once more, from a new listing.
        if (error instanceof StoreError && error.kind === 'changed') return await once();
        throw error;
      }
    });
  }

  /** Creates a table of the silo's write_format, or appends to one. All or nothing: readers see every row or none. */
  write(request: WriteRequest, signal: AbortSignal): Promise<{ readonly rows: number }> {
    return this.#guarded(async () => {
      const { table: name } = request.table;
      const { folder } = this.#scan.cache;
      const table = await this.#source.open(name, signal);
      if (request.mode === 'append') {
        const found = table ?? (await this.#lookUp(name, signal));
        if (found.append !== undefined) return { rows: await found.append(request, folder, signal) };
        throw new CausewayError(SQLSTATE.featureNotSupported, `cannot append to "${name}"`, {
          hint: 'Rows can be appended to unpartitioned folders of Parquet files and to Delta tables.',
        });
      }
      if (table !== undefined) throw new CausewayError(SQLSTATE.duplicateTable, `relation "${name}" already exists`);
      if (this.#source.fixed !== undefined) {
        throw new CausewayError(
          SQLSTATE.featureNotSupported,
          `${this.context} takes no new tables: ${this.#source.fixed}`,
          {
            hint: `EXPORT (query) TO the silo's '${name}.parquet' writes a file; or create a silo over the folder without that option.`,
          },
        );
      }
      const base = `${safeKey(name)}/`;
      const rows = this.#writesDelta
        ? await createDelta(request, base, this.#store, folder, signal)
        : await createFolder(request, this.#store, folder, signal);
      this.#opened.delete(name);
      return { rows };
    });
  }

  storeFile(path: string, body: Uint8Array, signal: AbortSignal): Promise<void> {
    return this.#guarded(async () => {
      try {
        await this.#store.write(safeKey(path), body, 'absent', signal);
      } catch (error) {
        if (!(error instanceof StoreError) || error.kind !== 'conflict') throw error;
        throw new CausewayError(SQLSTATE.duplicateTable, `there is a file ${this.context}/${path} already`, {
          cause: error,
        });
      }
    });
  }

  async #snapshot({ table, version }: TableName, signal: AbortSignal): Promise<Snapshot> {
    return (await this.#open(table, signal)).snapshot(signal, version);
  }

  #open(name: string, signal: AbortSignal): Promise<LakeTable> {
    const known = this.#opened.get(name);
    if (known !== undefined) return known;
    const opened = this.#lookUp(name, signal);
    this.#opened.set(name, opened);
    opened.catch(() => this.#opened.delete(name));
    return opened;
  }

  async #lookUp(name: string, signal: AbortSignal): Promise<LakeTable> {
    const table = await this.#source.open(name, signal);
    if (table !== undefined) return table;
    const hint = didYouMean(name, await this.#source.names(signal));
    throw new CausewayError(SQLSTATE.undefinedTable, `${this.context} has no table "${name}"`, {
      ...(hint === undefined ? {} : { hint }),
    });
  }

  async #guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw asCausewayError(error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scan.cache[Symbol.asyncDispose]();
    await this.#store[Symbol.asyncDispose]();
  }
}

const tableInfo = (name: TableName, { columns }: Snapshot): TableInfo => ({
  ...name,
  kind: 'table',
  columns: columns.map(({ name, type, nullable, comment }) => ({
    name,
    type,
    nullable,
    ...(comment === undefined ? {} : { comment }),
  })),
});

const SQLSTATES: Readonly<Record<StoreErrorKind, string>> = {
  transient: SQLSTATE.connectionFailure,
  throttled: SQLSTATE.connectionFailure,
  changed: SQLSTATE.objectInUse,
  conflict: SQLSTATE.objectInUse,
  missing: SQLSTATE.undefinedFile,
  denied: SQLSTATE.insufficientPrivilege,
  fatal: SQLSTATE.ioError,
};

/** The Iceberg REST catalog that the options name, if any. */
function catalogOf(options: SiloOptions): RestCatalog | undefined {
  const {
    iceberg_catalog: url,
    iceberg_warehouse: warehouse,
    iceberg_namespace: namespace,
    iceberg_token: token,
  } = options;
  if (url === undefined) return undefined;
  return restCatalog({
    url,
    namespace: namespace ?? 'default',
    retry: RETRY,
    ...(warehouse === undefined ? {} : { warehouse }),
    ...(token === undefined ? {} : { token }),
  });
}

/** A store's error in the words users see. */
function asCausewayError(error: unknown): unknown {
  if (!(error instanceof StoreError)) return error;
  const hint = error.hint ?? (error.kind === 'changed' ? 'Run the statement again.' : undefined);
  return new CausewayError(SQLSTATES[error.kind], error.message, {
    ...(hint === undefined ? {} : { hint }),
    cause: error,
  });
}
