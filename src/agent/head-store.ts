/** Heads that this silo has fine-tuned on its own rows, under the run that made each model: they are used here, and never sent. */
import type { DatabaseSync } from 'node:sqlite';

export interface StoredHead {
  /** The digest of the federation's weights that it was tuned on: with others it would tell of itself. */
  readonly weights: string;
  readonly head: Float32Array;
  readonly share?: number;
}

export interface HeadStore {
  get(run: string): StoredHead | undefined;
  put(run: string, head: StoredHead): void;
}

export function headStore(db: DatabaseSync): HeadStore {
  db.exec(`CREATE TABLE IF NOT EXISTS personal_heads (
    run TEXT PRIMARY KEY, weights TEXT NOT NULL, head BLOB NOT NULL, share REAL, at TEXT NOT NULL
  ) STRICT`);
  return {
    get(run) {
      const row = db.prepare('SELECT weights, head, share FROM personal_heads WHERE run = ?').get(run);
      if (row === undefined) return undefined;
      const head = new Float32Array(Uint8Array.from(row.head as Uint8Array).buffer);
      const share = row.share === null ? {} : { share: row.share as number };
      return { weights: row.weights as string, head, ...share };
    },
    put(run, { head, share, weights }) {
      const bytes = new Uint8Array(head.buffer, head.byteOffset, head.byteLength);
      db.prepare('INSERT OR REPLACE INTO personal_heads VALUES (?, ?, ?, ?, ?)').run(
        ...([run, weights, bytes, share ?? null, new Date().toISOString()] as const),
      );
    },
  };
}
