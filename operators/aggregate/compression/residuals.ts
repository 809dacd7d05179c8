/**
 * What top-k compression has not sent yet, per run and silo: kept where the silo trains, on disk, so that a round that is
 * done again after a crash sends the same. A silo that misses a round starts from nothing.
 */
import type { DatabaseSync } from 'node:sqlite';

export interface Residuals {
  /** Of the round that went before; undefined when there is none. */
  get(run: string, silo: string, round: number): Float32Array | undefined;
  /** Rounds before the last one are forgotten. */
  put(run: string, silo: string, round: number, error: Float32Array): void;
}

export function residualStore(db: DatabaseSync): Residuals {
  db.exec(`CREATE TABLE IF NOT EXISTS update_residuals (
    run TEXT NOT NULL, silo TEXT NOT NULL, round INTEGER NOT NULL, error BLOB NOT NULL, PRIMARY KEY (run, silo, round)
  ) STRICT`);
  return {
    get(run, silo, round) {
      const row = db
        .prepare('SELECT error FROM update_residuals WHERE run = ? AND silo = ? AND round = ?')
        .get(run, silo, round);
      return row === undefined ? undefined : new Float32Array(Uint8Array.from(row.error as Uint8Array).buffer);
    },
    put(run, silo, round, error) {
      const bytes = new Uint8Array(error.buffer, error.byteOffset, error.byteLength);
      db.prepare('INSERT OR REPLACE INTO update_residuals VALUES (?, ?, ?, ?)').run(run, silo, round, bytes);
      db.prepare('DELETE FROM update_residuals WHERE run = ? AND silo = ? AND round < ?').run(run, silo, round - 1);
    },
  };
}
