/** Policies: what the owners of silos let leave, and what they let each role see. Both share one space of names. */
import type { DatabaseSync } from 'node:sqlite';
import type { Policy } from '../plan/policy.ts';
import type { Restriction } from '../plan/restriction.ts';

export interface PolicyStore {
  /** What may leave, by name. */
  list(): Policy[];
  /** What roles see, by name. */
  restrictions(): Restriction[];
  get(name: string): Policy | Restriction | undefined;
  /** Replaces a policy of the same name. */
  put(policy: Policy | Restriction): void;
  remove(name: string): boolean;
}

export function policyStore(db: DatabaseSync): PolicyStore {
  const parsed = (row: unknown) => JSON.parse((row as { body: string }).body) as Policy | Restriction;
  const all = () => db.prepare('SELECT body FROM policies ORDER BY name').all().map(parsed);
  return {
    list: () => all().filter((policy): policy is Policy => !('rule' in policy)),
    restrictions: () => all().filter((policy): policy is Restriction => 'rule' in policy),
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
