/** What crossed silos' borders, by statement and kind: design §3, "egress". */
import type { DatabaseSync } from 'node:sqlite';

export type EgressKind = 'rows' | 'keys' | 'updates' | 'statistics';

export interface EgressEntry {
  readonly silo: string;
  readonly statement: string;
  readonly kind: EgressKind;
  readonly bytes: number;
}

export interface EgressStore {
  list(): (EgressEntry & { readonly at: string })[];
  record(entries: readonly EgressEntry[]): void;
  /** Bytes so far, by silo and kind. */
  totals(): { readonly silo: string; readonly kind: EgressKind; readonly bytes: number }[];
}

export function egressStore(db: DatabaseSync): EgressStore {
  return {
    list: () =>
      db.prepare('SELECT silo, statement, kind, bytes, at FROM egress ORDER BY id').all() as unknown as (EgressEntry & {
        at: string;
      })[],
    totals: () =>
      db.prepare('SELECT silo, kind, sum(bytes) AS bytes FROM egress GROUP BY silo, kind').all() as {
        silo: string;
        kind: EgressKind;
        bytes: number;
      }[],
    record(entries) {
      const insert = db.prepare('INSERT INTO egress (silo, statement, kind, bytes, at) VALUES (?, ?, ?, ?, ?)');
      const at = new Date().toISOString();
      for (const { silo, statement, kind, bytes } of entries) insert.run(silo, statement, kind, bytes, at);
    },
  };
}
