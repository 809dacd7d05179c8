/** An open lake: tables over an object store. It answers a scan with local files that the mediator reads. */
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';
import { didYouMean } from '../../src/plan/nearest.ts';
import type {
  Fragment,
  RelationResult,
  Silo,
  SiloOptions,
  TableInfo,
  TableName,
  TableStatistics,
} from '../connector.ts';
import { ObjectCache } from './cache/cache.ts';
import { discover, layoutOf } from './discover.ts';
import { ParquetFiles } from './formats/parquet.ts';
import { type TableSpec, tableSpecs } from './options.ts';
import { type ScanContext, scan } from './scan.ts';
import { statisticsOf } from './statistics.ts';
import { type ObjectStore, StoreError, type StoreErrorKind } from './stores/store.ts';
import { openTable } from './tables/open.ts';
import type { LakeTable, Snapshot } from './tables/table.ts';

export interface LakeOptions {
  readonly cacheBytes: number;
  readonly cacheFolder?: string;
  /** The silo's options as its owner wrote them. */
  readonly silo: SiloOptions;
}

export class LakeSilo implements Silo {
  readonly context: string;
  readonly #store: ObjectStore;
  readonly #scan: ScanContext;
  readonly #specs: Readonly<Record<string, TableSpec>> | undefined;
  readonly #opened = new Map<string, Promise<LakeTable>>();

  private constructor(
    store: ObjectStore,
    scanContext: ScanContext,
    specs: Readonly<Record<string, TableSpec>> | undefined,
  ) {
    this.context = store.location;
    this.#store = store;
    this.#scan = scanContext;
    this.#specs = specs;
  }

  /** Opens the lake and proves that the store answers. Takes over the store. */
  static async open(store: ObjectStore, options: LakeOptions, signal: AbortSignal): Promise<LakeSilo> {
    try {
      const specs = tableSpecs(options.silo);
      await store.children('', signal);
      const cache = await ObjectCache.open(store, options.cacheBytes, options.cacheFolder);
      return new LakeSilo(store, { cache, parquet: new ParquetFiles(cache) }, specs);
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
      const specs = this.#specs ?? (await discover(this.#store, signal));
      return Promise.all(
        Object.entries(specs).map(async ([table, spec]): Promise<TableInfo> => {
          const { columns } = await (await this.#open(table, spec, signal)).snapshot(signal, spec.version);
          return {
            table,
            kind: 'table',
            columns: columns.map(({ name, type, nullable, comment }) => ({
              name,
              type,
              nullable,
              ...(comment === undefined ? {} : { comment }),
            })),
          };
        }),
      );
    });
  }

  statistics(name: TableName, signal: AbortSignal): Promise<TableStatistics | undefined> {
    return this.#guarded(async () => statisticsOf(await this.#snapshot(name.table, signal), this.#scan, signal));
  }

  run(fragment: Fragment, signal: AbortSignal): Promise<RelationResult> {
    return this.#guarded(async () => {
      if (fragment.kind !== 'scan') {
        throw new CausewayError(SQLSTATE.featureNotSupported, `${this.context} holds files and speaks no SQL`);
      }
      const once = async () => scan(await this.#snapshot(fragment.table.table, signal), fragment, this.#scan, signal);
      try {
        return await once();
      } catch (error) {
        // An object was replaced between the listing and the read: once more, from a new listing.
        if (error instanceof StoreError && error.kind === 'changed') return await once();
        throw error;
      }
    });
  }

  /** `name`, or `name@version` for a state of the past. */
  async #snapshot(name: string, signal: AbortSignal): Promise<Snapshot> {
    const [table, version] = split(name);
    const specs = this.#specs ?? { [table]: await this.#found(table, signal) };
    const spec = Object.hasOwn(specs, table) ? specs[table] : undefined;
    if (spec === undefined) throw this.#unknown(table, Object.keys(specs));
    return (await this.#open(table, spec, signal)).snapshot(signal, version ?? spec.version);
  }

  async #found(table: string, signal: AbortSignal): Promise<TableSpec> {
    const spec = (await layoutOf(`${table}/`, this.#store, signal)) ?? (await discover(this.#store, signal))[table];
    if (spec === undefined) throw this.#unknown(table, Object.keys(await discover(this.#store, signal)));
    return spec;
  }

  #unknown(table: string, known: readonly string[]): CausewayError {
    const hint = didYouMean(table, known);
    return new CausewayError(SQLSTATE.undefinedTable, `${this.context} has no table "${table}"`, {
      ...(hint === undefined ? {} : { hint }),
    });
  }

  #open(table: string, spec: TableSpec, signal: AbortSignal): Promise<LakeTable> {
    const known = this.#opened.get(table);
    if (known !== undefined) return known;
    const opened = openTable(table, spec, this.#store, this.#scan, signal);
    this.#opened.set(table, opened);
    opened.catch(() => this.#opened.delete(table));
    return opened;
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

function split(name: string): [string, string | undefined] {
  const at = name.indexOf('@');
  return at < 0 ? [name, undefined] : [name.slice(0, at), name.slice(at + 1)];
}

const SQLSTATES: Readonly<Record<StoreErrorKind, string>> = {
  transient: SQLSTATE.connectionFailure,
  throttled: SQLSTATE.connectionFailure,
  changed: SQLSTATE.objectInUse,
  conflict: SQLSTATE.objectInUse,
  missing: SQLSTATE.undefinedFile,
  denied: SQLSTATE.insufficientPrivilege,
  fatal: SQLSTATE.ioError,
};

/** A store's error in the words users see. */
function asCausewayError(error: unknown): unknown {
  if (!(error instanceof StoreError)) return error;
  const hint = error.hint ?? (error.kind === 'changed' ? 'Run the statement again.' : undefined);
  return new CausewayError(SQLSTATES[error.kind], error.message, {
    ...(hint === undefined ? {} : { hint }),
    cause: error,
  });
}
