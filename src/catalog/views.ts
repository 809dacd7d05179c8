/** Views: named query texts in `public`. */
import type { DatabaseSync } from 'node:sqlite';

export interface View {
  readonly name: string;
  readonly query: string;
}

export interface ViewStore {
  list(): View[];
  get(name: string): View | undefined;
  /** Replaces a view of the same name. */
  put(view: View): void;
  remove(name: string): boolean;
}

export function viewStore(db: DatabaseSync): ViewStore {
  return {
    list: () => db.prepare('SELECT name, query FROM views ORDER BY name').all() as unknown as View[],
    get: (name) => db.prepare('SELECT name, query FROM views WHERE name = ?').get(name) as View | undefined,
    put({ name, query }) {
      db.prepare('INSERT OR REPLACE INTO views VALUES (?, ?, ?)').run(name, query, new Date().toISOString());
    },
    remove: (name) => db.prepare('DELETE FROM views WHERE name = ?').run(name).changes > 0,
  };
}
