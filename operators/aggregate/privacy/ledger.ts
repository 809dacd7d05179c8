/**
 * The privacy ledger: how much ε of each table's budget is spent, per unit of protection. It is durable, it only grows,
 * and it refuses before anything is released.
 */
import type { DatabaseSync } from 'node:sqlite';
import { CausewayError, SQLSTATE } from '../../../src/plan/errors.ts';
import { privacyCost } from './accountant.ts';
import type { Mechanism } from './rdp.ts';

export interface PrivacyBudget {
  /** `silo.table`. */
  readonly table: string;
  /** `record`, `silo`, or the entity's column. */
  readonly unit: string;
  readonly epsilon: number;
  readonly delta: number;
}

/** What a training run has used so far of one table's budget. */
export interface PrivacyCharge extends Mechanism {
  readonly run: string;
  readonly table: string;
  readonly unit: string;
}

/** A line of `causeway.privacy_ledger`. */
export interface PrivacyBalance extends PrivacyBudget {
  readonly spent: number;
}

export interface PrivacyLedger {
  /** Sets a budget. What was spent before still counts. */
  allow(budget: PrivacyBudget): void;
  /**
   * Records that `run` has taken `steps` steps in all; saying so again changes nothing.
   * @throws CausewayError CW001 when the budget would be exceeded or there is none; nothing is recorded then.
   */
  charge(charge: PrivacyCharge): PrivacyBalance;
  list(): PrivacyBalance[];
}

/** A run that was given the whole budget may spend it, though the accountant rounds. */
const ROUNDING = 1e-9;

interface Row extends Mechanism {
  readonly run: string;
}

export function privacyLedger(db: DatabaseSync): PrivacyLedger {
  db.exec(`CREATE TABLE IF NOT EXISTS privacy_budgets (
    "table" TEXT NOT NULL, unit TEXT NOT NULL, epsilon REAL NOT NULL, delta REAL NOT NULL, PRIMARY KEY ("table", unit)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS privacy_charges (
    run TEXT NOT NULL, "table" TEXT NOT NULL, unit TEXT NOT NULL, q REAL NOT NULL, z REAL NOT NULL,
    steps INTEGER NOT NULL, PRIMARY KEY (run, "table", unit, q, z)
  ) STRICT`);
  const budgetOf = (table: string, unit: string): PrivacyBudget | undefined =>
    db.prepare('SELECT * FROM privacy_budgets WHERE "table" = ? AND unit = ?').get(table, unit) as unknown as
      | PrivacyBudget
      | undefined;
  const charges = (table: string, unit: string): Row[] =>
    db
      .prepare('SELECT run, q, z, steps FROM privacy_charges WHERE "table" = ? AND unit = ? ORDER BY run, q, z')
      .all(table, unit) as unknown as Row[];
  const balance = (budget: PrivacyBudget, rows: readonly Row[]): PrivacyBalance => ({
    ...budget,
    // Noise is measured by the same accountant, so that a run spends what it was given.
    spent: privacyCost(rows, budget.delta).epsilon,
  });
  return {
    allow({ table, unit, epsilon, delta }) {
      db.prepare('INSERT OR REPLACE INTO privacy_budgets VALUES (?, ?, ?, ?)').run(table, unit, epsilon, delta);
    },
    charge({ run, table, unit, q, z, steps }) {
      const budget = budgetOf(table, unit);
      if (budget === undefined) throw noBudget(table, unit);
      const rows = charges(table, unit);
      const own = rows.find((row) => row.run === run && row.q === q && row.z === z);
      if (own !== undefined && own.steps >= steps) return balance(budget, rows);
      const after = balance(budget, [...rows.filter((row) => row !== own), { run, q, z, steps }]);
      if (after.spent > budget.epsilon * (1 + ROUNDING)) throw overspent(after, balance(budget, rows).spent);
      db.prepare('INSERT OR REPLACE INTO privacy_charges VALUES (?, ?, ?, ?, ?, ?)').run(run, table, unit, q, z, steps);
      return after;
    },
    list: () =>
      (db.prepare('SELECT * FROM privacy_budgets ORDER BY "table", unit').all() as unknown as PrivacyBudget[]).map(
        (budget) => balance({ ...budget }, charges(budget.table, budget.unit)),
      ),
  };
}

const noBudget = (table: string, unit: string): CausewayError =>
  new CausewayError(SQLSTATE.policyViolation, `${table} has no privacy budget per ${unit}`, {
    hint: 'Its owner sets one with CREATE POLICY … ALLOW UPDATES (max_epsilon => …).',
  });

function overspent(after: PrivacyBalance, before: number): CausewayError {
  const { table, unit, epsilon, delta } = after;
  return new CausewayError(
    SQLSTATE.policyViolation,
    `the privacy budget of ${table} per ${unit} is ε = ${epsilon}: ${before.toFixed(4)} is spent, this would make it ${after.spent.toFixed(4)}`,
    { detail: `δ = ${delta}`, hint: 'Train fewer rounds, add noise (a smaller epsilon), or ask the table’s owner.' },
  );
}
