/**
 * One version of one remote object as a sparse file on this machine: as long as the object, holding only the bytes
 * that somebody asked for. DuckDB reads it like any other file.
 */
import { type FileHandle, open } from 'node:fs/promises';
import type { ByteRange, ObjectInfo, ObjectStore } from '../stores/store.ts';
import type { Gate } from './gate.ts';
import { byteCount, missing, requests, union } from './ranges.ts';

/** What reading cost so far, counted over all objects of a silo. */
export interface Traffic {
  requests: number;
  bytes: number;
}

export class CachedObject {
  /** Its ETag is known at the latest after the first read. */
  info: ObjectInfo;
  readonly path: string;
  /** Bytes on this machine's disk. */
  size = 0;
  /** Queries that are reading it. */
  pins = 0;
  readonly #store: ObjectStore;
  readonly #gate: Gate;
  readonly #traffic: Traffic;
  #present: ByteRange[] = [];
  #turn: Promise<unknown> = Promise.resolve();
  #created = false;

  constructor(info: ObjectInfo, path: string, store: ObjectStore, gate: Gate, traffic: Traffic) {
    this.info = info;
    this.path = store.localPath?.(info.key) ?? path;
    this.#store = store;
    this.#gate = gate;
    this.#traffic = traffic;
  }

  /** True where the store is this machine's disk: nothing is copied, everything is present. */
  get isLocal(): boolean {
    return this.#store.localPath !== undefined;
  }

  has(ranges: readonly ByteRange[]): boolean {
    return this.isLocal || missing(union(ranges), this.#present).length === 0;
  }

  /** Makes the bytes of `ranges` present. Callers take turns, so that no byte is asked for twice. */
  fetch(ranges: readonly ByteRange[], signal: AbortSignal): Promise<void> {
    const work = this.#turn.then(() => this.#fetch(ranges, signal));
    this.#turn = work.catch(() => {});
    return work;
  }

  async #fetch(ranges: readonly ByteRange[], signal: AbortSignal): Promise<void> {
    if (this.isLocal) return;
    const gaps = missing(union(ranges), this.#present);
    if (gaps.length === 0 && this.#created) return;
    const file = await open(this.path, this.#created ? 'r+' : 'w+');
    try {
      if (!this.#created) await file.truncate(this.info.size);
      this.#created = true;
      const parts = requests(gaps);
      // All parts must come from one version: where its name is not known yet, the first part tells it.
      if (this.info.etag === '' && parts.length > 0) await this.#read(file, parts.shift()!, signal);
      const results = await Promise.allSettled(parts.map((range) => this.#read(file, range, signal)));
      const failed = results.find((r) => r.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
    } finally {
      await file.close();
    }
  }

  async #read(file: FileHandle, range: ByteRange, signal: AbortSignal): Promise<void> {
    const { body, etag } = await this.#gate.run(() => this.#store.read(this.info, range, signal));
    if (this.info.etag === '') this.info = { ...this.info, etag };
    await file.write(body, 0, body.length, range.start);
    this.#traffic.requests++;
    this.#traffic.bytes += body.length;
    this.#present = union([...this.#present, range]);
    this.size = byteCount(this.#present);
  }

  /** Bytes of this machine's copy; they must be present. */
  async bytes(range: ByteRange): Promise<Uint8Array> {
    const file = await open(this.path);
    try {
      const body = new Uint8Array(range.end - range.start);
      await file.read(body, 0, body.length, range.start);
      return body;
    } finally {
      await file.close();
    }
  }
}
