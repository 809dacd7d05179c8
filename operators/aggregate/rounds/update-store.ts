/**
 * Where a round's updates wait for their sum: one file per run beside the journal's database. A row of megabytes costs
 * SQLite fifty times what the file costs, and every read of one is memory of its own.
 */
import { createHash } from 'node:crypto';
import { closeSync, constants, mkdirSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { CausewayError, messageOf, SQLSTATE } from '../../../src/plan/errors.ts';

export interface UpdateStore {
  /** @throws CausewayError 53100 when the disk is full, 58030 for another fault of it. */
  write(run: string, offset: number, bytes: Uint8Array): void;
  /** Fills `bytes` from `offset` on; false when not all of them are there. */
  read(run: string, offset: number, bytes: Uint8Array): boolean;
  /** Forgets all of a run's updates. */
  remove(run: string): void;
}

/** The updates that belong to a journal's database. */
export function updatesBeside(db: DatabaseSync): UpdateStore {
  const path = db.location();
  return path === null ? inMemory(db) : new UpdateFiles(`${path}-updates`);
}

class UpdateFiles implements UpdateStore {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  }

  write(run: string, offset: number, bytes: Uint8Array): void {
    try {
      this.#with(run, (fd) => {
        for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, offset + at);
      });
    } catch (cause) {
      const full = (cause as NodeJS.ErrnoException).code === 'ENOSPC';
      const message = `an update cannot be written to ${this.#directory}: ${messageOf(cause)}`;
      throw new CausewayError(full ? SQLSTATE.diskFull : SQLSTATE.ioError, message, { cause });
    }
  }

  read(run: string, offset: number, bytes: Uint8Array): boolean {
    return this.#with(run, (fd) => {
      for (let at = 0; at < bytes.length; ) {
        const read = readSync(fd, bytes, at, bytes.length - at, offset + at);
        if (read === 0) return false;
        at += read;
      }
      return true;
    });
  }

  remove(run: string): void {
    rmSync(this.#path(run), { force: true });
  }

  /** Opening costs nothing beside the bytes, and leaves nothing open when a run is given up. */
  #with<T>(run: string, work: (fd: number) => T): T {
    const fd = openSync(this.#path(run), constants.O_RDWR | constants.O_CREAT, 0o600);
    try {
      return work(fd);
    } finally {
      closeSync(fd);
    }
  }

  /** Runs are named by statements: the name could be any. */
  #path(run: string): string {
    return join(this.#directory, createHash('sha256').update(run).digest('hex').slice(0, 32));
  }
}

/** A journal in memory has its updates there, too; whoever opens the same database finds the same ones. */
const memories = new WeakMap<DatabaseSync, UpdateStore>();

function inMemory(db: DatabaseSync): UpdateStore {
  const runs = new Map<string, Map<number, Uint8Array>>();
  const fresh: UpdateStore = {
    write: (run, offset, bytes) => {
      const updates = runs.get(run) ?? new Map<number, Uint8Array>();
      runs.set(run, updates.set(offset, bytes.slice()));
    },
    read: (run, offset, bytes) => {
      const kept = runs.get(run)?.get(offset);
      if (kept !== undefined) bytes.set(kept);
      return kept !== undefined;
    },
    remove: (run) => {
      runs.delete(run);
    },
  };
  const store = memories.get(db) ?? fresh;
  memories.set(db, store);
  return store;
}
