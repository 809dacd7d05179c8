/** Training jobs and their rounds, as `causeway.jobs` and `causeway.rounds` show them. */
import type { DatabaseSync } from 'node:sqlite';

export type JobState = 'running' | 'done' | 'failed' | 'cancelled';

export interface Job {
  readonly id: number;
  readonly model: string;
  readonly query: string;
  readonly state: JobState;
  readonly message: string | null;
  readonly started_at: string;
  readonly ended_at: string | null;
  /** The process that runs it, or ran it. */
  readonly pid: number | null;
  /** The user who began it; null: the owner of the catalog directory. */
  readonly role: string | null;
  /** That session's settings, as JSON. */
  readonly settings: string | null;
  /** Higher goes first where jobs share a silo. */
  readonly priority: number;
  /** 1: its process ended before it did; a server goes on with it by itself. */
  readonly interrupted: 0 | 1;
}

/** A job that is about to begin. */
export interface NewJob {
  readonly model: string;
  readonly query: string;
  readonly role?: string;
  readonly settings?: Readonly<Record<string, string>>;
  readonly priority?: number;
}

export interface Round {
  readonly job: number;
  readonly round: number;
  readonly loss: number;
  readonly validation_loss: number | null;
  readonly seconds: number;
}

export interface JobStore {
  list(): Job[];
  rounds(): Round[];
  start(job: NewJob): number;
  /** A job that ended before its last round goes on. */
  restart(id: number): void;
  /** Marks jobs as interrupted that are said to run in a process that is gone. */
  endOrphans(isAlive: (pid: number) => boolean): void;
  round(round: Round): void;
  end(id: number, state: Exclude<JobState, 'running'>, message?: string): void;
  /** The process stops, and the job with it; a server goes on with it. */
  interrupt(id: number): void;
}

export function jobStore(db: DatabaseSync): JobStore {
  return {
    list: () => db.prepare('SELECT * FROM jobs ORDER BY id').all() as unknown as Job[],
    rounds: () => db.prepare('SELECT * FROM rounds ORDER BY job, round').all() as unknown as Round[],
    start({ model, priority = 0, query, role, settings = {} }) {
      const { lastInsertRowid } = db
        .prepare(
          `INSERT INTO jobs (model, query, state, started_at, pid, role, settings, priority)
           VALUES (?, ?, 'running', ?, ?, ?, ?, ?)`,
        )
        .run(model, query, new Date().toISOString(), process.pid, role ?? null, JSON.stringify(settings), priority);
      return Number(lastInsertRowid);
    },
    restart(id) {
      const again =
        "UPDATE jobs SET state = 'running', message = NULL, ended_at = NULL, interrupted = 0, pid = ? WHERE id = ?";
      db.prepare(again).run(process.pid, id);
    },
    endOrphans(isAlive) {
      const running = db.prepare("SELECT id, pid FROM jobs WHERE state = 'running'").all() as unknown as Job[];
      const message = 'the process that ran it is gone; causeway serve goes on where it stopped, or RESUME TRAIN';
      for (const { id, pid } of running) {
        if (pid !== null && isAlive(pid)) continue;
        db.prepare("UPDATE jobs SET state = 'failed', interrupted = 1, message = ?, ended_at = ? WHERE id = ?").run(
          message,
          new Date().toISOString(),
          id,
        );
      }
    },
    interrupt(id) {
      const message = 'the server was stopped; it goes on when causeway serve runs again, or with RESUME TRAIN';
      db.prepare("UPDATE jobs SET state = 'cancelled', interrupted = 1, message = ?, ended_at = ? WHERE id = ?").run(
        message,
        new Date().toISOString(),
        id,
      );
    },
    round({ job, round, loss, validation_loss, seconds }) {
      db.prepare('INSERT OR REPLACE INTO rounds VALUES (?, ?, ?, ?, ?)').run(
        job,
        round,
        loss,
        validation_loss,
        seconds,
      );
    },
    end(id, state, message) {
      db.prepare('UPDATE jobs SET state = ?, message = ?, ended_at = ?, interrupted = 0 WHERE id = ?').run(
        state,
        message ?? null,
        new Date().toISOString(),
        id,
      );
    },
  };
}
