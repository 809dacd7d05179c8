/** Who ran what, when, and how it went. The newest lines are kept. */
import type { DatabaseSync } from 'node:sqlite';

export interface AuditEntry {
  readonly at: string;
  readonly role: string;
  /** The session's number; 0 for HTTP. */
  readonly session: number;
  /** Without secrets. */
  readonly statement: string;
  /** `ok`, or the SQLSTATE of the error. */
  readonly outcome: string;
  readonly rows: number;
  readonly milliseconds: number;
}

export interface AuditStore {
  /** Oldest first. */
  list(): AuditEntry[];
  /** Written before the process turns to its next event, with what other sessions record meanwhile. */
  record(entry: AuditEntry): void;
  flush(): void;
}

const MOST_ENTRIES = 100_000;
/** Older lines are removed once in so many. */
const SWEEP = 1000;

export function auditStore(db: DatabaseSync): AuditStore {
  const insert = db.prepare(
    'INSERT INTO audit (at, role, session, statement, outcome, rows, milliseconds) VALUES (?, ?, ?, ?, ?, ?, ?)',
  );
  let waiting: AuditEntry[] = [];
  let turn: NodeJS.Immediate | undefined;
  const flush = (): void => {
    clearImmediate(turn);
    turn = undefined;
    if (waiting.length === 0) return;
    const entries = waiting;
    waiting = [];
    db.exec('BEGIN');
    for (const { at, role, session, statement, outcome, rows, milliseconds } of entries) {
      const { lastInsertRowid } = insert.run(at, role, session, statement, outcome, rows, milliseconds);
      const id = Number(lastInsertRowid);
      if (id % SWEEP === 0) db.prepare('DELETE FROM audit WHERE id <= ?').run(id - MOST_ENTRIES);
    }
    db.exec('COMMIT');
  };
  return {
    list() {
      flush();
      return db.prepare('SELECT * FROM audit ORDER BY id').all() as unknown as AuditEntry[];
    },
    record(entry) {
      waiting.push(entry);
      turn ??= setImmediate(flush);
    },
    flush,
  };
}
