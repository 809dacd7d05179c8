/** SQLite files in which both ends keep what must survive a crash. */
import { chmodSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/**
 * Opens (or makes) the file; readable by its owner only. What is committed survives a killed process. It survives a power
 * cut too when `durable`; without, the last lines may be lost then (of the ledger the other end has its copy).
 */
export function openState(path: string, durable = false): DatabaseSync {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const db = new DatabaseSync(path);
  db.exec(`PRAGMA journal_mode = WAL; PRAGMA busy_timeout = 5000; PRAGMA synchronous = ${durable ? 'FULL' : 'NORMAL'}`);
  chmodSync(path, 0o600);
  return db;
}
