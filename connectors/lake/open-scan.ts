/** A scan under way: what it holds of the cache, and the temporary files it made. */
import { rm } from 'node:fs/promises';
import type { CachedObject } from './cache/object.ts';
import type { Piece } from './fetch.ts';
import { relation, type Scanning } from './relation.ts';
import type { DataFile, LakeColumn } from './tables/table.ts';

/** A scan, or a part of one, with what must be let go once its rows were read. */
export class OpenScan {
  readonly scanning: Scanning;
  readonly #wanted: readonly LakeColumn[];
  readonly #pinned: CachedObject[] = [];
  readonly #temporary: string[] = [];

  constructor(scanning: Omit<Scanning, 'pin'>, wanted: readonly LakeColumn[]) {
    this.#wanted = wanted;
    this.scanning = {
      ...scanning,
      pin: (object: DataFile['object']) => {
        const entry = scanning.cache.pin(object);
        this.#pinned.push(entry);
        return entry;
      },
    };
  }

  /** Fetches the pieces. @returns a SELECT over them, its columns by position */
  async select(pieces: readonly Piece[]): Promise<string> {
    const local = await Promise.all(pieces.map((piece) => piece.fetch(this.#temporary)));
    return relation(this.scanning, this.#wanted, local, this.#temporary);
  }

  async release(): Promise<void> {
    await this.scanning.cache.release(this.#pinned.splice(0));
    await Promise.all(this.#temporary.splice(0).map((path) => rm(path, { force: true })));
  }
}
