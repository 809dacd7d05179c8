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
  start(model: string, query: string): number;
  /** A job that ended before its last round goes on. */
  restart(id: number): void;
  /** Marks jobs as failed that are said to run in a process that is gone. */
  endOrphans(isAlive: (pid: number) => boolean): void;
  round(round: Round): void;
  end(id: number, state: Exclude<JobState, 'running'>, message?: string): void;
}

export function jobStore(db: DatabaseSync): JobStore {
  return {
    list: () => db.prepare('SELECT * FROM jobs ORDER BY id').all() as unknown as Job[],
    rounds: () => db.prepare('SELECT * FROM rounds ORDER BY job, round').all() as unknown as Round[],
    start(model, query) {
      const { lastInsertRowid } = db
        .prepare("INSERT INTO jobs (model, query, state, started_at, pid) VALUES (?, ?, 'running', ?, ?)")
        .run(model, query, new Date().toISOString(), process.pid);
      return Number(lastInsertRowid);
    },
    restart(id) {
      const again = "UPDATE jobs SET state = 'running', message = NULL, ended_at = NULL, pid = ? WHERE id = ?";
      db.prepare(again).run(process.pid, id);
    },
    endOrphans(isAlive) {
      const running = db.prepare("SELECT id, pid FROM jobs WHERE state = 'running'").all() as unknown as Job[];
      const message = 'the process that ran it is gone; RESUME TRAIN goes on where it stopped';
      for (const { id, pid } of running) {
        if (pid !== null && isAlive(pid)) continue;
        db.prepare("UPDATE jobs SET state = 'failed', message = ?, ended_at = ? WHERE id = ?").run(
          message,
          new Date().toISOString(),
          id,
        );
      }
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
      db.prepare('UPDATE jobs SET state = ?, message = ?, ended_at = ? WHERE id = ?').run(
        state,
        message ?? null,
        new Date().toISOString(),
        id,
      );
    },
  };
}
