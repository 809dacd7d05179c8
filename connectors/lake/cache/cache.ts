/**
 * The bounded local cache of a silo's objects. An entry is one version of one object (its ETag is part of the name), so
 * what it holds can be too much or too little, but never stale. The least recently used entries go first; entries that
 * a running query reads stay.
 */
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { CausewayError, SQLSTATE } from '../../../src/plan/errors.ts';
import type { ObjectInfo, ObjectStore } from '../stores/store.ts';
import { Gate } from './gate.ts';
import { CachedObject, type Traffic } from './object.ts';

/** Requests that one silo has open at a time. */
const CONCURRENCY = 16;

export class ObjectCache implements AsyncDisposable {
  readonly traffic: Traffic = { requests: 0, bytes: 0 };
  readonly folder: string;
  /** The most bytes that stay when nothing is being read. */
  readonly limit: number;
  readonly #store: ObjectStore;
  readonly #gate = new Gate(CONCURRENCY);
  /** In order of last use. */
  readonly #objects = new Map<string, CachedObject>();

  private constructor(store: ObjectStore, folder: string, limit: number) {
    this.#store = store;
    this.folder = folder;
    this.limit = limit;
  }

  /** A cache of at most `limit` bytes in a new folder under `parent`; the folder goes when the cache is disposed of. */
  static async open(store: ObjectStore, limit: number, parent = tmpdir()): Promise<ObjectCache> {
    return new ObjectCache(store, await mkdtemp(join(parent, 'causeway-lake-')), limit);
  }

  /** True where the store is this machine's disk: nothing is copied. */
  get isLocal(): boolean {
    return this.#store.localPath !== undefined;
  }

  /** The entry of this version of the object, pinned until {@link release}. */
  pin(info: ObjectInfo): CachedObject {
    const id = createHash('sha256').update(`${info.key}\0${info.etag}\0${info.size}`).digest('hex').slice(0, 32);
    const object =
      this.#objects.get(id) ??
      new CachedObject(info, join(this.folder, `${id}-${suffix(info.key)}`), this.#store, this.#gate, this.traffic);
    this.#objects.delete(id);
    this.#objects.set(id, object);
    object.pins++;
    return object;
  }

  async release(objects: Iterable<CachedObject>): Promise<void> {
    for (const object of objects) object.pins--;
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
      await rm(object.path, { force: true });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#objects.clear();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** The end of a key as a file name: DuckDB chooses the decompression by it. */
const suffix = (key: string): string =>
  basename(key)
    .replace(/[^\w.-]/g, '_')
    .slice(-40);
