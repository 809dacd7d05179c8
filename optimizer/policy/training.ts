/** TRAIN under policies: what leaves is updates, and only where a policy lets updates leave under the PRIVACY clause. */
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';
import type { RelationalNode } from '../../src/plan/nodes.ts';
import { allowanceText } from '../../src/plan/policy.ts';
import type { PrivacySpec } from '../../src/plan/training.ts';
import { nodesOf } from '../../src/plan/traverse.ts';
import { type PolicyBook, TO_MEDIATOR } from './book.ts';

/**
 * @param siloPlans the feature query of each silo
 * @throws CausewayError CW001 naming the policy and what the statement would have to say
 */
export function requireTrainingAllowed(
  siloPlans: ReadonlyMap<string, RelationalNode>,
  privacy: PrivacySpec | undefined,
  book: PolicyBook,
): void {
  for (const [silo, plan] of siloPlans) {
    for (const each of nodesOf(plan)) {
      if (each.kind === 'native-query' && book.guards(each.silo)) throw refusal(silo, each.silo, 'a native query');
      if (each.kind !== 'scan' || !book.guards(each.silo)) continue;
      const name = `${each.silo}.${each.table}`;
      if (each.silo !== silo) {
        // A lookup table of another silo is brought to this one: its rows leave home.
        const both = [TO_MEDIATOR, silo].every((to) => book.rows(each, each.sourceColumns, to).length > 0);
        if (!both) throw refusal(silo, each.silo, `rows of ${name}`);
        continue;
      }
      if (book.updates(each, privacy) !== undefined) continue;
      const nearest = book.on(each, TO_MEDIATOR).find(({ allow }) => allow.kind === 'updates');
      if (nearest === undefined) {
        throw new CausewayError(
          SQLSTATE.policyViolation,
          `no policy of ${silo} lets model updates from ${name} leave`,
          {
            silo,
            hint: `Ask the owner of ${silo} for: CREATE POLICY … ON ${name} ALLOW UPDATES TO mediator.`,
          },
        );
      }
      const needed = [
        nearest.allow.kind === 'updates' && nearest.allow.secure ? 'secure => true' : undefined,
        nearest.allow.kind === 'updates' && nearest.allow.maxEpsilon !== undefined
          ? `epsilon => ${nearest.allow.maxEpsilon}`
          : undefined,
      ].filter((part) => part !== undefined);
      throw new CausewayError(
        SQLSTATE.policyViolation,
        `policy "${nearest.name}" lets updates from ${name} leave only with ${allowanceText(nearest.allow)}`,
        { silo, hint: `Add PRIVACY (${needed.join(', ')}) to the statement.` },
      );
    }
  }
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
