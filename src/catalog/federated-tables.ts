/** Federated tables: a union of tables of one shape in several silos. */
import type { DatabaseSync } from 'node:sqlite';

export interface FederatedMember {
  readonly silo: string;
  readonly table: string;
}

export interface FederatedTable {
  readonly name: string;
  readonly members: readonly FederatedMember[];
}

export interface FederatedTableStore {
  list(): FederatedTable[];
  get(name: string): FederatedTable | undefined;
  put(table: FederatedTable): void;
  remove(name: string): boolean;
}

export function federatedTableStore(db: DatabaseSync): FederatedTableStore {
  const read = (row: unknown): FederatedTable => {
    const { name, members } = row as { name: string; members: string };
    return { name, members: JSON.parse(members) as FederatedMember[] };
  };
  return {
    list: () => db.prepare('SELECT * FROM federated_tables ORDER BY name').all().map(read),
    get(name) {
      const row = db.prepare('SELECT * FROM federated_tables WHERE name = ?').get(name);
      return row === undefined ? undefined : read(row);
    },
    put({ name, members }) {
      db.prepare('INSERT INTO federated_tables VALUES (?, ?, ?)').run(
        name,
        JSON.stringify(members),
        new Date().toISOString(),
      );
    },
    remove: (name) => db.prepare('DELETE FROM federated_tables WHERE name = ?').run(name).changes > 0,
  };
}
