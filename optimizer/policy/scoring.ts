/** A model's errors on a silo's rows, as sums over windows: they leave where updates do, and where rows do not. */
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';
import type { RelationalNode } from '../../src/plan/nodes.ts';
import type { PrivacySpec } from '../../src/plan/training.ts';
import { nodesOf } from '../../src/plan/traverse.ts';
import { minGroupOf, type PolicyBook, TO_MEDIATOR } from './book.ts';
import { leaksOf } from './check.ts';
import { trainingLegality } from './training.ts';

/** Windows that a guarded silo's sums are over, where its owner says nothing of groups: one window's error is one value. */
const LEAST_WINDOWS = 10;

/** Sums are no single update, and have no noise: the policies that let them leave are those that let such a training's updates leave. */
export const SCORED: PrivacySpec = { secure: true, unit: 'silo' };

/**
 * Sums of errors are statistics of a training, so a policy that lets its updates leave lets them leave; they cannot be masked as updates
 * can, and no noise is in them, so a budget of privacy (max_epsilon) keeps them in.
 * @param plan the rows of one silo that would be scored there
 * @returns the windows that such sums must be over, 1 where the rows may leave themselves; or CW001, saying why none may leave
 */
export function leastScoredWindows(silo: string, plan: RelationalNode, book: PolicyBook): number | CausewayError {
  const { home } = trainingLegality(silo, plan, SCORED, book);
  if (home !== undefined) return home;
  if (!book.guards(silo) || leaksOf(plan, TO_MEDIATOR, book).length === 0) return 1;
  const groups = [...nodesOf(plan)].flatMap((each) =>
    each.kind === 'scan' && each.silo === silo ? book.aggregates(each, TO_MEDIATOR).map(minGroupOf) : [],
  );
  return Math.max(LEAST_WINDOWS, ...groups);
}

/** @throws CausewayError CW001 for sums over fewer windows than may leave */
export function requireScoredWindows(silo: string, windows: number, least: number): void {
  if (windows >= least) return;
  // How many they are is told no more than their errors.
  throw new CausewayError(
    SQLSTATE.policyViolation,
    `sums over fewer than ${least} windows may not leave silo ${silo}`,
    { silo, hint: 'Ask for more rows.' },
  );
}
