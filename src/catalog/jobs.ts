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
  round(round: Round): void;
  end(id: number, state: Exclude<JobState, 'running'>, message?: string): void;
}

export function jobStore(db: DatabaseSync): JobStore {
  return {
    list: () => db.prepare('SELECT * FROM jobs ORDER BY id').all() as unknown as Job[],
    rounds: () => db.prepare('SELECT * FROM rounds ORDER BY job, round').all() as unknown as Round[],
    start(model, query) {
      const { lastInsertRowid } = db
        .prepare("INSERT INTO jobs (model, query, state, started_at) VALUES (?, ?, 'running', ?)")
        .run(model, query, new Date().toISOString());
      return Number(lastInsertRowid);
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
