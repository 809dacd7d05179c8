/** Policies as the catalog keeps them → policies that can be put into plans: their WHERE is bound to the silo's table. */
import type { TableInfo } from '../../../connectors/connector.ts';
import type { BoundPolicy } from '../../../optimizer/policy/book.ts';
import { CausewayError, SQLSTATE } from '../../plan/errors.ts';
import type { ColumnId, Expression } from '../../plan/expressions.ts';
import type { Scan } from '../../plan/nodes.ts';
import type { Policy } from '../../plan/policy.ts';
import { columnsOf, hasSubquery, nodesOf, substitute } from '../../plan/traverse.ts';
import { bindSelect } from '../../sql/select/bind.ts';
import type { SiloPool } from '../silo-pool.ts';

/** The table a policy is about; undefined when the silo has no such table. */
export async function policyTable(
  policy: Pick<Policy, 'silo' | 'schema' | 'table'>,
  silos: SiloPool,
  signal: AbortSignal,
): Promise<TableInfo | undefined> {
  const tables = await silos.tables(policy.silo, signal);
  return tables.find(({ schema, table }) => table === policy.table && schema === policy.schema);
}

/** @throws CausewayError when a WHERE cannot be bound any more, because its table has changed */
export function boundPolicies(
  policies: readonly Policy[],
  silos: SiloPool,
  signal: AbortSignal,
): Promise<readonly BoundPolicy[]> {
  return Promise.all(
    policies.map(async (policy) => {
      if (policy.where === undefined) return policy;
      const table = await policyTable(policy, silos, signal);
      if (table === undefined) {
        throw new CausewayError(
          SQLSTATE.undefinedTable,
          `policy "${policy.name}" is about ${policy.silo}.${policy.table}, which is not there any more`,
          { silo: policy.silo, hint: `DROP POLICY ${policy.name} when the table is gone for good.` },
        );
      }
      return bindCondition(policy, table);
    }),
  );
}

/**
 * Binds a policy's WHERE over its table.
 * @throws CausewayError of the binder for unknown columns and wrong types; 0A000 for a subquery
 */
export async function bindCondition(policy: Policy, table: TableInfo): Promise<BoundPolicy> {
  const { plan } = await bindSelect(`SELECT * FROM t WHERE ${policy.where}`, {
    relation: () => ({ kind: 'table', silo: policy.silo, table }),
    relationNames: () => [],
  });
  const nodes = [...nodesOf(plan)];
  const filter = nodes.find((each) => each.kind === 'filter');
  const scan = nodes.find((each) => each.kind === 'scan');
  if (filter === undefined || scan === undefined || hasSubquery(filter.predicate)) {
    throw new CausewayError(
      SQLSTATE.featureNotSupported,
      `policy "${policy.name}": its WHERE must be a plain condition`,
      {
        hint: 'Compare columns of the table with constants, without subqueries.',
      },
    );
  }
  const names = new Map<ColumnId, string>(scan.columns.map(({ id }, i) => [id, scan.sourceColumns[i]!]));
  const conditionColumns = [...columnsOf(filter.predicate)].map((id) => names.get(id)!);
  const condition = (over: Scan): Expression =>
    substitute(filter.predicate, (id) => {
      const at = over.sourceColumns.indexOf(names.get(id)!);
      const { type } = scan.columns.find((column) => column.id === id)!;
      return { kind: 'column', id: over.columns[at]!.id, type };
    });
  return { ...policy, condition, conditionColumns };
}
