/**
 * One version of one remote object as a sparse file on this machine: as long as the object, holding only the bytes
 * that somebody asked for. DuckDB reads it like any other file.
 *
 * Where the cache is encrypted, what stays is a second, sealed file. The open one is in memory, holds what the scans under way
 * asked for, and goes with the last of them.
 */
import { type FileHandle, open, rm } from 'node:fs/promises';
import type { ByteRange, ObjectInfo, ObjectStore } from '../stores/store.ts';
import type { Gate } from './gate.ts';
import { byteCount, missing, requests, union } from './ranges.ts';
import type { Seal } from './seal.ts';

/** What reading cost so far, counted over all objects of a silo. */
export interface Traffic {
  requests: number;
  bytes: number;
}

/** How an entry is kept at rest. */
export interface Sealed {
  readonly path: string;
  readonly seal: Seal;
}

export interface CacheServices {
  readonly store: ObjectStore;
  readonly gate: Gate;
  readonly traffic: Traffic;
}

export class CachedObject {
  /** Its ETag is known at the latest after the first read. */
  info: ObjectInfo;
  readonly path: string;
  /** Bytes on this machine's disk. */
  size = 0;
  /** Queries that are reading it. */
  pins = 0;
  readonly #services: CacheServices;
  readonly #sealed: Sealed | undefined;
  #present: ByteRange[] = [];
  /** What of it stands open: everything, unless the cache is encrypted. */
  #open: ByteRange[] = [];
  #turn: Promise<unknown> = Promise.resolve();

  constructor(info: ObjectInfo, path: string, services: CacheServices, sealed?: Sealed) {
    this.info = info;
    this.path = services.store.localPath?.(info.key) ?? path;
    this.#services = services;
    this.#sealed = sealed;
  }

  /** True where the store is this machine's disk: nothing is copied, everything is present. */
  get isLocal(): boolean {
    return this.#services.store.localPath !== undefined;
  }

  /** True when all that was fetched can be read under {@link path} for as long as the entry lives. */
  get staysOpen(): boolean {
    return this.isLocal || this.#sealed === undefined;
  }

  has(ranges: readonly ByteRange[]): boolean {
    return this.isLocal || missing(union(ranges), this.#present).length === 0;
  }

  /** Makes the bytes of `ranges` present and open. Callers take turns, so that no byte is asked for twice. */
  fetch(ranges: readonly ByteRange[], signal: AbortSignal): Promise<void> {
    return this.#inTurn(() => this.#fetch(union(ranges), signal));
  }

  /** Removes the open copy of a sealed entry that nobody reads any more. */
  close(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.staysOpen || this.pins > 0) return;
      this.#open = [];
      await rm(this.path, { force: true });
    });
  }

  /** Removes the entry's files. */
  async remove(): Promise<void> {
    await rm(this.path, { force: true });
    if (this.#sealed !== undefined) await rm(this.#sealed.path, { force: true });
  }

  /** Bytes of this machine's copy; they must be present. */
  async bytes(range: ByteRange): Promise<Uint8Array> {
    await using file = await open(this.#sealed?.path ?? this.path);
    const body = new Uint8Array(range.end - range.start);
    await file.read(body, 0, body.length, range.start);
    return this.#sealed?.seal.apply(body, range.start) ?? body;
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {});
    return result;
  }

  async #fetch(ranges: readonly ByteRange[], signal: AbortSignal): Promise<void> {
    if (this.isLocal) return;
    await using file = await this.#sparse(this.#sealed?.path ?? this.path, this.#present.length === 0);
    const parts = requests(missing(ranges, this.#present));
    // All parts must come from one version: where its name is not known yet, the first part tells it.
    if (this.info.etag === '' && parts.length > 0) await this.#read(file, parts.shift()!, signal);
    const results = await Promise.allSettled(parts.map((range) => this.#read(file, range, signal)));
    const failed = results.find((r) => r.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    if (this.#sealed !== undefined) await this.#unseal(missing(ranges, this.#open));
  }

  async #read(file: FileHandle, range: ByteRange, signal: AbortSignal): Promise<void> {
    const { gate, store, traffic } = this.#services;
    const { body, etag } = await gate.run(() => store.read(this.info, range, signal));
    if (this.info.etag === '') this.info = { ...this.info, etag };
    const kept = this.#sealed?.seal.apply(body, range.start) ?? body;
    await file.write(kept, 0, kept.length, range.start);
    traffic.requests++;
    traffic.bytes += body.length;
    this.#present = union([...this.#present, range]);
    this.size = byteCount(this.#present);
  }

  async #unseal(ranges: readonly ByteRange[]): Promise<void> {
    await using file = await this.#sparse(this.path, this.#open.length === 0);
    for (const range of ranges) {
      const body = await this.bytes(range);
      await file.write(body, 0, body.length, range.start);
    }
    this.#open = union([...this.#open, ...ranges]);
  }

  /** A file of the object's length; a new one has holes only. */
  async #sparse(path: string, isNew: boolean): Promise<FileHandle> {
    const file = await open(path, isNew ? 'w+' : 'r+');
    if (isNew) await file.truncate(this.info.size);
    return file;
  }
}
