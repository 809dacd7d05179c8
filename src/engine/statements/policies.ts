/** CREATE POLICY, DROP POLICY. */
import type { TableInfo } from '../../../connectors/connector.ts';
import { validatePolicy } from '../../../optimizer/policy/book.ts';
import { CausewayError, SQLSTATE } from '../../plan/errors.ts';
import { didYouMean } from '../../plan/nearest.ts';
import type { Policy } from '../../plan/policy.ts';
import type { Restriction } from '../../plan/restriction.ts';
import type { CreatePolicy, CreateRestriction } from '../../sql/statements/statement.ts';
import type { Engine } from '../engine.ts';
import { bindCondition, bindOver, policyTable } from '../planning/policies.ts';
import { bindMask } from '../planning/restrictions.ts';
import type { StatementResult } from '../result.ts';
import { done } from '../rows.ts';
import { requireRole } from './roles.ts';

/** @throws CausewayError for unknown silos, tables and columns, for contradictions, and for a WHERE that cannot be bound */
export async function createPolicy(
  engine: Engine,
  statement: CreatePolicy,
  signal: AbortSignal,
): Promise<StatementResult> {
  const { policies } = engine.catalog;
  const subject = newSubject(engine, statement);
  if (statement.to.kind === 'silo') engine.silos.definition(statement.to.silo);
  const policy: Policy = {
    ...subject,
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

/** @throws CausewayError for unknown silos, tables, columns and roles, and for what cannot be bound */
export async function createRestriction(
  engine: Engine,
  statement: CreateRestriction,
  signal: AbortSignal,
): Promise<StatementResult> {
  const { policies, roles } = engine.catalog;
  const { rule } = statement;
  const restriction: Restriction = {
    ...newSubject(engine, statement),
    rule,
    role: requireRole(roles, statement.role.value).name,
  };
  const { name, silo } = restriction;
  const table = await policyTable(restriction, engine.silos, signal);
  if (table === undefined) {
    throw new CausewayError(
      SQLSTATE.undefinedTable,
      `policy "${name}": there is no table ${statement.silo.value}.${restriction.table}`,
      { silo },
    );
  }
  const named = rule.kind === 'hide' ? rule.columns : rule.kind === 'mask' ? [rule.column] : [];
  for (const column of named) requireColumn(name, column, table);
  if (rule.kind === 'filter') await bindOver(restriction, table, { where: rule.where });
  if (rule.kind === 'mask') await bindMask(restriction, rule, table);
  policies.put(restriction);
  engine.changed();
  return done('CREATE POLICY');
}

function requireColumn(policy: string, column: string, { table, columns }: TableInfo): void {
  const names = columns.map((each) => each.name);
  if (names.includes(column)) return;
  const hint = didYouMean(column, names);
  throw new CausewayError(
    SQLSTATE.undefinedColumn,
    `policy "${policy}": ${table} has no column "${column}"`,
    hint === undefined ? {} : { hint },
  );
}

/** Its name, which must be new, and the table it is about. */
function newSubject(
  engine: Engine,
  statement: CreatePolicy | CreateRestriction,
): Pick<Policy, 'name' | 'silo' | 'schema' | 'table'> {
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
  return { name, silo, ...(schema === undefined ? {} : { schema }), table: statement.table.value };
}

export function dropPolicy(engine: Engine, name: string, ifExists: boolean): StatementResult {
  const { policies } = engine.catalog;
  if (!policies.remove(name) && !ifExists) {
    const hint = didYouMean(
      name,
      [...policies.list(), ...policies.restrictions()].map((policy) => policy.name),
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
