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
  /** Written before the process turns to its next event, in one transaction with what other statements record meanwhile. */
  record(entries: readonly EgressEntry[]): void;
  /** Writes what is recorded now. */
  flush(): void;
  /** Bytes so far, by silo and kind. */
  totals(): { readonly silo: string; readonly kind: EgressKind; readonly bytes: number }[];
}

export function egressStore(db: DatabaseSync): EgressStore {
  const insert = db.prepare('INSERT INTO egress (silo, statement, kind, bytes, at) VALUES (?, ?, ?, ?, ?)');
  let waiting: (EgressEntry & { readonly at: string })[] = [];
  let turn: NodeJS.Immediate | undefined;
  /** What could not be written is kept; the next statement is told. */
  let failed = false;
  const flush = (): void => {
    clearImmediate(turn);
    turn = undefined;
    if (waiting.length === 0) return;
    const entries = waiting;
    waiting = [];
    try {
      if (entries.length > 1) db.exec('BEGIN');
      for (const { silo, statement, kind, bytes, at } of entries) insert.run(silo, statement, kind, bytes, at);
      if (entries.length > 1) db.exec('COMMIT');
      failed = false;
    } catch (thrown) {
      waiting = entries;
      failed = true;
      if (db.isOpen && db.isTransaction) db.exec('ROLLBACK');
      throw thrown;
    }
  };
  const flushLater = (): void => {
    try {
      flush();
    } catch {
      // Thrown at the next statement, which tries again.
    }
  };
  return {
    list() {
      flush();
      const rows = db.prepare('SELECT silo, statement, kind, bytes, at FROM egress ORDER BY id').all();
      return rows as unknown as (EgressEntry & { at: string })[];
    },
    totals() {
      flush();
      const rows = db.prepare('SELECT silo, kind, sum(bytes) AS bytes FROM egress GROUP BY silo, kind').all();
      return rows as { silo: string; kind: EgressKind; bytes: number }[];
    },
    record(entries) {
      const at = new Date().toISOString();
      for (const entry of entries) waiting.push({ ...entry, at });
      if (failed) flush();
      turn ??= setImmediate(flushLater);
    },
    flush,
  };
}
