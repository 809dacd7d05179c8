/** Silos as they were created: a name, a kind, options. Secrets may be references: `env:PGPASSWORD`. */
import type { DatabaseSync } from 'node:sqlite';

export interface SiloDefinition {
  readonly name: string;
  readonly kind: string;
  readonly options: Readonly<Record<string, string>>;
}

export interface SiloStore {
  list(): SiloDefinition[];
  get(name: string): SiloDefinition | undefined;
  put(silo: SiloDefinition): void;
  remove(name: string): boolean;
}

export function siloStore(db: DatabaseSync): SiloStore {
  const read = (row: unknown): SiloDefinition => {
    const { name, kind, options } = row as { name: string; kind: string; options: string };
    return { name, kind, options: JSON.parse(options) as Record<string, string> };
  };
  return {
    list: () => db.prepare('SELECT * FROM silos ORDER BY name').all().map(read),
    get(name) {
      const row = db.prepare('SELECT * FROM silos WHERE name = ?').get(name);
      return row === undefined ? undefined : read(row);
    },
    put({ name, kind, options }) {
      db.prepare('INSERT INTO silos VALUES (?, ?, ?, ?)').run(
        name,
        kind,
        JSON.stringify(options),
        new Date().toISOString(),
      );
    },
    remove: (name) => db.prepare('DELETE FROM silos WHERE name = ?').run(name).changes > 0,
  };
}
