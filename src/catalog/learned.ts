/** What was learned about silos and may be learned anew: table statistics, speeds. Values are JSON, keys are names. */
import type { DatabaseSync } from 'node:sqlite';

export interface LearnedStore<T> {
  load(): Iterable<readonly [key: string, value: T]>;
  save(key: string, value: T): void;
  /** Removes every key that begins with `prefix`. */
  forget(prefix: string): void;
}

export function learnedStore<T>(db: DatabaseSync, topic: 'statistics' | 'speed'): LearnedStore<T> {
  const insert = db.prepare('INSERT OR REPLACE INTO learned VALUES (?, ?, ?)');
  return {
    *load() {
      const rows = db.prepare('SELECT key, value FROM learned WHERE topic = ?').all(topic);
      for (const { key, value } of rows as { key: string; value: string }[]) yield [key, JSON.parse(value) as T];
    },
    save(key, value) {
      insert.run(topic, key, JSON.stringify(value));
    },
    forget(prefix) {
      db.prepare('DELETE FROM learned WHERE topic = ? AND substr(key, 1, ?) = ?').run(topic, prefix.length, prefix);
    },
  };
}
