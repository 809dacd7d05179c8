/**
 * The bounded local cache of a silo's objects. An entry is one version of one object (its ETag is part of the name), so
 * what it holds can be too much or too little, but never stale. The least recently used entries go first; entries that
 * a running query reads stay.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { CausewayError, SQLSTATE } from '../../../src/plan/errors.ts';
import type { ObjectInfo, ObjectStore } from '../stores/store.ts';
import { Gate } from './gate.ts';
import { CachedObject, type Traffic } from './object.ts';
import { Seal } from './seal.ts';

/** Requests that one silo has open at a time. */
const CONCURRENCY = 16;

export interface CacheOptions {
  /** The most bytes that stay when nothing is being read. */
  readonly limit: number;
  /** Where the cache's folder is made. */
  readonly parent?: string;
  /** True when nothing may stand on a disk that could be read there. */
  readonly encrypted?: boolean;
}

/** A file system in memory: where open copies stand when the cache is encrypted. */
const MEMORY = '/dev/shm';

export class ObjectCache implements AsyncDisposable {
  readonly traffic: Traffic = { requests: 0, bytes: 0 };
  /** For files that can be read: entries, and what a scan makes beside them. */
  readonly folder: string;
  readonly limit: number;
  readonly #store: ObjectStore;
  /** Where entries stand at rest when the cache is encrypted. */
  readonly #sealed: { readonly folder: string; readonly key: Buffer } | undefined;
  readonly #gate = new Gate(CONCURRENCY);
  /** In order of last use. */
  readonly #objects = new Map<string, CachedObject>();

  private constructor(store: ObjectStore, folder: string, limit: number, sealedFolder: string | undefined) {
    this.#store = store;
    this.folder = folder;
    this.limit = limit;
    this.#sealed = sealedFolder === undefined ? undefined : { folder: sealedFolder, key: Seal.key() };
  }

  /**
   * A cache with folders of its own, which go when it is disposed of.
   * @throws CausewayError 0A000 when it shall be encrypted on a machine without a file system in memory
   */
  static async open(store: ObjectStore, { limit, parent, encrypted }: CacheOptions): Promise<ObjectCache> {
    const make = (where: string) => mkdtemp(join(where, 'causeway-lake-'));
    const folder = parent ?? tmpdir();
    if (encrypted !== true) return new ObjectCache(store, await make(folder), limit, undefined);
    if (!existsSync(MEMORY)) {
      throw new CausewayError(
        SQLSTATE.featureNotSupported,
        `cache_encryption needs a file system in memory, ${MEMORY}`,
        {
          hint: 'Leave the option away and put cache_folder on an encrypted disk.',
        },
      );
    }
    return new ObjectCache(store, await make(MEMORY), limit, await make(folder));
  }

  /** True where the store is this machine's disk: nothing is copied. */
  get isLocal(): boolean {
    return this.#store.localPath !== undefined;
  }

  /** The entry of this version of the object, pinned until {@link release}. */
  pin(info: ObjectInfo): CachedObject {
    const id = createHash('sha256').update(`${info.key}\0${info.etag}\0${info.size}`).digest('hex').slice(0, 32);
    const object = this.#objects.get(id) ?? this.#entry(id, info);
    this.#objects.delete(id);
    this.#objects.set(id, object);
    object.pins++;
    return object;
  }

  #entry(id: string, info: ObjectInfo): CachedObject {
    const name = `${id}-${suffix(info.key)}`;
    const services = { store: this.#store, gate: this.#gate, traffic: this.traffic };
    const path = join(this.folder, name);
    if (this.#sealed === undefined) return new CachedObject(info, path, services);
    const { folder, key } = this.#sealed;
    return new CachedObject(info, path, services, { path: join(folder, name), seal: new Seal(key) });
  }

  async release(objects: readonly CachedObject[]): Promise<void> {
    for (const object of objects) object.pins--;
    await Promise.all(objects.map((object) => object.close()));
    await this.#shrink(this.limit);
  }

  /** @throws CausewayError 53100 when a query needs more than the cache may hold. */
  reserve(bytes: number): void {
    if (bytes <= this.limit) return;
    throw new CausewayError(
      SQLSTATE.diskFull,
      `the statement needs ${bytes} bytes of ${this.#store.location}, and the silo's cache holds ${this.limit}`,
      { hint: 'Select fewer columns, add a filter on a partition column, or raise the silo option cache_bytes.' },
    );
  }

  /** Lets entries go, so that `bytes` more fit the bound. */
  makeRoom(bytes: number): Promise<void> {
    return this.#shrink(this.limit - bytes);
  }

  async #shrink(limit: number): Promise<void> {
    let total = 0;
    for (const object of this.#objects.values()) total += object.size;
    for (const [id, object] of this.#objects) {
      if (total <= limit) return;
      if (object.pins > 0) continue;
      this.#objects.delete(id);
      total -= object.size;
      await object.remove();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#objects.clear();
    await rm(this.folder, { recursive: true, force: true });
    if (this.#sealed !== undefined) await rm(this.#sealed.folder, { recursive: true, force: true });
  }
}

/** The end of a key as a file name: DuckDB chooses the decompression by it. */
const suffix = (key: string): string =>
  basename(key)
    .replace(/[^\w.-]/g, '_')
    .slice(-40);
