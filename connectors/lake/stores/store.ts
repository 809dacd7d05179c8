/**
 * What a lake needs of an object store. S3, ADLS, HDFS and a local folder are four implementations; everything above
 * (cache, formats, table layouts) is written once against this interface.
 *
 * Keys are relative to the store's root (`bucket/prefix`), with `/` between segments and no leading slash. A store
 * never answers for a key outside its root.
 */

export interface ObjectInfo {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /**
   * Changes whenever the content does. Reads that carry it fail with `changed` once the object was replaced. Empty
   * where table metadata names a file without one: the first read tells it.
   */
  readonly etag: string;
}

/** An answered read: all the bytes of the range, and the version they came from. */
interface ReadResult {
  readonly body: Uint8Array;
  readonly etag: string;
}

/** Bytes `start` (inclusive) to `end` (exclusive). */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** What must be true of the key for a write to happen: nothing is there, this version is there, or anything. */
type WriteCondition = 'absent' | { readonly etag: string } | 'any';

export interface ObjectStore extends AsyncDisposable {
  /** The root as a URL without credentials, for messages and for the silo's identity: `s3://bucket/prefix`. */
  readonly location: string;
  /** Every object whose key starts with `prefix`, at any depth, in key order. `after` skips keys up to and including it. */
  list(prefix: string, signal: AbortSignal, after?: string): AsyncIterable<ObjectInfo>;
  /** What stands directly in `folder` (`''` or a key ending in `/`): sub-folders as keys ending in `/`, and objects. */
  children(
    folder: string,
    signal: AbortSignal,
  ): Promise<{ folders: readonly string[]; objects: readonly ObjectInfo[] }>;
  /** Undefined when there is no such object. */
  stat(key: string, signal: AbortSignal): Promise<ObjectInfo | undefined>;
  /**
   * The bytes of `range`, all of them.
   * @throws StoreError `changed` when the object is no longer the one `object.etag` names; `transient` when fewer came.
   */
  read(object: ObjectInfo, range: ByteRange, signal: AbortSignal): Promise<ReadResult>;
  /** @throws StoreError `conflict` when `condition` does not hold; nothing was written then. */
  write(key: string, body: Uint8Array, condition: WriteCondition, signal: AbortSignal): Promise<ObjectInfo>;
  remove(key: string, signal: AbortSignal): Promise<void>;
  /** The key of an absolute URI, or undefined when it lies outside the root. */
  keyOf(uri: string): string | undefined;
  /** The absolute URI of a key, as other engines write it into table metadata. */
  uriOf(key: string): string;
  /** Where DuckDB may read the object itself: stores on this machine's disk only. */
  localPath?(key: string): string;
}

/**
 * `transient` and `throttled` are worth another try; `changed` means the object was replaced; `conflict` a failed
 * write condition; the others are final.
 */
export type StoreErrorKind = 'transient' | 'throttled' | 'changed' | 'conflict' | 'missing' | 'denied' | 'fatal';

/** A failed request, in words all stores share. `hint` is the next action where the store knows one. */
export class StoreError extends Error {
  readonly kind: StoreErrorKind;
  readonly hint: string | undefined;

  constructor(kind: StoreErrorKind, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'StoreError';
    this.kind = kind;
    this.hint = options.hint;
  }
}

/** The error of an object that is not, or no longer, the one that `object` describes. */
export const changed = (location: string, object: ObjectInfo): StoreError =>
  object.etag === ''
    ? new StoreError(
        'missing',
        `${location}/${object.key} is not there, or not ${object.size} bytes long, as the table's metadata says`,
      )
    : new StoreError('changed', `${location}/${object.key} was replaced while it was being read`);

/**
 * `path` as a key, with percent-escapes left alone.
 * @throws StoreError `denied` for absolute paths and for `..` that leaves the root.
 */
export function safeKey(path: string): string {
  const segments: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '' || segment === '.') continue;
    if (segment === '..') {
      if (segments.pop() === undefined) throw outside(path);
    } else {
      segments.push(segment);
    }
  }
  if (path.startsWith('/') || path.includes('\0')) throw outside(path);
  return segments.join('/') + (path.endsWith('/') && segments.length > 0 ? '/' : '');
}

const outside = (path: string): StoreError =>
  new StoreError('denied', `the path "${path}" leads outside the silo's root`, {
    hint: 'Table metadata may name only objects under the location the silo was created with.',
  });

/** The key of `uri` under one of the spellings of a root, each ending in `/`. */
export function keyUnder(roots: readonly string[], uri: string): string | undefined {
  for (const root of roots) {
    if (!uri.startsWith(root)) continue;
    const rest = uri.slice(root.length);
    return rest.split('/').includes('..') ? undefined : safeKey(rest.replace(/^\/+/, ''));
  }
  return undefined;
}

/** All items of a listing. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
