/** Policies as the catalog keeps them → policies that can be put into plans: their WHERE is bound to the silo's table. */
import type { TableInfo } from '../../../connectors/connector.ts';
import type { BoundPolicy } from '../../../optimizer/policy/book.ts';
import { CausewayError, SQLSTATE } from '../../plan/errors.ts';
import type { ColumnId, Expression } from '../../plan/expressions.ts';
import type { RelationalNode, Scan } from '../../plan/nodes.ts';
import type { Policy } from '../../plan/policy.ts';
import { columnsOf, hasSubquery, nodesOf, substitute } from '../../plan/traverse.ts';
import { type SqlType, typeName } from '../../plan/types.ts';
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
  const bound = await bindOver(policy, table, { where: policy.where ?? 'true' });
  return { ...policy, condition: bound.expression, conditionColumns: bound.columns };
}

/** An expression over a table, before it is known which scan of it it will stand over. */
export interface ExpressionOverTable {
  readonly expression: (over: Scan) => Expression;
  /** Those it reads. */
  readonly columns: readonly string[];
}

/**
 * Binds a condition, or a value that takes the place of a column, over a table.
 * @throws CausewayError of the binder for unknown columns and wrong types; 0A000 for a subquery
 */
export async function bindOver(
  { name, silo }: { readonly name: string; readonly silo: string },
  table: TableInfo,
  text: { readonly where: string } | { readonly value: string; readonly type: SqlType },
): Promise<ExpressionOverTable> {
  const query =
    'where' in text
      ? `SELECT * FROM t WHERE (${text.where}\n)`
      : `SELECT CAST((${text.value}\n) AS ${typeName(text.type)}) FROM t`;
  const { plan } = await bindSelect(query, {
    relation: () => ({ kind: 'table', silo, table }),
    relationNames: () => [],
  });
  const scan = [...nodesOf(plan)].find((each) => each.kind === 'scan');
  const found = 'where' in text ? conditionOf(plan) : plan.kind === 'project' ? plan.expressions[0] : undefined;
  if (found === undefined || scan === undefined || hasSubquery(found)) {
    const what = 'where' in text ? 'condition' : 'expression';
    throw new CausewayError(
      SQLSTATE.featureNotSupported,
      `policy "${name}": its ${'where' in text ? 'WHERE' : 'mask'} must be a plain ${what}`,
      {
        hint: 'Use columns of the table and constants, without subqueries.',
      },
    );
  }
  const names = new Map<ColumnId, string>(scan.columns.map(({ id }, i) => [id, scan.sourceColumns[i]!]));
  return {
    columns: [...columnsOf(found)].map((id) => names.get(id)!),
    expression: (over) =>
      substitute(found, (id) => {
        const at = over.sourceColumns.indexOf(names.get(id)!);
        const { type } = scan.columns.find((column) => column.id === id)!;
        return { kind: 'column', id: over.columns[at]!.id, type };
      }),
  };
}

const conditionOf = (plan: RelationalNode): Expression | undefined =>
  [...nodesOf(plan)].find((each) => each.kind === 'filter')?.predicate;
