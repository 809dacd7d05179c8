/**
 * A silo's memory of the silos with which it let each round's update be summed. A sum over two sets of silos that hold
 * one update would let the coordinator subtract them and read a single silo's update. A masked update alone says nothing:
 * a round that broke off before the sum was agreed on may be masked again, under new keys; afterwards only for the same set.
 */
import type { DatabaseSync } from 'node:sqlite';
import { CausewayError, SQLSTATE } from '../../../src/plan/errors.ts';

export interface CohortLedger {
  /** Remembers the set, durably, before anything about it is signed. @throws CausewayError CW001 for a second one. */
  claim(run: string, round: number, silo: string, survivors: readonly string[]): void;
}

/** A ledger in `db`, which must be on disk with synchronous = FULL to survive a crash. */
export function cohortLedger(db: DatabaseSync): CohortLedger {
  db.exec(`CREATE TABLE IF NOT EXISTS secure_cohorts (
    run TEXT NOT NULL, round INTEGER NOT NULL, silo TEXT NOT NULL, cohort TEXT NOT NULL,
    PRIMARY KEY (run, round, silo)
  ) STRICT`);
  return {
    claim(run, round, silo, survivors) {
      const cohort = JSON.stringify([...survivors].sort());
      db.prepare('INSERT INTO secure_cohorts VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING').run(run, round, silo, cohort);
      const row = db
        .prepare('SELECT cohort FROM secure_cohorts WHERE run = ? AND round = ? AND silo = ?')
        .get(run, round, silo);
      if (row?.cohort === cohort) return;
      throw new CausewayError(
        SQLSTATE.policyViolation,
        `silo ${silo} has already agreed to a sum of its update of round ${round} with other silos`,
        { silo, hint: 'A second sum would reveal single updates. Start a new training run.' },
      );
    },
  };
}
