/** Payloads on disk by their content: written in chunks, from where they broke off, and believed only after their digest. */
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { CausewayError, messageOf, SQLSTATE } from '../plan/errors.ts';

export const CHUNK_BYTES = 1 << 20;

/** Larger than any model this product trains. */
const MOST_BYTES = 16 * 2 ** 30;

export interface PayloadRef {
  /** SHA-256, hexadecimal. */
  readonly digest: string;
  readonly size: number;
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/**
 * A payload that came with its reference, because it is no larger than one chunk; undefined when it did not.
 * @throws CausewayError XX001 when the bytes are others.
 */
export function inlined({ digest, size }: PayloadRef, data: Uint8Array): Uint8Array | undefined {
  if (size > 0 && data.length === 0) return undefined;
  if (data.length === size && sha256(data) === digest) return data;
  throw new CausewayError(SQLSTATE.dataCorrupted, `payload ${digest.slice(0, 12)} arrived with other bytes`, {
    hint: 'It is sent again from its start.',
  });
}

export const refOf = (bytes: Uint8Array): PayloadRef => ({ digest: sha256(bytes), size: bytes.length });

/** The digest of a file that may be as large as a model, read chunk by chunk. */
function digestOfFile(path: string): string {
  const hash = createHash('sha256');
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  const fd = openSync(path, 'r');
  try {
    for (let read = readSync(fd, chunk); read > 0; read = readSync(fd, chunk)) hash.update(chunk.subarray(0, read));
    return hash.digest('hex');
  } finally {
    closeSync(fd);
  }
}

export class PayloadStore {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  }

  /** Bytes that are here: all of them only when the digest was right. */
  have({ digest, size }: PayloadRef): number {
    if (existsSync(this.#path(digest))) return size;
    const partial = this.#partial(digest);
    return existsSync(partial) ? statSync(partial).size : 0;
  }

  /**
   * Adds a chunk at `offset`. What is here already is skipped; the last chunk completes the payload.
   * @throws CausewayError XX001 for a gap or a wrong digest (the payload starts over), 53100 when the disk is full.
   */
  append({ digest, size }: PayloadRef, offset: number, data: Uint8Array): void {
    if (size > MOST_BYTES || offset + data.length > size) {
      throw new CausewayError(SQLSTATE.dataCorrupted, `a payload of ${size} bytes got byte ${offset + data.length}`);
    }
    const have = this.have({ digest, size });
    if (have === size && existsSync(this.#path(digest))) return;
    if (offset > have)
      throw new CausewayError(SQLSTATE.dataCorrupted, `bytes ${have} to ${offset} of a payload are missing`);
    this.#guard(() => appendFileSync(this.#partial(digest), data.subarray(have - offset), { mode: 0o600 }));
    if (Math.max(have, offset + data.length) === size) this.#complete(digest);
  }

  /** The whole payload. @throws CausewayError XX001 when it is not complete. */
  read({ digest, size }: PayloadRef): Uint8Array {
    if (size === 0) return new Uint8Array(0);
    if (existsSync(this.#path(digest))) {
      const bytes = readFileSync(this.#path(digest));
      // Small ones share a pool of Node's; whoever gets a payload may do with its memory as he likes.
      return bytes.length === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes);
    }
    throw new CausewayError(SQLSTATE.dataCorrupted, `payload ${digest.slice(0, 12)} is not complete`);
  }

  put(bytes: Uint8Array): PayloadRef {
    const ref = refOf(bytes);
    if (ref.size > 0 && !existsSync(this.#path(ref.digest))) {
      this.#guard(() => writeFileSync(this.#partial(ref.digest), bytes, { mode: 0o600 }));
      renameSync(this.#partial(ref.digest), this.#path(ref.digest));
    }
    return ref;
  }

  remove(digest: string): void {
    rmSync(this.#path(digest), { force: true });
    rmSync(this.#partial(digest), { force: true });
  }

  #complete(digest: string): void {
    if (digestOfFile(this.#partial(digest)) === digest) {
      renameSync(this.#partial(digest), this.#path(digest));
      return;
    }
    rmSync(this.#partial(digest));
    throw new CausewayError(SQLSTATE.dataCorrupted, `payload ${digest.slice(0, 12)} arrived with other bytes`, {
      hint: 'It is sent again from its start.',
    });
  }

  #guard(write: () => void): void {
    try {
      write();
    } catch (cause) {
      const full = (cause as NodeJS.ErrnoException).code === 'ENOSPC';
      const message = `a payload cannot be written to ${this.#directory}: ${messageOf(cause)}`;
      throw new CausewayError(full ? SQLSTATE.diskFull : SQLSTATE.ioError, message, { cause });
    }
  }

  // Digests come from the other side: anything but 64 hexadecimal digits could point outside the directory.
  #path(digest: string): string {
    if (/^[0-9a-f]{64}$/.test(digest)) return join(this.#directory, digest);
    throw new CausewayError(SQLSTATE.dataCorrupted, 'a payload has a malformed digest');
  }

  #partial(digest: string): string {
    return `${this.#path(digest)}.partial`;
  }
}
