/** What the silo's owner lets leave, judged at the agent from the plan itself, whatever the coordinator has decided. */
import { readFileSync } from 'node:fs';
import { type BoundPolicy, PolicyBook, TO_MEDIATOR, validatePolicy } from '../../optimizer/policy/book.ts';
import { leaksOf } from '../../optimizer/policy/check.ts';
import { constrain } from '../../optimizer/policy/constrain.ts';
import { leastScoredWindows } from '../../optimizer/policy/scoring.ts';
import { trainedRows } from '../../optimizer/policy/trained-rows.ts';
import { smallestNamedGroup } from '../../optimizer/policy/training.ts';
import { policyViolation, type Refusal } from '../../optimizer/policy/violation.ts';
import { boundPolicies } from '../engine/planning/policies.ts';
import type { SiloPool } from '../engine/silo-pool.ts';
import { policiesAbout } from '../engine/training/protection.ts';
import { CausewayError, messageOf, SQLSTATE } from '../plan/errors.ts';
import type { RelationalNode, Scan } from '../plan/nodes.ts';
import type { Policy } from '../plan/policy.ts';
import type { PrivacySpec } from '../plan/training.ts';
import { nodesOf } from '../plan/traverse.ts';
import { splitStatements } from '../sql/lexer.ts';
import { parseStatement } from '../sql/statements/parse.ts';

export class OwnerPolicy {
  readonly #silo: string;
  readonly #policies: readonly BoundPolicy[];
  readonly #book: PolicyBook;

  constructor(silo: string, policies: readonly BoundPolicy[]) {
    this.#silo = silo;
    this.#policies = policies;
    this.#book = new PolicyBook(policies);
  }

