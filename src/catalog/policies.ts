/** Policies: what the owners of silos let leave. */
import type { DatabaseSync } from 'node:sqlite';
import type { Policy } from '../plan/policy.ts';

export interface PolicyStore {
  /** By name. */
  list(): Policy[];
  get(name: string): Policy | undefined;
  /** Replaces a policy of the same name. */
  put(policy: Policy): void;
  remove(name: string): boolean;
}

export function policyStore(db: DatabaseSync): PolicyStore {
  const parsed = (row: unknown): Policy => JSON.parse((row as { body: string }).body) as Policy;
  return {
    list: () => db.prepare('SELECT body FROM policies ORDER BY name').all().map(parsed),
    get(name) {
      const row = db.prepare('SELECT body FROM policies WHERE name = ?').get(name);
      return row === undefined ? undefined : parsed(row);
    },
    put(policy) {
      db.prepare('INSERT OR REPLACE INTO policies VALUES (?, ?, ?)').run(
        policy.name,
        JSON.stringify(policy),
        new Date().toISOString(),
      );
    },
    remove: (name) => db.prepare('DELETE FROM policies WHERE name = ?').run(name).changes > 0,
  };
}
