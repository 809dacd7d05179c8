/** CREATE POLICY, DROP POLICY. */
import { validatePolicy } from '../../../optimizer/policy/book.ts';
import { CausewayError, SQLSTATE } from '../../plan/errors.ts';
import { didYouMean } from '../../plan/nearest.ts';
import type { Policy } from '../../plan/policy.ts';
import type { CreatePolicy } from '../../sql/statements/statement.ts';
import type { Engine } from '../engine.ts';
import { bindCondition, policyTable } from '../planning/policies.ts';
import type { StatementResult } from '../result.ts';
import { done } from '../rows.ts';

/** @throws CausewayError for unknown silos, tables and columns, for contradictions, and for a WHERE that cannot be bound */
export async function createPolicy(
  engine: Engine,
  statement: CreatePolicy,
  signal: AbortSignal,
): Promise<StatementResult> {
  const { policies, silos } = engine.catalog;
  const name = statement.name.value;
  if (policies.get(name) !== undefined) {
    throw new CausewayError(SQLSTATE.duplicateObject, `there is a policy "${name}" already`, {
      hint: `DROP POLICY ${name} first.`,
    });
  }
  const spelled = statement.silo.value;
  // `berlin__sales.orders` is the schema `sales` of the silo `berlin` (docs/design.md §4).
  const [silo = spelled, schema] = silos.get(spelled) === undefined ? spelled.split('__') : [spelled];
  engine.silos.definition(silo);
  if (statement.to.kind === 'silo') engine.silos.definition(statement.to.silo);
  const policy: Policy = {
    name,
    silo,
    ...(schema === undefined ? {} : { schema }),
    table: statement.table.value,
    allow: statement.allow,
    to: statement.to,
    ...(statement.where === undefined ? {} : { where: statement.where.value }),
    ...(statement.role === undefined ? {} : { role: statement.role.value }),
  };
  const table = await policyTable(policy, engine.silos, signal);
  validatePolicy(
    policy,
    table?.columns.map((column) => column.name),
    policies.list(),
  );
  if (policy.where !== undefined && table !== undefined) await bindCondition(policy, table);
  policies.put(policy);
  engine.changed();
  return done('CREATE POLICY');
}

export function dropPolicy(engine: Engine, name: string, ifExists: boolean): StatementResult {
  const { policies } = engine.catalog;
  if (!policies.remove(name) && !ifExists) {
    const hint = didYouMean(
      name,
      policies.list().map((policy) => policy.name),
    );
    throw new CausewayError(
      SQLSTATE.undefinedObject,
      `there is no policy "${name}"`,
      hint === undefined ? {} : { hint },
    );
  }
  engine.changed();
  return done('DROP POLICY');
}
