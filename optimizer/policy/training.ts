/**
 * TRAIN under policies: updates leave where a policy lets them under the PRIVACY clause, rows where a policy lets all the
 * feature query's columns leave for the mediator.
 */
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';
import type { RelationalNode } from '../../src/plan/nodes.ts';
import { allowanceText } from '../../src/plan/policy.ts';
import type { PrivacySpec } from '../../src/plan/training.ts';
import { nodesOf } from '../../src/plan/traverse.ts';
import { minGroupOf, type PolicyBook, TO_MEDIATOR } from './book.ts';
import { leaksOf } from './check.ts';

/** Why a silo's share may not be done at a site; absent where it may. */
export interface TrainingLegality {
  /** At home: updates would leave. */
  readonly home?: CausewayError;
  /** At the mediator: rows would leave. */
  readonly mediator?: string;
  /** Training rows that a category or an entity must have to be named outside; absent: no names are told. */
  readonly minRows?: number;
}

/**
 * What one silo's share of a TRAIN may do. Training promises that rows stay: they leave for it only where a policy says
 * so, which a silo without any policy does not.
 * @param names whether names of categories or entities are told, see {@link smallestNamedGroup}
 */
export function trainingLegality(
  silo: string,
  plan: RelationalNode,
  privacy: PrivacySpec | undefined,
  book: PolicyBook,
  names = false,
): TrainingLegality {
  const named = names ? smallestNamedGroup(silo, plan, book) : undefined;
  const home = refusedUpdates(silo, plan, privacy, book) ?? (typeof named === 'object' ? named : undefined);
  const mediator = refusedRows(silo, plan, privacy, book);
  return {
    ...(home === undefined ? {} : { home }),
    ...(mediator === undefined ? {} : { mediator }),
    ...(typeof named === 'number' ? { minRows: named } : {}),
  };
}

/** @throws CausewayError CW001 for a silo that may do its share nowhere, naming the policy and what would make it lawful */
export function requireTrainingAllowed({ home, mediator }: TrainingLegality): void {
  if (home !== undefined && mediator !== undefined) throw home;
}

function refusedRows(
  silo: string,
  plan: RelationalNode,
  privacy: PrivacySpec | undefined,
  book: PolicyBook,
): string | undefined {
  if (privacy?.secure === true) return 'PRIVACY (secure) keeps every single update inside';
  if (!book.guards(silo)) return `no policy of ${silo} says that its rows may leave for training`;
  const leaks = leaksOf(plan, TO_MEDIATOR, book);
  if (leaks.length === 0) return undefined;
  const columns = [...new Set(leaks.flatMap((leak) => leak.columns))];
  return columns.length === 0
    ? `policies of ${silo} keep its rows in`
    : `policies of ${silo} keep ${columns.join(', ')} in`;
}

function refusedUpdates(
  silo: string,
  plan: RelationalNode,
  privacy: PrivacySpec | undefined,
  book: PolicyBook,
): CausewayError | undefined {
  for (const each of nodesOf(plan)) {
    if (each.kind === 'native-query' && book.guards(each.silo)) return refusal(silo, each.silo, 'a native query');
    if (each.kind !== 'scan' || !book.guards(each.silo)) continue;
    const name = `${each.silo}.${each.table}`;
    if (each.silo !== silo) {
      // A lookup table of another silo is brought to this one: its rows leave home.
      const both = [TO_MEDIATOR, silo].every((to) => book.rows(each, each.sourceColumns, to).length > 0);
      if (!both) return refusal(silo, each.silo, `rows of ${name}`);
      continue;
    }
    if (book.updates(each, privacy) !== undefined) continue;
    const nearest = book.on(each, TO_MEDIATOR).find(({ allow }) => allow.kind === 'updates');
    if (nearest === undefined) {
      return new CausewayError(SQLSTATE.policyViolation, `no policy of ${silo} lets model updates from ${name} leave`, {
        silo,
        hint: `Ask the owner of ${silo} for: CREATE POLICY … ON ${name} ALLOW UPDATES TO mediator.`,
      });
    }
    const needed = [
      nearest.allow.kind === 'updates' && nearest.allow.secure ? 'secure => true' : undefined,
      nearest.allow.kind === 'updates' && nearest.allow.maxEpsilon !== undefined
        ? `epsilon => ${nearest.allow.maxEpsilon}`
        : undefined,
    ].filter((part) => part !== undefined);
    return new CausewayError(
      SQLSTATE.policyViolation,
      `policy "${nearest.name}" lets updates from ${name} leave only with ${allowanceText(nearest.allow)}`,
      { silo, hint: `Add PRIVACY (${needed.join(', ')}) to the statement.` },
    );
  }
  return undefined;
}

/**
 * TRAIN over categories, or scaled by entity, tells names with the number of their rows: what a GROUP BY would tell.
 * @param plan the feature query of one silo
 * @returns the rows that such a group must have, 1 where the silo has no policy; or CW001, naming the table and the
 * policy that is missing
 */
export function smallestNamedGroup(silo: string, plan: RelationalNode, book: PolicyBook): number | CausewayError {
  let least = 1;
  for (const each of nodesOf(plan)) {
    if (each.kind !== 'scan' || each.silo !== silo || !book.guards(silo)) continue;
    if (book.rows(each, each.sourceColumns, TO_MEDIATOR).some(({ where }) => where === undefined)) continue;
    const policy = book.aggregates(each, TO_MEDIATOR).find(({ where }) => where === undefined);
    if (policy === undefined) {
      return new CausewayError(
        SQLSTATE.policyViolation,
        `no policy of ${silo} lets the names of categories or entities in ${silo}.${each.table} leave`,
        {
          silo,
          hint: `Leave text columns out and scale by silo, or ask the owner for: CREATE POLICY … ON ${silo}.${each.table} ALLOW AGGREGATES (min_group => …) TO mediator.`,
        },
      );
    }
    least = Math.max(least, minGroupOf(policy));
  }
  return least;
}

const refusal = (silo: string, from: string, what: string): CausewayError =>
  new CausewayError(
    SQLSTATE.policyViolation,
    `training in ${silo} would read ${what}, which no policy of ${from} lets leave`,
    {
      silo: from,
      hint: `Leave it out of the feature query, or ask the owner of ${from} for a policy.`,
    },
  );
