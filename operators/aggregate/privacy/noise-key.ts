/** The secret that a silo draws its noise from, kept where its rows are: a round that is done again gets the same noise. */
import { randomBytes } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';

/** Made on first use; 32 bytes. */
export function noiseKey(db: DatabaseSync): Uint8Array {
  db.exec('CREATE TABLE IF NOT EXISTS noise_key (id INTEGER PRIMARY KEY CHECK (id = 1), key BLOB NOT NULL) STRICT');
  db.prepare('INSERT INTO noise_key VALUES (1, ?) ON CONFLICT DO NOTHING').run(randomBytes(32));
  return Uint8Array.from(db.prepare('SELECT key FROM noise_key').get()!.key as Uint8Array);
}