  /**
   * The same, with each WHERE read over the silo's own table.
   * @throws CausewayError when a WHERE does not fit its table, or the table is not there
   */
  async over(silos: SiloPool, signal: AbortSignal): Promise<OwnerPolicy> {
    return new OwnerPolicy(this.#silo, await boundPolicies(this.#policies, silos, signal));
  }

  /**
   * Reads `policy.sql`: CREATE POLICY statements about this silo's tables.
   * @throws CausewayError with the place in the file for what does not parse, is about another silo, or contradicts itself.
   */
  static load(silo: string, path: string): OwnerPolicy {
    const policies: Policy[] = [];
    for (const { text, position } of splitStatements(readPolicies(path))) {
      const statement = parseStatement(text, position);
      if (statement.kind !== 'create-policy') {
        throw new CausewayError(SQLSTATE.syntaxError, `${path} holds a statement that is no CREATE POLICY`, {
          position,
        });
      }
      const { allow, name, role, table, to, where } = statement;
      if (statement.silo.value !== silo) {
        throw new CausewayError(
          SQLSTATE.undefinedObject,
          `policy "${name.value}" is about silo "${statement.silo.value}", this agent stands beside "${silo}"`,
          { position, hint: `Write ON ${silo}.${table.value}.` },
        );
      }
      const policy: Policy = {
        name: name.value,
        silo,
        table: table.value,
        allow,
        to,
        ...(where === undefined ? {} : { where: where.value }),
        ...(role === undefined ? {} : { role: role.value }),
      };
      validatePolicy(policy, allow.kind === 'rows' ? allow.columns : [], policies);
      policies.push(policy);
    }
    return new OwnerPolicy(silo, policies);
  }

  /**
   * The plan whose rows may leave: where a policy has a WHERE, with it, whether or not the coordinator knows of it.
   * @throws CausewayError CW001 naming the policy and the columns when the plan's rows may not leave.
   */
  lawful(plan: RelationalNode): RelationalNode {
    const conditional = this.#policies.some(({ condition }) => condition !== undefined);
    const kept = conditional ? constrain(plan, this.#book, idsBeyond(plan)).plan : plan;
    const refusals = leaksOf(kept, TO_MEDIATOR, this.#book).map(({ columns, table }): Refusal => {
      const scan = [...this.#scans(kept)].find((each) => each.table === table);
      return { table: scan ?? { silo: this.#silo, table }, columns, reason: 'rows' };
    });
    if (refusals.length > 0) throw policyViolation(refusals, this.#book);
    return kept;
  }

  /** The plan over the rows that a model may learn from, or be scored on: where a policy about updates has a WHERE, with it. */
  trained(plan: RelationalNode, privacy: PrivacySpec | undefined): RelationalNode {
    return trainedRows(plan, privacy, this.#book).plan;
  }

  /**
   * The privacy budgets of the tables that the plan trains on.
   * @throws CausewayError CW001 naming the table when updates trained on it may not leave.
   */
  requireUpdates(plan: RelationalNode, privacy: PrivacySpec | undefined): { table: string; epsilon: number }[] {
    const budgets: { table: string; epsilon: number }[] = [];
    for (const scan of this.#scans(plan)) {
      if (!this.#book.guards(this.#silo)) continue;
      const allow = this.#book.updates(scan, privacy)?.allow;
      if (allow?.kind === 'updates') {
        if (allow.maxEpsilon !== undefined) {
          budgets.push({ table: `${this.#silo}.${scan.table}`, epsilon: allow.maxEpsilon });
        }
        continue;
      }
      throw new CausewayError(
        SQLSTATE.policyViolation,
        `silo ${this.#silo}: no policy lets updates of a model trained on ${scan.table} leave`,
        {
          silo: this.#silo,
          hint: 'Its owner allows them with CREATE POLICY … ALLOW UPDATES, perhaps for PRIVACY (secure => true).',
        },
      );
    }
    return budgets;
  }

  /**
   * The training rows that a category or an entity must have to be named.
   * @throws CausewayError CW001 when none may be
   */
  smallestNamedGroup(plan: RelationalNode): number {
    const found = smallestNamedGroup(this.#silo, plan, this.#book);
    if (typeof found === 'number') return found;
    throw found;
  }

  /** The policies on the plan's tables, as the statements that make them. */
  about(plan: RelationalNode): string[] {
    return policiesAbout(plan, this.#book);
  }

  /**
   * The windows that sums of a model's errors on the plan's rows must be over to leave.
   * @throws CausewayError CW001 when none may
   */
  leastScoredWindows(plan: RelationalNode): number {
    const found = leastScoredWindows(this.#silo, plan, this.#book);
    if (typeof found === 'number') return found;
    throw found;
  }

  *#scans(plan: RelationalNode): Generator<Scan> {
    for (const each of nodesOf(plan)) if (each.kind === 'scan') yield each;
  }
}

/** Ids that no column of the plan has. */
function idsBeyond(plan: RelationalNode): () => number {
  let last = Math.max(...[...nodesOf(plan)].flatMap(({ columns }) => columns.map(({ id }) => id)));
  return () => ++last;
}

function readPolicies(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new CausewayError(SQLSTATE.undefinedFile, `the policy file cannot be read: ${messageOf(cause)}`, {
      hint: 'Correct "policy" in the agent’s configuration.',
    });
  }
}

/** Nodes that could reach beyond the silo's own tables, or run text that nobody has judged. */
const FOREIGN = new Set(['native-query', 'mediator-query', 'memory-table']);

/**
 * A plan may read tables of this silo only.
 * @throws CausewayError 42501 for a plan that holds anything but relational operators over tables.
 */
export function requireOwnPlan(plan: RelationalNode, silo: string): void {
  for (const each of nodesOf(plan)) {
    if (!FOREIGN.has(each.kind) && !(each.kind === 'scan' && each.silo !== silo)) continue;
    throw new CausewayError(
      SQLSTATE.insufficientPrivilege,
      `silo ${silo} refuses a plan with ${each.kind} of another place`,
      {
        silo,
        hint: `CREATE SILO ${silo} under the name it enrolled with; native queries do not pass through agents.`,
      },
    );
  }
}
