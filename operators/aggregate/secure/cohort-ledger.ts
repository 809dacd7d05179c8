/**
 * A silo's memory of the cohort under which it masked each round's update. Masking one update under two cohorts would
 * let the coordinator subtract the two sums and read a single silo's update.
 */
import type { DatabaseSync } from 'node:sqlite';
import { CausewayError, SQLSTATE } from '../../../src/plan/errors.ts';

export interface CohortLedger {
  /** Remembers the cohort, durably, before a masked update leaves. @throws CausewayError CW001 for a second one. */
  claim(run: string, round: number, silo: string, cohort: string): void;
}

/** A ledger in `db`, which must be on disk with synchronous = FULL to survive a crash. */
export function cohortLedger(db: DatabaseSync): CohortLedger {
  db.exec(`CREATE TABLE IF NOT EXISTS secure_cohorts (
    run TEXT NOT NULL, round INTEGER NOT NULL, silo TEXT NOT NULL, cohort TEXT NOT NULL,
    PRIMARY KEY (run, round, silo)
  ) STRICT`);
  return {
    claim(run, round, silo, cohort) {
      db.prepare('INSERT INTO secure_cohorts VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING').run(run, round, silo, cohort);
      const row = db
        .prepare('SELECT cohort FROM secure_cohorts WHERE run = ? AND round = ? AND silo = ?')
        .get(run, round, silo);
      if (row?.cohort === cohort) return;
      throw new CausewayError(
        SQLSTATE.policyViolation,
        `silo ${silo} has already masked its update of round ${round} for another cohort`,
        { silo, hint: 'A second cohort would reveal single updates. Start a new training run.' },
      );
    },
  };
}
